"""What is loaded once and shared by all visitors: networks and detectors."""

import contextlib
import gc
import importlib
import threading
from collections.abc import Iterable

import streamlit as st

from fer import paths
from fer.detection import FaceDetector, load_detector
from fer.errors import FerError
from fer.pipeline import DEFAULT_MODEL, FacePipeline, Settings
from fer.recognition import MODEL_FILE, REPORT_FILE, EmotionModel, load_model

_FIRST_NEEDED = ("fer.ui.style", "fer.ui.home.overview", "fer.ui.album", "fer.ui.reading", "aiortc")
"""What Home needs."""

_NEEDED_NEXT = ("fer.charts.datasets",)
"""What other pages draw with.

Neither holds anything that declares a component of a page, as the camera does: Streamlit serves those alone that were
declared while a page ran.
"""


def prepare() -> None:
    """Load what the first visitor will need, in a thread of its own, while the browser still loads Streamlit's page.

    All of it is left out of every later search for garbage, which takes 0.13 s among so much, while all threads stand
    still.
    """

    def load() -> None:
        for module in _FIRST_NEEDED:
            importlib.import_module(module)
        with contextlib.suppress(FerError):  # the page says it
            open_pipeline(Settings())
        for module in _NEEDED_NEXT:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()

    threading.Thread(target=load, name="prepare", daemon=True).start()


def list_models() -> list[str]:
    """Every installed model's name, as all pickers list them: the one that is used by default first."""
    return put_default_first(paths.find_models())


def put_default_first(names: Iterable[str]) -> list[str]:
    """Put the name of the default model, where it is among these, before the others."""
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def file_version(model: str) -> tuple[int, ...]:
    """Changes when a model's files do, so that a newly installed one is opened."""
    folder = paths.find_models().get(model)
    files = [] if folder is None else [folder / name for name in (paths.CARD_FILE, MODEL_FILE, REPORT_FILE)]
    return tuple(file.stat().st_mtime_ns for file in files if file.exists())


@st.cache_resource(show_spinner="Opening the model", max_entries=8)
def _open_model(name: str, version: tuple[int, ...], threads: int) -> EmotionModel:
    return load_model(name, threads=threads)


@st.cache_resource(show_spinner="Opening the detector", max_entries=8)
def _open_detector(choice: str, file: str, threads: int) -> FaceDetector:
    return load_detector(choice, threads)


def open_model(name: str, threads: int = 0) -> EmotionModel:
    """A model by its name, opened once for everyone; `threads` as for `fer.onnx_session.open_session`.

    Raises:
        ModelError: it is missing or damaged.
    """
    return _open_model(name, file_version(name), threads)


def open_detector(choice: str, threads: int = 0) -> FaceDetector:
    """A detector by its name or "auto", opened once for everyone; `threads` as for `fer.onnx_session.open_session`.

    Raises:
        DetectorError: it is unknown or cannot run here.
    """
    return _open_detector(choice, str(paths.find_detector_file()), threads)


def open_pipeline(settings: Settings, threads: int = 0) -> FacePipeline:
    """A pipeline over the shared model and detector.

    Args:
        settings: what it is made of.
        threads: how many share one picture's work; 0 takes as many as there are cores, 1 suits whoever reads as many
            pictures at once.

    Raises:
        ModelError: the model is missing or damaged.
        DetectorError: the detector cannot run here.
    """
    return settings.assemble(open_model(settings.model, threads), open_detector(settings.detector, threads))
