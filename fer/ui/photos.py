"""One picture of a visitor's, or a sample, that can be opened when it is needed; its bytes stay in memory."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from streamlit.typing import UploadedFile

from fer import samples
from fer.media import decode_image
from fer.ui.shares import HELD, TURNS, Work
from fer.ui.visitor import find_share


@dataclass(frozen=True)
class Photo:
    """One picture that a visitor chose.

    Attributes:
        name: what to call it.
        digest: tells it apart from every other photo of this visitor.
        opener: gives image_bgr, uint8 of shape (height, width, 3), or raises a `MediaError`.
        credit: whose picture it is, for samples.
    """

    name: str
    digest: str
    opener: Callable[[], np.ndarray]
    credit: str = ""


def from_upload(file: UploadedFile) -> Photo:
    """A photo of an uploaded file, whose bytes are counted for the visitor as long as anything holds the photo."""
    photo = Photo(file.name, file.file_id, lambda: decode_image(file.getvalue(), file.name))
    HELD.keep(photo, file.getvalue(), find_share())
    return photo


def from_bytes(name: str, data: bytes) -> Photo:
    return Photo(name, hashlib.sha256(data).hexdigest(), lambda: decode_image(data, name))


def from_sample(key: str) -> Photo:
    """A photo of one of the samples."""
    sample = samples.SAMPLES[key]
    return Photo(sample.title, f"sample {key}", sample.load, sample.credit)


def open_photo(photo: Photo, who: str | None) -> np.ndarray:
    """Decode a photo: image_bgr, uint8 of shape (height, width, 3); waits for a free processor.

    Args:
        photo: the photo.
        who: for whom, as `fer.ui.visitor.find_share` says.

    Raises:
        MediaError: it cannot be read.
        BudgetError: this visitor waits for too much already.
    """
    with TURNS.take(Work.PHOTO, who):
        return photo.opener()
