"""The Live page without a camera: what stands there first, consent, switches, snapshots."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit_webrtc import WebRtcStreamerState
from streamlit_webrtc.component import generate_frontend_component_key

from fer import samples
from fer.emotions import EMOTIONS
from fer.live import STAGES, LiveSession, View
from fer.media import encode_png
from fer.results import Face, FrameResult, Reader, Timings
from fer.samples import SAMPLES
from fer.ui import camera
from fer.ui.live import pieces
from tests.app.conftest import Visit, said

READER = Reader("drawn", "haar", "The test says so.", "none", EMOTIONS)
PLAYER = "component_instance"


def agree(app: AppTest) -> AppTest:
    return next(button for button in app.button if button.label.startswith("I understand")).click().run()


def alts(app: AppTest) -> list[str]:
    return [image.alt for element in app.image for image in element.proto.imgs]


def session(app: AppTest) -> LiveSession:
    return app.session_state["_live"]


class TestFirstVisit:
    def test_it_says_what_happens_before_the_camera_can_start(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(camera, "on_own_machine", lambda: True)
        app = visit("live")
        text = said(app)
        assert "Before the camera starts" in text
        assert "in the memory of this machine" in text
        assert "A recording keeps numbers, never pictures" in text
        assert "An expression is not a feeling." in text
        assert "AI Act, Article 5(1)(f)" in text
        assert not app.get(PLAYER)

    def test_it_shows_an_example_that_was_read(self, visit: Visit) -> None:
        app = visit("live")
        assert alts(app) == ["Two sample photos, read one moment after another, with their boxes"]
        assert "An example, until your camera starts: Eileen Collins" in said(app)
        assert [title.value for title in app.header] == ["Now", "Last 60 seconds", "Expressions seen"]
        assert len(app.get("vega_lite_chart")) == 4
        assert any("Looks happy" in html.proto.body for html in app.get("html"))

    def test_a_missing_sample_is_said_and_the_rest_stands(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(samples, "find_spec", lambda name: None)
        app = visit("live")
        assert not app.exception
        assert not app.image
        assert "The sample photo astronaut.png is missing; install the package scikit-image again." in said(app)
        assert [title.value for title in app.header] == ["Now", "Last 60 seconds", "Expressions seen"]
        assert not agree(app).exception

    def test_consent_is_asked_for_once(self, visit: Visit) -> None:
        app = agree(visit("live"))
        assert not app.exception
        assert "Before the camera starts" not in said(app)
        assert len(app.get(PLAYER)) == 1
        app.switch_page("pages/home.py").run()
        app.switch_page("pages/live.py").run()
        assert len(app.get(PLAYER)) == 1

    def test_a_stream_outlives_a_run_whose_end_the_browser_is_told_late(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Streamlit counts a run once it has sent its end, when the next one may already draw the player."""
        told = SimpleNamespace(script_run_count=7)
        monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: told)
        app = agree(visit("live"))
        playing = WebRtcStreamerState(playing=True, signalling=False)
        app.session_state["live_camera"]._set_state(playing)
        for told.script_run_count in (7, 9):
            app.toggle(key="live_mirror").set_value(False).run()
            assert not app.exception
            assert app.session_state["live_camera"].state == playing

    def test_a_stream_ends_where_its_player_is_not_drawn(self, visit: Visit) -> None:
        app = agree(visit("live"))
        app.session_state["live_camera"]._set_state(WebRtcStreamerState(playing=True, signalling=False))
        app.segmented_control(key="live_way").set_value("Snapshots").run()
        assert not app.get(PLAYER)
        app.segmented_control(key="live_way").set_value("Live").run()
        assert not app.exception
        assert not app.session_state["live_camera"].state.playing

    def test_a_player_that_starts_anew_gets_its_own_answer(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        """STOP and START in quick succession come as one: the browser offers anew and was never seen to stop."""

        class Worker:
            backend = "aiortc"

            def __init__(self, **settings: object) -> None: ...

            def process_offer(self, sdp: str, kind: str, timeout: float) -> None:
                self.local_description = SimpleNamespace(sdp=f"answer to {sdp}", type="answer")

        monkeypatch.setattr("streamlit_webrtc.component.WebRtcWorker", Worker)
        app = agree(visit("live"))
        told = generate_frontend_component_key("live_camera")
        answers = []
        for offer in ("the first", "the second"):
            app.session_state[told] = {"playing": False, "sdpOffer": {"sdp": offer, "type": "offer"}}
            app.session_state["live_camera"]._set_state(WebRtcStreamerState(playing=False, signalling=True))
            app.run()
            assert not app.exception
            (player,) = app.get(PLAYER)
            answers.append(json.loads(json.loads(player.proto.json_args)["sdp_answer_json"])["sdp"])
        assert answers == ["answer to the first", "answer to the second"]

    def test_right_after_the_start_nothing_of_the_example_is_shown_as_now(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def shown(app: AppTest) -> str:
            return " ".join(html.proto.body for html in app.get("html"))

        app = visit("live")
        assert 'class="fer-reading"' in shown(app)
        monkeypatch.setattr("fer.ui.camera.show_stream", lambda key, process: True)
        agree(app)
        assert not app.exception
        assert 'class="fer-reading"' not in shown(app)
        assert pieces.NOT_NOW in shown(app)
        assert "Waiting for the first picture." in shown(app)

    def test_nothing_can_be_recorded_or_reset_yet(self, visit: Visit) -> None:
        app = agree(visit("live"))
        assert app.button(key="record").disabled
        assert app.button(key="live_reset").disabled
        assert any("Press START" in html.proto.body for html in app.get("html"))


@pytest.mark.parametrize(
    ("key", "attribute", "value"),
    [("live_mirror", "mirror", False), ("live_numbers", "words", False), ("live_blur", "blur", True)],
)
def test_switches_reach_the_next_picture(key: str, attribute: str, value: bool, visit: Visit) -> None:
    app = visit("live")
    assert session(app).view == View()
    toggle = app.toggle(key=key)
    toggle.set_value(not toggle.value).run()
    assert session(app).view == View(**{attribute: value})


def test_whom_to_read_and_how_calmly(visit: Visit) -> None:
    app = visit("live")
    assert (session(app).everyone, session(app).half_life_s) == (True, 0.3)
    app.segmented_control(key="live_mode").set_value("One person").run()
    app.select_slider(key="live_half_life").set_value(0.0).run()
    assert (session(app).everyone, session(app).half_life_s) == (False, 0.0)
    assert not app.exception


def test_landmarks_can_be_had_where_the_detector_gives_them(visit: Visit) -> None:
    assert visit("live").toggle(key="live_landmarks").disabled


def test_live_reading_averages_nothing(visit: Visit) -> None:
    app = visit("live")
    assert session(app)._pipeline.reader.averaging == "none"


def test_what_was_read_is_its_visitor_s(visit: Visit) -> None:
    one, two = visit("live"), visit("live")
    session(one).process(SAMPLES["astronaut"].load(), 0)
    one.run()
    two.run()
    assert session(one).snapshot().counts["happy"] == 1
    assert session(two).snapshot().counts["happy"] == 0
    assert not one.button(key="live_reset").disabled
    assert two.button(key="live_reset").disabled


def test_counts_are_reset(visit: Visit) -> None:
    app = visit("live")
    session(app).process(SAMPLES["astronaut"].load(), 0)
    app.run()
    app.button(key="live_reset").click().run()
    assert not any(session(app).snapshot().counts.values())


def test_while_it_records_nobody_changes_who_reads(visit: Visit) -> None:
    app = agree(visit("live"))
    assert not app.sidebar.selectbox(key="model").disabled
    session(app).start_recording()
    app.run()
    assert all(app.sidebar.selectbox(key=key).disabled for key in ("model", "detector"))
    assert "A recording has one model and one detector. Stop it to choose others." in said(app)
    assert any("The recording waits for the camera." in html.proto.body for html in app.get("html"))
    session(app).stop_recording()
    app.run()
    assert not any(app.sidebar.selectbox(key=key).disabled for key in ("model", "detector"))


def test_the_example_goes_once_the_visitor_was_seen(visit: Visit) -> None:
    app = agree(visit("live"))
    assert alts(app) == ["Two sample photos, read one moment after another, with their boxes"]
    session(app).process(SAMPLES["astronaut"].load(), 0)
    app.run()
    assert alts(app) == [], "it would stand beside graphs of somebody else"


A_FACE = Face((10, 10, 50, 50), (10, 10, 50, 50), 0.9, np.full(7, 1 / 7), EMOTIONS)


def seen(faces: int, others: int = 0, missing: int = 0) -> SimpleNamespace:
    """What the words under the picture are made of."""
    frame = FrameResult(
        640, 480, (A_FACE,) * faces, READER, Timings(1.0, 1.0), others=(A_FACE,) * others, missing=missing
    )
    return SimpleNamespace(error=None, dark=False, frame=frame, fps=15.0, frames=1200, recording_s=None)


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (seen(0), pieces.NO_FACE),
        (seen(1), ""),
        (seen(0, others=1), pieces.FOLLOWED_IS_GONE),
        (seen(1, others=1), ""),
    ],
    ids=["nobody", "somebody", "somebody else", "the one who is followed"],
)
def test_what_is_wrong_is_said(snapshot: SimpleNamespace, words: str) -> None:
    assert pieces.advise(snapshot) == words


