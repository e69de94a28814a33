"""The practice on pictures: the mirror, the kept frame, photos, and what happens when a picture cannot be read."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fer.acting.practice import BURST_S, COUNTDOWN_S, NEUTRAL
from fer.acting.session import PATCH_SIDE, ActingSession
from fer.emotions import EMOTIONS, emotion
from fer.errors import DetectorError
from fer.pipeline import FacePipeline
from fer.recognition import COVERED_CELLS, EmotionModel
from tests.fakes import SquareFinder, drawn_face, install_model, write_network

FRAME_S = 0.25


@pytest.fixture
def pipeline(tmp_path: Path) -> FacePipeline:
    return FacePipeline(EmotionModel(install_model(tmp_path)), SquareFinder())


@pytest.fixture
def session(pipeline: FacePipeline) -> ActingSession:
    """At the prompt "happy", the neutral face taken from a photo."""
    session = ActingSession(pipeline)
    session.begin((NEUTRAL, "happy"))
    session.photo(picture(happy=False))
    session.next()
    return session


def picture(happy: bool | None, x: int = 60) -> np.ndarray:
    """A camera's picture of one face, or of nobody (None), as a photo would have it."""
    image = np.zeros((240, 320, 3), np.uint8)
    if happy is not None:
        drawn_face(image, x, 80, 100, happy)
    return image


def mirror(happy: bool | None) -> np.ndarray:
    """What a mirror shows of `picture(happy)`."""
    return picture(happy)[:, ::-1]


def burst(session: ActingSession, show: Callable[[float], np.ndarray]) -> None:
    """Go through a countdown and a burst; `show` gives the frame at a time since the countdown began."""
    session.ready()
    for time_s in np.arange(0, COUNTDOWN_S + BURST_S + FRAME_S, FRAME_S):
        session.process(show(time_s), 1000 + time_s)
    session.pause()


class TestMirror:
    @pytest.mark.parametrize("happy", [None, False, True], ids=["nobody", "not happy", "happy"])
    def test_it_shows_the_player_as_a_mirror_does_without_a_word(
        self, session: ActingSession, happy: bool | None
    ) -> None:
        shown = session.process(picture(happy), 0.0)
        box = np.ones(shown.shape[:2], bool)
        box[85:175, 165:255] = box[:70] = box[190:] = box[:, :150] = box[:, 270:] = False
        np.testing.assert_array_equal(shown[~box], mirror(happy)[~box])
        assert (shown == 255).all(axis=-1).any() == (happy is not None)
        assert session.snapshot().face_seen == (happy is not None)
        colours = {emotion(name).colour_bgr for name in EMOTIONS}
        assert not colours & set(map(tuple, shown.reshape(-1, 3).tolist()))

    def test_the_countdown_and_the_burst_are_seen_in_it(self, session: ActingSession) -> None:
        quiet = session.process(picture(None), 0.0)
        session.ready()
        counts = [session.process(picture(None), time_s)[:120, 200:] for time_s in (0.1, 1.2, 2.2)]
        assert len({count.tobytes() for count in [*counts, quiet[:120, 200:]]}) == 4
        bright = session.process(picture(None), 0.1 + COUNTDOWN_S)
        assert bright[:3].any(axis=-1).all()
        assert not quiet.any()

    def test_the_frame_given_stays_as_it_is(self, session: ActingSession) -> None:
        given = picture(True)
        session.process(given, 0.0)
        np.testing.assert_array_equal(given, picture(True))


