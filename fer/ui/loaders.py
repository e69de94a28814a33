"""What is loaded once and shared, and what belongs to one visitor alone.

Networks and detectors are shared by all sessions (a detector keeps one engine a thread by itself). Pictures and
results are cached by session, so that no visitor can be served another one's.
"""

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


@st.cache_resource(scope="session", max_entries=1000, show_spinner=False)
def _read_photo(
    name: str, digest: str, settings: Settings, version: tuple, _photo: Photo, _pipeline: FacePipeline
) -> PhotoResult:
    return analyze_photo(_pipeline, name, lambda: open_photo(_photo))


def read_photos(photos: list[Photo], settings: Settings, pipeline: FacePipeline) -> list[PhotoResult]:
    """Analyse a visitor's photos, with progress where there are many; those analysed before come from the cache."""
    version = (_file_version(settings.model), pipeline.reader.detector)
    bar = st.progress(0.0, text="Reading the photos") if len(photos) > 1 else None
    results = []
    for number, photo in enumerate(photos, start=1):
        results.append(_read_photo(photo.name, photo.digest, settings, version, photo, pipeline))
        if bar is not None:
            bar.progress(number / len(photos), text=f"Read {number} of {len(photos)} photos")
    if bar is not None:
        bar.empty()
    return results