@pytest.mark.parametrize(
    ("faces", "words"),
    [(0, "0 faces"), (1, "1 face"), (3, "3 faces"), (4, "4 faces, 3 of them in the graphs")],
    ids=["none", "one", "as many as are shown", "more"],
)
def test_it_says_how_many_are_shown(faces: int, words: str) -> None:
    assert pieces.write_figures(seen(faces)) == f"15 a second \u00b7 {words} \u00b7 1,200 pictures read"


def test_how_long_every_step_took_can_be_read(visit: Visit) -> None:
    app = agree(visit("live"))
    session(app).process(SAMPLES["astronaut"].load(), 0)
    app.session_state["live_stages"] = True
    app.run()
    assert not app.exception
    (table,) = app.table
    assert list(table.value.index) == list(STAGES)
    assert (table.value >= 0).all(axis=None)


class TestSnapshots:
    @pytest.fixture
    def app(self, visit: Visit) -> AppTest:
        app = agree(visit("live"))
        return app.segmented_control(key="live_way").set_value("Snapshots").run()

    def test_before_the_first(self, app: AppTest) -> None:
        assert not app.get(PLAYER)
        assert "Take a photo, and its faces are read here." in said(app)

    def test_one_is_read(self, app: AppTest, face_png: bytes) -> None:
        app.camera_input(key="live_snapshot").set_value(("me.jpg", face_png, "image/jpeg")).run()
        assert not app.exception
        assert alts(app)[0].startswith("The photo with 1 numbered face. face 1: Looks happy")

    def test_several_bear_the_numbers_of_the_picture(self, app: AppTest, two_faces_png: bytes) -> None:
        app.camera_input(key="live_snapshot").set_value(("us.jpg", two_faces_png, "image/jpeg")).run()
        assert alts(app)[0].startswith("The photo with 2 numbered faces.")
        written = [html.proto.body for html in app.get("html") if "fer-reading" in html.proto.body]
        assert [number for number in ("1 \u00b7 ", "2 \u00b7 ") for body in written if number in body] == [
            "1 \u00b7 ",
            "2 \u00b7 ",
        ]

    def test_one_person_alone_is_read_if_that_is_wanted(self, app: AppTest, two_faces_png: bytes) -> None:
        app.segmented_control(key="live_mode").set_value("One person").run()
        app.camera_input(key="live_snapshot").set_value(("us.jpg", two_faces_png, "image/jpeg")).run()
        assert alts(app)[0].startswith("The photo with 1 numbered face.")

    def test_nobody_on_it(self, app: AppTest, blank_png: bytes) -> None:
        app.camera_input(key="live_snapshot").set_value(("wall.jpg", blank_png, "image/jpeg")).run()
        assert "No face in view. Look at the camera" in said(app)

    def test_a_broken_one_is_one_sentence(self, app: AppTest) -> None:
        app.camera_input(key="live_snapshot").set_value(("me.jpg", b"", "image/jpeg")).run()
        assert not app.exception
        assert "'me.jpg' is empty (0 bytes); choose another file." in said(app)


def test_without_https_there_is_a_photo_instead(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    app = agree(visit("live"))
    monkeypatch.setattr(camera, "can_stream", lambda: False)
    app.run()
    assert camera.Trouble.INSECURE in said(app)
    assert not app.get(PLAYER)
    photo = encode_png(SAMPLES["astronaut"].load())
    app.file_uploader(key="live_snapshot_file").set_value(("me.png", photo, "image/png")).run()
    assert alts(app)[0].startswith("The photo with 1 numbered face")


def test_wrong_ice_servers_are_said(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_ICE_SERVERS", "nonsense")
    app = agree(visit("live"))
    assert "FER_ICE_SERVERS must be a JSON list of ICE servers, but is no JSON; correct it." in said(app)
    assert len(app.get(PLAYER)) == 1


def test_a_public_server_does_not_speak_of_this_machine(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "on_own_machine", lambda: False)
    assert "in the memory of the machine that runs this app" in said(visit("live"))
