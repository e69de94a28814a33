"""The button that records, and what may be done with what was recorded."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from fer.live import LiveSession, View
from fer.pipeline import FacePipeline
from fer.recognition import load_model
from fer.store import Store
from tests.app.conftest import said
from tests.fakes import SquareFinder, drawn_face, install_model


def page() -> None:
    """The controls alone, as a page would draw them."""
    import streamlit as st

    from fer.ui.live.recording import find_trouble, show_controls

    live, pipeline = st.session_state["live"], st.session_state["pipeline"]
    show_controls(live, pipeline, playing=st.session_state["playing"])
    st.caption(f"trouble: {find_trouble()}")


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FacePipeline:
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
    install_model(tmp_path)
    return FacePipeline(load_model("drawn"), SquareFinder(), averaging="none")


@pytest.fixture
def app(pipeline: FacePipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """A page with the controls, while pictures come, for somebody at the server's own machine."""
    monkeypatch.setattr("fer.ui.visitor.on_own_machine", lambda: True)
    # AppTest looks for components in the metadata of all that is installed; the controls need none.
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
    monkeypatch.setattr(
        st, "page_link", lambda path, *, label, query_params, **_: st.markdown(f"{label} {query_params}")
    )
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["live"] = LiveSession(pipeline)
    app.session_state["live"].view = View(mirror=False)  # the stand-in network looks at the left half
    app.session_state["pipeline"] = pipeline
    app.session_state["playing"] = True
    yield app
    st.cache_resource.clear()


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def frames(app: AppTest, count: int, face: bool = True) -> None:
    """Let the camera bring frames, ten a second."""
    picture = np.zeros((60, 80, 3), np.uint8)
    if face:
        drawn_face(picture, 10, 10, 24, happy=True)
    for frame in range(count):
        app.session_state["live"].process(picture, frame / 10)


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button} | {button.key for button in app.download_button}


class TestRecording:
    def test_nothing_is_recorded_without_pictures(self, app: AppTest) -> None:
        app.session_state["playing"] = False
        assert app.run().button(key="record").disabled

    def test_from_the_button_to_the_session(self, app: AppTest) -> None:
        press(app.run(), "record")
        assert keys(app) == {"stop_recording"}
        frames(app, 13)
        press(app, "stop_recording")
        (session,) = Store().sessions("local")
        assert session.readings == 13
        assert session.duration_s == pytest.approx(1.2)
        assert (session.kind, session.model, session.detector, session.main) == ("live", "drawn", "haar", "happy")
        assert session.name.startswith("Live, ")
        assert "**Recorded 0:01 min**, 1 person" in said(app)
        assert f"Open among your sessions {{'session': '{session.id}'}}" in said(app)
        assert "not saved" not in said(app)
        assert keys(app) == {"record", "recording_csv", "recording_json"}

    def test_the_next_one_takes_its_place(self, app: AppTest) -> None:
        press(app.run(), "record")
        frames(app, 2)
        press(app, "stop_recording")
        press(app, "record")
        assert "Recorded" not in said(app)
        frames(app, 3)
        press(app, "stop_recording")
        assert [session.readings for session in Store().sessions("local")] == [3, 2]

    def test_without_a_face_nothing_is_kept(self, app: AppTest) -> None:
        press(app.run(), "record")
        frames(app, 3, face=False)
        press(app, "stop_recording")
        assert "**Nothing was recorded**: no face was seen." in said(app)
        assert Store().sessions("local") == []
        assert keys(app) == {"record"}

    def test_for_who_has_no_name_it_is_a_download(self, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fer.ui.visitor.on_own_machine", lambda: False)
        assert "It is saved only for who is logged in; download it." in said(app.run())
        press(app, "record")
        frames(app, 2)
        press(app, "stop_recording")
        assert "It is not saved: it goes when you record again or leave." in said(app)
        assert "Open among your sessions" not in said(app)
        assert keys(app) == {"record", "recording_csv", "recording_json"}
        assert Store().sessions("local") == []

    def test_where_it_cannot_be_saved_it_says_so_and_goes_on(
        self, app: AppTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_DATABASE_URL", "sqlite://")
        press(app.run(), "record")
        sentence = "This recording is not saved, and can only be downloaded. FER_DATABASE_URL must name a file"
        assert f"trouble: {sentence}" in said(app)
        assert keys(app) == {"stop_recording"}
        frames(app, 2)
        press(app, "stop_recording")
        assert sentence in said(app)
        assert "**Recorded 0:00 min**, 1 person" in said(app)
        assert "It is not saved" in said(app)
        assert keys(app) == {"record", "recording_csv", "recording_json"}

    def test_what_is_lost_while_it_runs_is_said(self, app: AppTest) -> None:
        press(app.run(), "record")
        opened = Store()
        opened.delete_all("local")
        frames(app, 2)
        press(app, "stop_recording")
        assert "This session was deleted while it was recorded" in said(app)
        assert keys(app) == {"record", "recording_csv", "recording_json"}
        assert not app.get("page_link"), "there is nothing to open"
        assert opened.sessions("local") == []
        assert {"recording_csv", "recording_json"} <= keys(app)
        opened.close()

    def test_a_recording_longer_than_memory_says_so(self, app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fer.recording.MOST_RECORDED", 2)
        press(app.run(), "record")
        frames(app, 5)
        press(app, "stop_recording")
        assert "The downloads hold the first 2 readings; there were more." in said(app)
        assert [session.readings for session in Store().sessions("local")] == [5]
