"""The Acting practice page with photos in place of a stream: prompts, scores, and that nothing is skipped."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fer.acting import practice as acting
from fer.emotions import EMOTIONS
from fer.media import decode_image
from fer.pipeline import DEFAULT_MODEL
from fer.samples import SAMPLES
from fer.ui import camera
from fer.ui.acting import pieces
from fer.webrtc.exchange import PictureExchange
from tests.app.conftest import Visit, said
from tests.fakes import install_model, write_network


@pytest.fixture(scope="module")
def photos(face_png: bytes, blank_png: bytes) -> dict[str, bytes]:
    """What the camera takes: a calm face, a happy one, nobody."""
    calm_bgr = cv2.resize(SAMPLES["admiral"].load(), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    happy_bgr, nobody_bgr = (decode_image(data, "photo.png") for data in (face_png, blank_png))
    taken = {"calm": calm_bgr, "happy": happy_bgr, "nobody": nobody_bgr}
    return {name: cv2.imencode(".jpg", image_bgr)[1].tobytes() for name, image_bgr in taken.items()}


@pytest.fixture
def practice(visit: Visit) -> AppTest:
    """The page of somebody who agreed and wants photos."""
    app = visit("acting")
    _press(app, "I understand, go on to the camera")
    return app.segmented_control(key="acting_way").set_value("Snapshots").run()


def _press(app: AppTest, label: str) -> AppTest:
    (button,) = (button for button in app.button if button.label == label)
    return button.click().run()


def _labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def _start(app: AppTest, what: str) -> AppTest:
    app.selectbox(key="acting_choice").set_value(what).run()
    return _press(app, "Start")


def _take(app: AppTest, data: bytes) -> AppTest:
    (taker,) = app.camera_input
    return taker.set_value(("photo.jpg", data, "image/jpeg")).run()


def _prompt(app: AppTest) -> str:
    """The prompt that is shown, without its icon."""
    return app.header[0].value.partition(": ")[2]


def _alts(app: AppTest) -> list[str]:
    return [image.alt for element in app.image for image in element.proto.imgs]


def _score(app: AppTest) -> float:
    return _state(app).attempt.score


def _state(app: AppTest) -> acting.PracticeState:
    (session,) = app.session_state["_acting"].values()
    return session.snapshot().practice


class TestFirstVisit:
    def test_the_prompts_are_there_before_the_camera_is(self, visit: Visit) -> None:
        app = visit("acting")
        text = said(app)
        assert all(acting.prompt_words(name) in text for name in EMOTIONS)
        assert "Brows: raised high" in text
        assert "Du, Tao and Martinez 2014" in text
        assert "It scores what it sees, not how well you act." in text
        assert "Before the camera starts" in text
        assert not app.camera_input
        assert _labels(app) == ["I understand, go on to the camera"]

    def test_a_stream_has_to_play_before_a_round_starts(self, visit: Visit) -> None:
        app = _press(visit("acting"), "I understand, go on to the camera")
        assert not app.exception
        (start,) = (button for button in app.button if button.label == "Start")
        assert start.disabled
        assert "press START in its picture" in said(app)

    def test_contempt_is_asked_for_where_a_model_knows_it(
        self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
        folder = install_model(tmp_path / "models", "eight", classes=[*EMOTIONS, "contempt"])
        write_network(folder / "model.onnx", np.zeros(8, np.float32))
        app = visit("acting")
        assert "Look contemptuous" not in said(app)
        app.sidebar.selectbox(key="model").set_value("eight").run()
        assert not app.exception
        assert "Look contemptuous" in said(app)
        assert "Lucey et al. 2010" in said(app)


class TestOneExpression:
    def test_the_neutral_face_comes_first_then_the_expression_is_scored_against_it(
        self, practice: AppTest, photos: dict[str, bytes]
    ) -> None:
        app = _start(practice, "happy")
        assert (_prompt(app), "Prompt 1 of 2" in said(app)) == ("Look neutral", True)
        app = _take(app, photos["calm"])
        assert not app.exception
        assert "The other scores count from this face." in said(app)
        assert not app.camera_input, "the next photo waits for the next prompt"
        app = _press(app, "Next prompt")
        assert (_prompt(app), _alts(app)) == ("Look happy", [])
        app = _take(app, photos["happy"])
        assert _score(app) > 60
        assert any("Looks happy" in html.proto.body for html in app.get("html"))
        assert _alts(app) == [
            "The photo for happy, with the face's box",
            "Activation map of happy over the face",
        ]

    def test_the_face_that_was_asked_for_scores_above_another(
        self, practice: AppTest, photos: dict[str, bytes]
    ) -> None:
        app = _press(_take(_start(practice, "happy"), photos["calm"]), "Next prompt")
        app = _take(app, photos["calm"])
        still = _score(app)
        app = _take(_press(app, "Try again"), photos["happy"])
        assert still == 0
        assert _score(app) > 60

    def test_the_prompt_is_never_replaced_before_the_result_was_seen(
        self, practice: AppTest, photos: dict[str, bytes]
    ) -> None:
        app = _take(_start(practice, "round"), photos["calm"])
        for _ in range(3):
            app = app.run()
            assert _prompt(app) == "Look neutral"
            assert _labels(app)[:2] == ["Next prompt", "Try again"]

    def test_nobody_on_the_photo_is_no_try(self, practice: AppTest, photos: dict[str, bytes]) -> None:
        app = _take(_start(practice, "happy"), photos["nobody"])
        assert "No face was found." in said(app)
        assert "Nothing was scored." in said(app)
        assert _state(app).attempts == ()
        app = _take(_press(app, "Try again"), photos["calm"])
        assert len(_state(app).attempts) == 1

    def test_a_photo_that_cannot_be_opened_is_a_sentence(self, practice: AppTest) -> None:
        app = _take(_start(practice, "happy"), b"no picture")
        assert not app.exception
        assert "is a text file, not a picture" in said(app)
        assert _prompt(app) == "Look neutral"


class TestRound:
    def test_a_round_of_seven_plays_through(self, practice: AppTest, photos: dict[str, bytes]) -> None:
        app = _start(practice, "round")
        asked = []
        for position in range(1, 8):
            assert f"Prompt {position} of 7" in said(app)
            asked.append(_state(app).expression)
            app = _take(app, photos["happy" if asked[-1] == "happy" else "calm"])
            app = _press(app, "Finish the round" if position == 7 else "Next prompt")
        assert (asked[0], sorted(asked)) == ("neutral", sorted(EMOTIONS))
        text = said(app)
        assert "Round 1 is over" in text
        assert "over 6 expressions beside neutral. Best read: happy" in text
        (alt,) = _alts(app)
        assert all(f"{name}, score" in alt for name in EMOTIONS)
        table = app.dataframe[0].value
        assert table["Expression"].tolist() == list(EMOTIONS)
        assert table["Tries"].tolist() == [1] * 7
        assert table["Best"].notna().all()
        app = _press(app, "Start")
        assert _prompt(app) == "Look neutral"
        assert len(_state(app).attempts) == 7

    def test_the_streak_is_counted_and_the_numbers_can_be_taken_home(
        self, practice: AppTest, photos: dict[str, bytes]
    ) -> None:
        app = _start(practice, "happy")
        assert not app.dataframe
        app = _press(_take(app, photos["calm"]), "Next prompt")
        app = _take(app, photos["happy"])
        assert "2 tries, " in said(app)
        assert " 0 in a row" not in said(app)
        app = _take(_press(app, "Try again"), photos["calm"])
        assert f"3 tries, 0 in a row with 50 or more, read by {DEFAULT_MODEL}." in said(app)
        assert [button.label for button in app.get("download_button")] == ["CSV", "JSON"]

    def test_another_model_has_a_practice_of_its_own(
        self, practice: AppTest, photos: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
        install_model(tmp_path / "models", "drawn")
        app = _press(_take(_start(practice, "happy"), photos["calm"]), "Give the round up")
        app.sidebar.selectbox(key="model").set_value("drawn").run()
        assert not app.exception
        assert "Your progress" not in said(app)
        app.sidebar.selectbox(key="model").set_value(DEFAULT_MODEL).run()
        assert "Your progress" in said(app)


def test_a_round_can_be_given_up(practice: AppTest) -> None:
    _start(practice, "happy")
    assert practice.sidebar.selectbox(key="model").disabled
    assert "A round has one model. Finish it, or give it up, to choose another." in said(practice)
    _press(practice, "Give the round up")
    assert not practice.sidebar.selectbox(key="model").disabled
    assert practice.selectbox(key="acting_choice").value == "happy"
    assert "Choose what to practise and press Start; then the camera opens here." in said(practice)


def test_a_face_that_was_not_at_rest_is_taken_again(practice: AppTest, photos: dict[str, bytes]) -> None:
    _take(_start(practice, "happy"), photos["happy"])
    assert "happy could hardly score above it" in said(practice)
    assert "Next prompt" not in _labels(practice)
    _take(_press(practice, "Try again"), photos["calm"])
    leading = [button.label for button in practice.button if button.proto.type == "primary"]
    assert leading == ["Next prompt"]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"happy": 80.2, "sad": 79.9}, "All of them scored the same, 80"),
        ({"happy": 80.0, "sad": 12.0, "fear": 12.4}, "Best read: happy (80); least: sad and fear (both 12)"),
        ({"happy": 3, "sad": 3, "fear": 3, "angry": 0}, "Best read: happy and sad and fear (each 3); least: angry (0)"),
    ],
    ids=["all equal", "two least", "three best"],
)
def test_equal_scores_are_said_to_be_equal(scores: dict[str, float], words: str) -> None:
    assert pieces.extremes(scores) == words


def test_a_stream_that_runs_goes_to_the_model_that_is_chosen_now(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges: list[PictureExchange] = []

    def play(key: str, *, sink_video_track: PictureExchange, **settings: object) -> SimpleNamespace:
        exchanges.append(sink_video_track)
        return SimpleNamespace(state=SimpleNamespace(playing=True, signalling=False))

    monkeypatch.setattr(camera, "webrtc_streamer", play)
    app = visit("acting")
    _press(app, "I understand, go on to the camera")
    (first,) = app.session_state["_acting"].values()
    app.sidebar.selectbox(key="model").set_value("fer2013-small").run()
    assert not app.exception
    _, second = app.session_state["_acting"].values()
    frame = av.VideoFrame.from_ndarray(SAMPLES["astronaut"].load(), format="bgr24")
    frame.pts, frame.time_base = 0, Fraction(1, 15)
    exchanges[0]._process(frame)
    assert (first.snapshot().face_seen, second.snapshot().face_seen) == (False, True)
