"""A visitor's photos and what was read in them: kept in that visitor's session alone, and small.

A decoded picture lives only while it is analysed. What stays is what the page shows: the picture with its boxes as a
JPEG, the faces as patches, and their activation maps.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from fer.batch.photos import analyze_photo
from fer.crops import cut_square
from fer.drawing import annotate
from fer.errors import BudgetError
from fer.pipeline import FacePipeline, Settings
from fer.results import PhotoResult
from fer.ui.loaders import file_version
from fer.ui.photos import Photo
from fer.ui.shares import TURNS, Work, waiting_words
from fer.ui.style import plain
from fer.ui.visitor import find_share

SHOWN_SIDE = 1400
"""Long side, in pixels, of the pictures that are sent to the browser."""

PATCH_SIDE = 176
"""Side, in pixels, of the faces on the cards: twice what is shown, for dense screens."""

MAX_REMEMBERED = 200
"""How many photos beyond those on the page a visitor's session remembers."""


@dataclass(frozen=True, eq=False)
class FaceView:
    """What is shown of one face.

    Attributes:
        crop_bgr: the crop in colour, uint8 of shape (PATCH_SIDE, PATCH_SIDE, 3).
        seen_bgr: its centre, which is what the network sees, of the same shape.
        maps: float32 of shape (h, w, classes) over `seen_bgr`.
        has_activations: whether they are the network's own; else parts of the face were covered to make them.
    """

    crop_bgr: np.ndarray
    seen_bgr: np.ndarray
    maps: np.ndarray
    has_activations: bool


@dataclass(frozen=True, eq=False)
class Reading:
    """One photo, read.

    Attributes:
        photo: where it came from.
        result: what was read in it, or why it could not be.
        picture_jpeg: the picture with its numbered boxes; empty where it could not be read.
        views: one a face, in the order of the result's.
    """

    photo: Photo
    result: PhotoResult
    picture_jpeg: bytes
    views: tuple[FaceView, ...]


def read_photos(photos: Sequence[Photo], settings: Settings, pipeline: FacePipeline) -> list[Reading]:
    """Analyse a visitor's photos; those read before are remembered.

    Many photos show their progress and can be stopped; what was read until then is kept, the rest can be read later.

    Returns:
        The readings so far, in the order of the photos.
    """
    album: OrderedDict[tuple, Reading] = st.session_state.setdefault("_album", OrderedDict())
    version = (settings, file_version(settings.model), pipeline.reader.detector)
    keys = [(photo.name, photo.digest, version) for photo in photos]
    missing = [(key, photo) for key, photo in zip(keys, photos, strict=True) if key not in album]
    try:
        if len(missing) == 1:
            place = st.empty()
            _read_all(missing, album, pipeline, lambda before: place.caption(waiting_words(before)))
            place.empty()
        elif missing:
            _read_with_a_way_out(missing, keys, album, pipeline)
    except BudgetError as error:
        st.warning(plain(str(error)), icon=":material/hourglass_disabled:")
    for key in [key for key in album if key not in set(keys)][:-MAX_REMEMBERED]:
        del album[key]
    return [album[key] for key in keys if key in album]


def _read_all(
    missing: list[tuple[tuple, Photo]],
    album: OrderedDict[tuple, Reading],
    pipeline: FacePipeline,
    wait: Callable[[int], object],
    report: Callable[[int], None] = lambda done: None,
) -> None:
    who = find_share()
    for done, (key, photo) in enumerate(missing, start=1):
        with TURNS.take(Work.PHOTO, who, wait):
            album[key] = _read(photo, pipeline)
        report(done)


def _read_with_a_way_out(
    missing: list[tuple[tuple, Photo]],
    keys: list[tuple],
    album: OrderedDict[tuple, Reading],
    pipeline: FacePipeline,
) -> None:
    """A click on Stop ends this run of the page, and the next one finds the batch marked as stopped."""
    before, total = len(keys) - len(missing), len(keys)
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        if st.session_state.get("_stopped") == keys:
            st.warning(f"Stopped: {before} of {total} photos were read.", icon=":material/pause:")
            st.button("Read the rest", key="read_rest", on_click=lambda: st.session_state.pop("_stopped"))
            return
        bar = st.progress(before / total, text=f"Read {before} of {total} photos")
        st.button("Stop", key="stop_reading", on_click=lambda: st.session_state.update(_stopped=keys))
    start = time.monotonic()
    share = before / total

    def wait(others: int) -> None:
        bar.progress(share, text=waiting_words(others))

    def report(done: int) -> None:
        nonlocal share
        share = (before + done) / total
        left_s = (time.monotonic() - start) / done * (len(missing) - done)
        bar.progress(share, text=f"Read {before + done} of {total} photos, {left_s:.0f} s left")

    _read_all(missing, album, pipeline, wait, report)
    place.empty()


def _read(photo: Photo, pipeline: FacePipeline) -> Reading:
    analysis = analyze_photo(pipeline, photo.name, photo.opener)
    result, image_bgr = analysis.photo, analysis.image_bgr
    if image_bgr is None:
        return Reading(photo, result, b"", ())
    shown_bgr = _shrunk(annotate(image_bgr, result.faces))
    views = tuple(
        FaceView(
            crop_bgr=cut_square(image_bgr, face.crop_xywh, PATCH_SIDE),
            seen_bgr=cut_square(image_bgr, pipeline.seen_square(face), PATCH_SIDE),
            maps=pipeline.explain(image_bgr, face),
            has_activations=pipeline.has_maps,
        )
        for face in result.faces
    )
    return Reading(photo, result, cv2.imencode(".jpg", shown_bgr, (cv2.IMWRITE_JPEG_QUALITY, 90))[1].tobytes(), views)


def _shrunk(image_bgr: np.ndarray) -> np.ndarray:
    scale = SHOWN_SIDE / max(image_bgr.shape[:2])
    if scale >= 1:
        return image_bgr
    size_wh = (max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale)))
    return cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