class TestShot:
    def test_there_is_none_before_a_result(self, pipeline: FacePipeline) -> None:
        session = ActingSession(pipeline)
        session.process(picture(True), 0.0)
        snapshot = session.snapshot()
        assert (snapshot.practice.phase, snapshot.shot, snapshot.error) == ("idle", None, None)

    def test_the_best_frame_is_kept_as_the_player_saw_it(self, session: ActingSession) -> None:
        burst(session, lambda time_s: picture(time_s >= 1))
        snapshot = session.snapshot()
        np.testing.assert_array_equal(snapshot.shot.picture_bgr, mirror(True))
        assert snapshot.shot.face.box_xywh == (160, 80, 100, 100)
        assert (snapshot.shot.face.emotion, snapshot.shot.face.person) == ("happy", None)
        attempt = snapshot.practice.attempt
        assert attempt.probability == pytest.approx(snapshot.shot.face.confidence)
        assert attempt.score > 90
        assert snapshot.shot.seen_bgr.shape == (PATCH_SIDE, PATCH_SIDE, 3)
        assert [one.attempt for one in snapshot.keepsakes] == list(snapshot.practice.attempts)
        np.testing.assert_array_equal(snapshot.keepsakes[-1].face_bgr, snapshot.shot.seen_bgr)
        session.leave()
        assert session.snapshot().keepsakes == ()

    def test_its_map_is_that_of_the_expression_asked_for(self, session: ActingSession, pipeline: FacePipeline) -> None:
        burst(session, lambda time_s: picture(True))
        shot = session.snapshot().shot
        (face,) = pipeline.analyze(picture(True)).faces
        maps = pipeline.explain(picture(True), face)
        np.testing.assert_array_equal(shot.activation_map, maps[:, ::-1, EMOTIONS.index("happy")])
        assert shot.activation_map.any()
        bright = shot.seen_bgr[:, :, 0] > 100
        assert bright[:, PATCH_SIDE // 2 :].mean() > bright[:, : PATCH_SIDE // 2].mean(), "turned with its map"

    def test_a_model_without_maps_is_asked_part_by_part(self, tmp_path: Path) -> None:
        folder = install_model(tmp_path, maps_size=None)
        write_network(folder / "model.onnx", with_maps=False)
        session = ActingSession(FacePipeline(EmotionModel(folder), SquareFinder()))
        session.begin((NEUTRAL,))
        session.photo(picture(False))
        assert session.snapshot().shot.activation_map.shape == (COVERED_CELLS, COVERED_CELLS)

    @pytest.mark.parametrize("go_on", ["again", "next", "begin"])
    def test_it_goes_with_the_result(self, session: ActingSession, go_on: str) -> None:
        session.photo(picture(True))
        assert session.snapshot().shot is not None
        getattr(session, go_on)(*([(NEUTRAL, "happy")] if go_on == "begin" else []))
        assert session.snapshot().shot is None

    def test_it_stays_while_the_stream_goes_on(self, session: ActingSession) -> None:
        burst(session, lambda time_s: picture(True))
        for time_s in (2000.0, 2000.1):
            session.process(picture(False), time_s)
        snapshot = session.snapshot()
        assert snapshot.practice.phase == "result"
        np.testing.assert_array_equal(snapshot.shot.picture_bgr, mirror(True))

    def test_a_late_click_does_not_lose_the_picture(self, session: ActingSession) -> None:
        def show(time_s: float) -> np.ndarray:
            session.ready()
            session.next()
            return picture(time_s < COUNTDOWN_S + 1)

        burst(session, show)
        assert session.snapshot().shot.face.emotion == "happy"

    def test_a_burst_without_a_face_has_none(self, session: ActingSession) -> None:
        burst(session, lambda time_s: picture(None))
        snapshot = session.snapshot()
        assert (snapshot.practice.phase, snapshot.shot) == ("missed", None)


class TestPhoto:
    @pytest.mark.parametrize(
        ("happy", "phase"), [(None, "missed"), (False, "result"), (True, "result")], ids=["nobody", "not", "happy"]
    )
    def test_it_takes_the_place_of_a_burst(self, session: ActingSession, happy: bool | None, phase: str) -> None:
        session.photo(picture(happy))
        snapshot = session.snapshot()
        assert snapshot.practice.phase == phase
        if phase == "result":
            np.testing.assert_array_equal(snapshot.shot.picture_bgr, picture(happy))
            assert (snapshot.practice.attempt.score > 90) == happy

    def test_a_second_one_changes_nothing(self, session: ActingSession) -> None:
        session.photo(picture(True))
        session.photo(picture(False, x=150))
        assert session.snapshot().shot.face.emotion == "happy"
        assert len(session.snapshot().practice.attempts) == 2


class _Broken(SquareFinder):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def detect(self, *arguments: object, **keywords: object) -> None:
        raise self.error


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (DetectorError("The detector is gone."), "The detector is gone."),
            (RuntimeError("odd"), "The last picture could not be read: odd."),
        ],
        ids=["for a user", "a fault"],
    )
    def test_the_picture_goes_on_and_the_sentence_is_told(
        self, tmp_path: Path, pipeline: FacePipeline, error: Exception, sentence: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = ActingSession(pipeline)
        session.begin((NEUTRAL, "happy"))
        session.ready()
        session.use(FacePipeline(EmotionModel(tmp_path / "drawn"), _Broken(error)))
        with caplog.at_level(logging.ERROR):
            for time_s in (0.0, 0.1):
                np.testing.assert_array_equal(session.process(picture(True), time_s), mirror(True))
        assert len(caplog.records) == 1, "the same fault is logged once"
        assert session.snapshot().error == sentence
        session.use(pipeline)
        session.process(picture(True), 0.2)
        assert session.snapshot().error is None
        assert session.snapshot().practice.phase == "countdown"

    def test_a_photo_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        model = EmotionModel(install_model(tmp_path))
        session = ActingSession(FacePipeline(model, _Broken(DetectorError("The detector is gone."))))
        session.begin((NEUTRAL, "happy"))
        session.photo(picture(True))
        snapshot = session.snapshot()
        assert (snapshot.error, snapshot.practice.phase) == ("The detector is gone.", "prompt")


@pytest.mark.slow
def test_a_page_may_lead_while_frames_come(session: ActingSession) -> None:
    """Whatever is clicked at whatever moment, a result always has its picture, and nothing is raised."""
    done, wrong = threading.Event(), []

    def lead() -> None:
        while not done.is_set():
            snapshot = session.snapshot()
            if (snapshot.practice.phase == "result") != (snapshot.shot is not None):
                wrong.append(snapshot.practice.phase)
            session.ready()
            if snapshot.practice.phase in ("result", "missed"):
                session.again()

    page = threading.Thread(target=lead)
    page.start()
    for number in range(400):
        session.process(picture(True), number * 0.1)
    done.set()
    page.join()
    assert not wrong
    assert session.snapshot().error is None
    assert len(session.snapshot().practice.attempts) > 1
