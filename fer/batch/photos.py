"""Many files and links -> one result each, in input order; a file that cannot be read says so and the others go on.

Knows nothing about pages or the command line.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fer.errors import FerError, MediaError
from fer.fetch import fetch_image_bytes
from fer.media import IMAGE_SUFFIXES, decode_image, read_image
from fer.pipeline import FacePipeline
from fer.results import PhotoResult

Opener = Callable[[], np.ndarray]
"""Gives one picture as image_bgr, uint8 of shape (height, width, 3), or raises a `FerError`."""

Place = Path | str
"""Where one picture lies: a path, or as text a link that begins with http."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """One picture of a batch, read.

    Attributes:
        photo: what was read, or why nothing was.
        image_bgr: the picture, uint8 of shape (height, width, 3), for what is drawn on it; None if unreadable.
    """

    photo: PhotoResult
    image_bgr: np.ndarray | None


def find_images(places: Sequence[Place]) -> list[Place]:
    """List the pictures to analyse: files and links as given, folders by the picture files below them, by name.

    Raises:
        MediaError: a folder holds no picture files.
    """
    found: list[Place] = []
    for place in places:
        if isinstance(place, str) or not os.path.isdir(place):  # unlike `Path.is_dir`, it takes a name that is too long
            found.append(place)
            continue
        below = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        if not below:
            raise MediaError(f"The folder {place} holds no picture files.")
        found += below
    return found


def analyze_photo(pipeline: FacePipeline, file: str, opener: Opener) -> Analysis:
    """Analyse one picture.

    Args:
        pipeline: reads it.
        file: what the result calls it.
        opener: gives the picture.

    Returns:
        The result, or the sentence that says why there is none.
    """
    try:
        image_bgr = opener()
        return Analysis(PhotoResult(file, pipeline.reader, result=pipeline.analyze(image_bgr)), image_bgr)
    except FerError as error:
        return Analysis(PhotoResult(file, pipeline.reader, error=str(error)), None)


def analyze_files(pipeline: FacePipeline, places: Iterable[Place]) -> Iterator[Analysis]:
    """Analyse files and links one after the other, each yielded as soon as it is done.

    A result's `file` is the path or link as text; bytes of a name that are no UTF-8 are written as backslash escapes.
    """
    for place in places:
        shown = os.fsencode(place).decode(errors="backslashreplace")
        yield analyze_photo(pipeline, shown, partial(_open, place))


def _open(place: Place) -> np.ndarray:
    return decode_image(fetch_image_bytes(place), place) if isinstance(place, str) else read_image(place)
