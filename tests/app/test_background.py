"""Work that goes on while other pages are looked at: the navigation says so until it is done."""

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.ui.album import WORK, Batch
from fer.ui.photos import Photo
from tests.app.conftest import LIMIT_S, Visit
from tests.fakes import SquareFinder, install_model


def test_the_navigation_says_that_photos_are_being_read(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    declare = st.navigation

    def noted(pages: dict) -> object:
        titles[:] = [page.title for group in pages.values() for page in group]
        return declare(pages)

    monkeypatch.setattr(st, "navigation", noted)
    may_go_on = threading.Event()

    def opener() -> np.ndarray:
        assert may_go_on.wait(LIMIT_S)
        return np.zeros((40, 40, 3), np.uint8)

    app = visit("sessions")
    assert "Image" in titles
    assert not app.sidebar.get("progress")

    pipeline = FacePipeline(EmotionModel(install_model(tmp_path)), SquareFinder())
    photos = [(("a", "a", ()), Photo("a", "a", opener))]
    app.session_state[WORK] = batch = Batch([key for key, _ in photos], photos, OrderedDict(), pipeline)
    app.run()
    assert "Image (working)" in titles
    assert [bar.proto.text for bar in app.sidebar.get("progress")] == ["Reading photos"]

    may_go_on.set()
    assert batch.wait(LIMIT_S)
    app.run()
    assert "Image" in titles
    assert not app.sidebar.get("progress")
