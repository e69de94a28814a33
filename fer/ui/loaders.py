"""What is loaded once and shared, and what belongs to one visitor alone.

Networks and detectors are shared by all sessions (a detector keeps one engine a thread by itself). Pictures and
results are cached by session, so that no visitor can be served another one's.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from fer import paths
from fer.batch import analyze_photo
from fer.detection import FaceDetector, load_detector
from fer.pipeline import FacePipeline
from fer.recognition import MODEL_FILE, REPORT_FILE, EmotionModel, load_model
from fer.results import Averaging, PhotoResult
from fer.ui.uploads import Photo

MAX_REMEMBERED = 1000
"""How many results of earlier photos a visitor's session keeps."""


@dataclass(frozen=True)
class Settings:
    """How photos are read; the arguments of `FacePipeline`."""

    model: str
    detector: str
    averaging: Averaging
    min_score: float
    margin: float


def _file_version(model: str) -> tuple[int, ...]:
    """Changes when a model's files do, so that a newly installed one is opened."""
    folder = paths.find_models().get(model)
    files = [] if folder is None else [folder / name for name in (paths.CARD_FILE, MODEL_FILE, REPORT_FILE)]
    return tuple(file.stat().st_mtime_ns for file in files if file.exists())


@st.cache_resource(show_spinner="Opening the model", max_entries=8)
def _open_model(name: str, version: tuple[int, ...]) -> EmotionModel:
    return load_model(name)


@st.cache_resource(show_spinner="Opening the detector", max_entries=8)
def _open_detector(choice: str, file: str) -> FaceDetector:
    return load_detector(choice)


def open_model(name: str) -> EmotionModel:
    """A model by its name, opened once for everyone.

    Raises:
        ModelError: it is missing or damaged.
    """
    return _open_model(name, _file_version(name))


def open_pipeline(settings: Settings) -> FacePipeline:
    """A pipeline over the shared model and detector.

    Raises:
        ModelError: the model is missing or damaged.
        DetectorError: the detector cannot run here.
    """
    return FacePipeline(
        open_model(settings.model),
        _open_detector(settings.detector, str(paths.find_detector_file())),
        averaging=settings.averaging,
        min_score=settings.min_score,
        margin=settings.margin,
    )


@st.cache_resource(scope="session", max_entries=3, show_spinner=False)
def _open_photo(digest: str, _photo: Photo) -> np.ndarray:
    return _photo.opener()


def open_photo(photo: Photo) -> np.ndarray:
    """A visitor's picture, decoded: image_bgr, uint8 of shape (height, width, 3).

    Raises:
        MediaError: it cannot be read.
    """
    return _open_photo(photo.digest, photo)


@dataclass(frozen=True)
class Batch:
    """How far the reading of a visitor's photos came: those of `photos` that were read, in order, and their results."""

    photos: list[Photo]
    results: list[PhotoResult]


def read_photos(photos: list[Photo], settings: Settings, pipeline: FacePipeline) -> Batch:
    """Analyse a visitor's photos; those read before are remembered.

    Many photos show their progress and can be stopped; what was read until then is kept, the rest can be read later.
    """
    readings: OrderedDict[tuple, PhotoResult] = st.session_state.setdefault("_readings", OrderedDict())
    version = (settings, _file_version(settings.model), pipeline.reader.detector)
    keys = [(photo.name, photo.digest, version) for photo in photos]
    missing = [(key, photo) for key, photo in zip(keys, photos, strict=True) if key not in readings]
    if len(missing) == 1:
        _read([missing[0]], readings, pipeline)
    elif missing:
        _read_many(missing, keys, readings, pipeline)
    read = [(photo, readings[key]) for key, photo in zip(keys, photos, strict=True) if key in readings]
    while len(readings) > MAX_REMEMBERED + len(photos):
        readings.popitem(last=False)
    return Batch([photo for photo, _ in read], [result for _, result in read])


def _read(
    missing: list[tuple[tuple, Photo]],
    readings: OrderedDict[tuple, PhotoResult],
    pipeline: FacePipeline,
    report: Callable[[int], None] = lambda done: None,
) -> None:
    for done, (key, photo) in enumerate(missing, start=1):
        readings[key] = analyze_photo(pipeline, photo.name, photo.opener)
        report(done)


def _read_many(
    missing: list[tuple[tuple, Photo]],
    keys: list[tuple],
    readings: OrderedDict[tuple, PhotoResult],
    pipeline: FacePipeline,
) -> None:
    """Read with a bar and a way out: a click on Stop ends this run, and the next one finds the batch marked."""
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

    def report(done: int) -> None:
        left_s = (time.monotonic() - start) / done * (len(missing) - done)
        bar.progress((before + done) / total, text=f"Read {before + done} of {total} photos, {left_s:.0f} s left")

    _read(missing, readings, pipeline, report)
    place.empty()
