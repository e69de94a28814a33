"""What a visitor brings: uploaded files, a snapshot or a sample, as photos that can be opened when they are needed.

A visitor's bytes stay in memory: they are never written to disk and never kept where another visitor's run could
find them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from fer import samples
from fer.media import IMAGE_SUFFIXES, decode_image

UPLOAD_TYPES = sorted(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)


@dataclass(frozen=True)
class Photo:
    """One picture that a visitor chose.

    Attributes:
        name: what to call it.
        digest: hex digest of its bytes, or of the sample's key.
        opener: gives image_bgr, uint8 of shape (height, width, 3), or raises a `MediaError`.
        credit: whose picture it is, for samples.
    """

    name: str
    digest: str
    opener: Callable[[], np.ndarray]
    credit: str = ""


def _from_bytes(name: str, data: bytes) -> Photo:
    return Photo(name, hashlib.sha256(data).hexdigest(), lambda: decode_image(data, name))


def _from_sample(key: str) -> Photo:
    sample = samples.SAMPLES[key]
    return Photo(sample.title, f"sample {key}", sample.load, sample.credit)


def choose_photos() -> list[Photo]:
    """Offer the ways to bring photos and return those chosen; a sample where there is nothing yet."""
    sources = {
        "upload": ":material/upload: Photos",
        "camera": ":material/photo_camera: Camera",
        "sample": ":material/face: Samples",
    }
    source = st.segmented_control(
        "Where the photo comes from",
        list(sources),
        default="upload",
        required=True,
        format_func=sources.get,
        key="image_source",
        persist_state="session",
        label_visibility="collapsed",
    )
    first_sample = next(iter(samples.SAMPLES))
    if source == "sample":
        key = st.pills(
            "Sample",
            list(samples.SAMPLES),
            default=first_sample,
            required=True,
            format_func=lambda key: samples.SAMPLES[key].title,
            key="image_sample",
            persist_state="session",
            label_visibility="collapsed",
        )
        return [_from_sample(key)]
    if source == "camera":
        snapshot = st.camera_input("Take a photo", resolution="720p", key="image_camera", width=480)
        if snapshot is not None:
            return [_from_bytes("Snapshot", snapshot.getvalue())]
        st.caption("No snapshot yet, so this is a sample. If the browser shows no picture, allow it the camera.")
        return [_from_sample(first_sample)]
    files = st.file_uploader(
        "Photos to read, one or many",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        key="image_files",
    )
    if files:
        return [_from_bytes(file.name, file.getvalue()) for file in files]
    st.caption("Photos stay in this machine's memory and are gone when you leave. Until you add one, this is a sample.")
    return [_from_sample(first_sample)]
