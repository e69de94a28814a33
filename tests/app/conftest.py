"""Visitors of the app, without a browser: the pages as Streamlit would run them."""

import hashlib
import re
from collections.abc import Callable, Iterator

import aiortc  # noqa: F401 - the pages load it; after TensorFlow, which the training's tests load, it crashes the process
import cv2
import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test

from fer import paths
from fer.detection import Haar
from fer.media import encode_png
from fer.results import Detections
from fer.samples import SAMPLES

LIMIT_S = 120
"""Longer than any page takes on two busy cores; nothing waits for it to pass."""

Visit = Callable[[str], AppTest]


@pytest.fixture(autouse=True)
def _through_the_entry_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run every page as the entry script does, and share nothing that was cached with other tests.

    AppTest takes a folder called pages/ for Streamlit's old mode before every run, in which a page runs alone.
    """
    monkeypatch.setattr(app_test, "PagesManager", type("NavigationOnly", (PagesManager,), {}))
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    # For every visitor AppTest looks for components in the metadata of all that is installed; the app needs none.
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
    monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: None)  # AppTest's runtime is a mock
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


_look = Haar._look
_looks: dict[tuple, Detections] = {}


@pytest.fixture(autouse=True)
def _look_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the faces of a picture once: these tests open the same few pictures a hundred times over."""

    def look(self: Haar, image_bgr: np.ndarray, min_score: float) -> Detections:
        key = (hashlib.sha256(image_bgr).digest(), image_bgr.shape, min_score)
        if key not in _looks:
            _looks[key] = _look(self, image_bgr, min_score)
        return _looks[key]

    monkeypatch.setattr(Haar, "_look", look)


@pytest.fixture
def visit() -> Visit:
    """A function that opens the app as a new visitor, on one of its pages."""

    def visit(page: str) -> AppTest:
        app = AppTest.from_file(str(paths.ROOT / "streamlit_app.py"), default_timeout=LIMIT_S)
        return (app if page == "home" else app.switch_page(f"pages/{page}.py")).run()

    return visit


def said(app: AppTest) -> str:
    """Everything that the page says, a line each, as a reader sees it: without the backslashes that Markdown takes."""
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    text = "\n".join(element.value for elements in kinds for element in elements)
    without_code = re.sub(r"(?<!\\)`((?:https?://|www\.)[^`]*|[^`\s]+@[^`]*)`", r"\1", text)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", without_code)


def upload(app: AppTest, *files: tuple[str, bytes], key: str = "image_files") -> AppTest:
    """Give the Image page files."""
    return app.file_uploader(key=key).set_value([(name, data, "image/png") for name, data in files]).run()


@pytest.fixture(scope="session")
def face_png() -> bytes:
    """A photo of one happy face."""
    return encode_png(cv2.resize(SAMPLES["astronaut"].load(), (256, 256), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="session")
def blurred_png(face_png: bytes) -> bytes:
    """The same, out of focus."""
    return encode_png(cv2.GaussianBlur(cv2.imdecode(np.frombuffer(face_png, np.uint8), cv2.IMREAD_COLOR), (0, 0), 1.5))


@pytest.fixture(scope="session")
def two_faces_png() -> bytes:
    return encode_png(cv2.resize(SAMPLES["two-faces"].load(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="session")
def blank_png() -> bytes:
    """A photo of nobody."""
    return encode_png(np.full((120, 160, 3), 128, np.uint8))
