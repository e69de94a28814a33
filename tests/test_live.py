"""The log between the camera and a page: what it shows, keeps, forgets, and survives."""

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from fer import live, load_pipeline
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, UNSURE
from fer.errors import DetectorError
from fer.live import LiveSession, View
from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.recording import Look, Sample
from fer.results import Face, FrameResult, Reader, Timings
from fer.samples import SAMPLES
from tests.fakes import SquareFinder, drawn_face, install_model

PLAIN = View(mirror=False)


class Scripted(FacePipeline):
    """Finds what it is told to find: for each frame the centres of happy faces, or an exception to raise."""

    def __init__(
        self,
        *script: Sequence[tuple[float, float]] | Exception,
        classes: tuple[str, ...] = EMOTIONS,
        model: str = "drawn",
        detector: str = "haar",
    ) -> None:
        self.reader = Reader(model, detector, "The test says so.", "none", classes)
        self.script = list(script)
        self.before: Callable[[], None] = lambda: None

    def analyze(self, image_bgr: np.ndarray) -> FrameResult:
        self.before()
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        probabilities = np.array([name == "happy" for name in self.reader.classes], np.float32)
        faces = tuple(
            Face((x - 30, y - 30, 60, 60), (x - 30, y - 30, 60, 60), 0.9, probabilities, self.reader.classes)
            for x, y in step
        )
        return FrameResult(640, 480, faces, self.reader, Timings(2.0, 1.0))

    def with_sets(self, faces: Sequence[Face]) -> tuple[Face, ...]:
        return tuple(faces)


ONE, TWO = [(200, 240)], [(200, 240), (450, 240)]


def _frame() -> np.ndarray:
    """A picture in which every pixel tells where it is."""
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    return np.stack([x % 256, y % 256, 40 + (x + y) % 200], axis=2).astype(np.uint8)


SMALL = np.full((12, 16, 3), 127, np.uint8)
"""A picture that costs no time; the faces that are told of lie outside."""


def _play(session: LiveSession, end_s: float, rate: float = 15, start_s: float = 0.0) -> None:
    for i in range(round((end_s - start_s) * rate) + 1):
        session.process(SMALL, start_s + i / rate)


def test_a_new_session_knows_nothing() -> None:
    session = LiveSession(Scripted(ONE))
    snapshot = session.snapshot()
    assert (snapshot.frames, snapshot.frame, snapshot.fps, snapshot.history, snapshot.now_s) == (0, None, 0.0, (), 0.0)
    assert snapshot.counts == dict.fromkeys((*EMOTIONS, UNSURE), 0)
    assert session.summarize_stages() == {}
    assert (snapshot.dark, snapshot.error, snapshot.recording_s) == (False, None, None)


def test_a_frame_is_drawn_on_and_left_alone() -> None:
    session, given = LiveSession(Scripted(ONE)), _frame()
    shown = session.process(given, 5.0)
    assert np.array_equal(given, _frame())
    assert (shown.shape, shown.dtype) == (given.shape, given.dtype)
    assert not np.array_equal(shown, cv2.flip(given, 1))
    snapshot = session.snapshot()
    assert (snapshot.frames, snapshot.now_s, snapshot.error) == (1, 5.0, None)
    assert [face.person for face in snapshot.frame.faces] == [1]
    assert snapshot.history == (Sample(5.0, 1, (0, 0, 0, 1, 0, 0, 0), (170.0, 210.0, 60.0, 60.0), 0.9, False),)


@pytest.fixture
def drawn(tmp_path):
    return FacePipeline(EmotionModel(install_model(tmp_path)), SquareFinder())


@pytest.mark.parametrize(
    ("mirror", "left"), [pytest.param(True, 480, id="mirrored"), pytest.param(False, 100, id="as it is")]
)
def test_only_what_is_shown_is_mirrored(drawn: FacePipeline, mirror: bool, left: int) -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    drawn_face(picture, 100, 200, 60, happy=True)
    session = LiveSession(drawn)
    session.view = View(mirror=mirror)
    shown = session.process(picture, 0.0)
    (face,) = session.snapshot().frame.faces
    assert face.box_xywh == (100, 200, 60, 60)
    assert face.emotion == "happy", "the stand-in network tells left from right"
    inside = (slice(220, 240), slice(left + 20, left + 40))
    assert np.array_equal(shown[inside], (cv2.flip(picture, 1) if mirror else picture)[inside])
    assert shown[:, left - 2 : left + 62].any(axis=2).sum() > (picture > 0).any(axis=2).sum(), (
        "the box is round the face"
    )


def test_the_mirror_changes_nothing_that_is_recorded(drawn: FacePipeline) -> None:
    """Two people of one size, whom a turned picture would swap, one of them far from the other's mirror image."""
    picture = np.zeros((480, 640, 3), np.uint8)
    drawn_face(picture, 60, 200, 60, happy=True)
    drawn_face(picture, 420, 200, 60, happy=False)
    recordings = []
    for mirrors in ([True] * 12, [i % 3 == 0 for i in range(12)]):
        session = LiveSession(drawn)
        session.start_recording()
        for i, mirror in enumerate(mirrors):
            session.view = View(mirror=mirror)
            session.process(picture, i / 15)
        recordings.append(session.stop_recording().samples)
    assert recordings[0] == recordings[1]
    assert {(sample.person, sample.box_xywh[0]) for sample in recordings[0]} == {(1, 60.0), (2, 420.0)}


def _told_apart(shown: np.ndarray, given: np.ndarray, centre_xy: tuple[int, int]) -> float:
    """How much the shown face resembles the given one: correlation of the detail in the box."""
    x, y = centre_xy
    patches = [cv2.Laplacian(p[y - 25 : y + 25, x - 25 : x + 25].astype(np.float32), -1) for p in (shown, given)]
    return float(np.corrcoef(*(patch.ravel() for patch in patches))[0, 1])


@pytest.mark.parametrize(
    ("script", "everyone", "hidden"),
    [
        pytest.param([[]], True, [(200, 240), (450, 240), (320, 60)], id="nobody found"),
        pytest.param([TWO], True, [(200, 240), (450, 240)], id="two found"),
        pytest.param([TWO], False, [(200, 240), (450, 240)], id="one of two asked for"),
        pytest.param([TWO, ONE], True, [(200, 240), (450, 240), (320, 60)], id="one of two missed"),
        pytest.param([ValueError("gone")], True, [(200, 240), (450, 240), (320, 60)], id="the pipeline fails"),
    ],
)
def test_blurring_leaves_no_face(script: list, everyone: bool, hidden: list[tuple[int, int]]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    session = LiveSession(Scripted(*script))
    session.everyone = everyone
    for blur in (False, True):
        session.view = View(mirror=False, words=False, blur=blur)
        frames = [session.process(noise, i / 15) for i in range(len(script))]
        seen = [_told_apart(frames[-1], noise, place) for place in hidden]
        assert (max(seen) < 0.2) if blur else (min(seen) > 0.8)


def test_what_cannot_even_be_blurred_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(live, "blur_faces", fail)
    session = LiveSession(Scripted(ONE))
    session.view = View(blur=True)
    assert not session.process(_frame(), 0.0).any()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(DetectorError("The detector is gone."), "The detector is gone.", id="meant for the user"),
        pytest.param(
            ValueError("no such axis"), "The last picture could not be read (ValueError: no such axis).", id="a fault"
        ),
    ],
)
def test_an_error_is_told_and_the_picture_goes_on(
    error: Exception, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = LiveSession(Scripted(ONE, error, error, ONE))
    session.view = PLAIN
    shown, told = [], []
    for i in range(4):
        shown.append(session.process(_frame(), i / 15))
        told.append(session.snapshot().error)
    assert told == [None, sentence, sentence, None]
    assert [np.array_equal(picture, _frame()) for picture in shown] == [False, True, True, False]
    assert session.snapshot().frames == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "logged once, not with every frame"


def test_a_frame_without_colours_raises_nothing() -> None:
    session = LiveSession(Scripted(ONE))
    grey = _frame()[:, :, 0]
    assert np.array_equal(session.process(grey, 0.0), cv2.flip(grey, 1))
    assert session.snapshot().error is not None


@pytest.mark.parametrize("rate", [1, 5, 15, 30])
def test_the_frame_rate_is_that_of_the_last_two_seconds(rate: int) -> None:
    session = LiveSession(Scripted(ONE))
    _play(session, 5, rate=60)
    _play(session, 9, rate=rate, start_s=6)
    assert session.snapshot().fps == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize("rate", [4, 5, 15, 30])
def test_counts_do_not_depend_on_the_frame_rate(rate: int) -> None:
    session = LiveSession(Scripted(TWO))
    _play(session, 10, rate)
    counts = session.snapshot().counts
    assert counts == dict.fromkeys((*EMOTIONS, UNSURE), 0) | {"happy": 2 * (10 * live.MOMENTS_PER_S + 1)}


def test_counts_last_until_they_are_reset() -> None:
    session = LiveSession(Scripted(TWO))
    _play(session, 2)
    before = session.snapshot()
    session.restart()
    assert session.snapshot().counts == before.counts
    _play(session, 4, start_s=2)
    after = session.snapshot()
    assert after.counts["happy"] == before.counts["happy"] + len(after.history) > before.counts["happy"]
    session.reset_counts()
    assert sum(session.snapshot().counts.values()) == 0
    assert len(session.snapshot().history) > 0


def test_the_history_holds_the_last_minute() -> None:
    session = LiveSession(Scripted(ONE))
    _play(session, 90)
    snapshot = session.snapshot()
    times_s = [sample.time_s for sample in snapshot.history]
    assert times_s == sorted(times_s)
    assert snapshot.now_s == 90
    assert times_s[-1] - times_s[0] == pytest.approx(live.HISTORY_S, abs=0.5)
    assert len(times_s) == live.HISTORY_S * live.MOMENTS_PER_S + 1


@pytest.mark.slow
def test_nothing_grows_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.recording.MOST_RECORDED", 100)
    monkeypatch.setattr(live, "MOST_HISTORY", 50)
    session = LiveSession(Scripted(TWO))
    session.start_recording()
    _play(session, 100, rate=8)
    assert len(session.snapshot().history) == 50
    assert len(session._timed) == 10 * 8 + 1
    recording = session.stop_recording()
    assert (len(recording.samples), recording.overflowed) == (100, True)
    assert recording.duration_s == pytest.approx(100)


def test_the_stages_are_timed() -> None:
    session = LiveSession(Scripted(ONE))
    _play(session, 1)
    stages = session.summarize_stages()
    assert tuple(stages) == live.STAGES
    assert (stages["detect"], stages["recognise"]) == ((2.0, 2.0), (1.0, 1.0))
    assert all(0 < p50 <= p95 for p50, p95 in stages.values())


def test_old_timings_are_forgotten() -> None:
    session = LiveSession(Scripted(ONE))
    _play(session, 2)
    session._timed[0] = (session._timed[0][0], (9e9,) * len(live.STAGES))
    _play(session, 11, start_s=2)
    assert session.summarize_stages()["detect"] == (2.0, 2.0)


@pytest.mark.parametrize(("grey", "dark"), [(0, True), (30, True), (60, False), (200, False)])
def test_a_dark_frame_is_told(grey: int, dark: bool) -> None:
    session = LiveSession(Scripted([]))
    session.process(np.full((480, 640, 3), grey, np.uint8), 0.0)
    assert session.snapshot().dark is dark


def test_restart_begins_a_new_stream() -> None:
    session = LiveSession(Scripted([(100, 100)], [(500, 400)]))
    _play(session, 1)
    assert session.snapshot().frame.faces[0].person == 2
    session.restart()
    snapshot = session.snapshot()
    assert (snapshot.frame, snapshot.history, session.summarize_stages(), snapshot.fps) == (None, (), {}, 0.0)
    frames = snapshot.frames
    session.process(_frame(), 0.2)
    assert session.snapshot().frame.faces[0].person == 1
    assert session.snapshot().frames == frames + 1


def test_time_that_jumps_back_stops_nothing() -> None:
    session = LiveSession(Scripted(ONE))
    session.start_recording()
    _play(session, 2, start_s=100 - 98)
    _play(session, 104, start_s=100)
    _play(session, 4)
    snapshot = session.snapshot()
    times_s = [sample.time_s for sample in snapshot.history]
    assert times_s == sorted(times_s)
    assert snapshot.now_s == pytest.approx(108)
    assert snapshot.recording_s == pytest.approx(106)


class TestSettings:
    def test_one_person_of_two(self) -> None:
        session = LiveSession(Scripted(TWO))
        session.everyone = False
        session.process(_frame(), 0.0)
        frame = session.snapshot().frame
        assert ([face.person for face in frame.faces], [face.person for face in frame.others]) == ([1], [2])
        assert len(session.snapshot().history) == 1

    def test_whom_to_follow_is_chosen_and_named(self) -> None:
        session = LiveSession(Scripted(TWO))
        session.everyone, session.chosen = False, 2
        session.name(2, " Bo ")
        _play(session, 0.2)
        assert [face.person for face in session.snapshot().frame.faces] == [2]
        assert dict(session.snapshot().names) == {2: "Bo"}
        session.restart()
        assert (session.chosen, dict(session.snapshot().names)) == (None, {})

    def test_smoothing(self, drawn: FacePipeline) -> None:
        session = LiveSession(drawn)
        session.view, session.half_life_s = PLAIN, 100.0
        seen = []
        for i, happy in enumerate((True, False, False)):
            picture = np.zeros((480, 640, 3), np.uint8)
            drawn_face(picture, 100, 200, 60, happy)
            session.half_life_s = 100.0 if i < 2 else 0.0
            session.process(picture, i / 15)
            seen.append(session.snapshot().frame.faces[0].emotion == "happy")
        assert seen == [True, True, False]

    def test_the_view_reaches_the_drawing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        monkeypatch.setattr(live, "annotate", lambda image, faces, **how: asked.append(how) or image.copy())
        session = LiveSession(Scripted(ONE))
        for view in (View(), View(words=False), View(mirror=False, landmarks=True)):
            session.view = view
            session.process(_frame(), 0.0)
        assert [(how["mirror"], how["words"], how["landmarks"]) for how in asked] == [(1, 1, 0), (1, 0, 0), (0, 1, 1)]

    def test_another_pipeline_keeps_people_and_history(self) -> None:
        session = LiveSession(Scripted([(100, 100)], TWO))
        _play(session, 1, rate=4)
        people = {face.person for face in session.snapshot().frame.faces}
        session.use(Scripted(TWO, detector="yunet"))
        session.process(_frame(), 1.25)
        snapshot = session.snapshot()
        assert snapshot.frame.reader.detector == "yunet"
        assert {face.person for face in snapshot.frame.faces} == people
        assert snapshot.history[0].time_s == 0

    @pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["of the same classes", "of others"])
    def test_another_model_begins_another_history_and_counts_anew(self, classes: tuple[str, ...]) -> None:
        session = LiveSession(Scripted(TWO))
        _play(session, 1)
        session.use(Scripted(TWO, model="another", classes=classes))
        session.process(_frame(), 2.0)
        snapshot = session.snapshot()
        assert (snapshot.classes, tuple(snapshot.counts)) == (classes, (*classes, UNSURE))
        assert {len(sample.probabilities) for sample in snapshot.history} == {len(classes)}
        assert sum(snapshot.counts.values()) == len(snapshot.history) == 2


class TestRecording:
    def test_none_runs(self) -> None:
        assert LiveSession(Scripted(ONE)).stop_recording() is None

    def test_without_a_frame(self) -> None:
        session = LiveSession(Scripted(ONE))
        session.start_recording()
        assert session.snapshot().recording_s == 0
        recording = session.stop_recording()
        assert (recording.samples, recording.duration_s, recording.overflowed) == ((), 0.0, False)
        assert session.snapshot().recording_s is None

    def test_every_person_of_every_frame_is_kept(self) -> None:
        session, before = LiveSession(Scripted(ONE, ONE, TWO, [])), datetime.now(UTC)
        given: list[Look] = []
        session.process(_frame(), 10.0)
        session.start_recording(given.append)
        for i in range(1, 5):
            session.process(_frame(), 10 + i / 10)
        assert session.snapshot().recording_s == pytest.approx(0.3)
        recording = session.stop_recording()
        session.process(_frame(), 11.0)
        assert [(round(sample.time_s, 6), sample.person) for sample in recording.samples] == [
            (0, 1),
            (0.1, 1),
            (0.1, 2),
        ]
        assert recording.duration_s == pytest.approx(0.3)
        assert recording.classes == EMOTIONS
        assert before <= recording.started <= datetime.now(UTC)
        assert [sample for look in given for sample in look.samples] == list(recording.samples)
        assert [len(look.samples) for look in given] == [1, 2, 0, 0], "a look without people is handed on as well"
        assert [tuple(round(s, 6) for s in span) for span in recording.nobody] == [(0.2, 0.3)]

    def test_a_marker_stands_in_the_minute_and_in_the_recording(self) -> None:
        session = LiveSession(Scripted(ONE))
        _play(session, 1)
        assert session.mark("before") is None
        session.start_recording()
        _play(session, 4, start_s=2)
        marker = session.mark("a door")
        assert (marker.note, marker.time_s) == ("a door", pytest.approx(2))
        assert [(mark.note, mark.time_s) for mark in session.snapshot().marks] == [
            ("before", pytest.approx(1)),
            ("a door", pytest.approx(4)),
        ]
        assert session.stop_recording().markers == (marker,)
        _play(session, 63, rate=1, start_s=62)
        assert [mark.note for mark in session.snapshot().marks] == ["a door"]

    def test_nobody_gets_a_number_twice_after_a_restart(self) -> None:
        session = LiveSession(Scripted(TWO))
        session.start_recording()
        session.process(_frame(), 0.0)
        session.restart()
        session.process(_frame(), 1.0)
        recording = session.stop_recording()
        assert [(sample.time_s, sample.person) for sample in recording.samples] == [(0, 1), (0, 2), (1, 3), (1, 4)]

    def test_one_recording_has_one_model_and_detector(self) -> None:
        session = LiveSession(Scripted(ONE))
        session.start_recording()
        session.use(Scripted(ONE, classes=EMOTIONS_WITH_CONTEMPT, detector="yunet"))
        session.process(_frame(), 0.0)
        first = session.snapshot().frame.reader.detector
        recording = session.stop_recording()
        session.process(_frame(), 1.0)
        assert (first, session.snapshot().frame.reader.detector) == ("haar", "yunet")
        assert {len(sample.probabilities) for sample in recording.samples} == {len(recording.classes)} == {7}

    def test_a_sink_that_fails_costs_no_picture(self) -> None:
        def fail(look: Look) -> None:
            raise OSError("disk full")

        session = LiveSession(Scripted(ONE))
        session.view = PLAIN
        session.start_recording(fail)
        shown = session.process(_frame(), 0.0)
        assert not np.array_equal(shown, _frame())
        assert session.snapshot().error == "The last readings could not be saved (OSError: disk full)."
        assert len(session.stop_recording().samples) == 1


class TestThreads:
    def test_a_snapshot_does_not_wait_for_a_frame(self) -> None:
        pipeline, inside, go_on = Scripted(ONE), threading.Event(), threading.Event()
        session = LiveSession(pipeline)
        session.process(_frame(), 0.0)
        pipeline.before = lambda: (inside.set(), go_on.wait(30))
        thread = threading.Thread(target=session.process, args=(_frame(), 0.5))
        thread.start()
        assert inside.wait(30)
        session.view, session.everyone = PLAIN, False
        session.reset_counts()
        snapshot = session.snapshot()
        go_on.set()
        thread.join()
        assert (snapshot.frames, snapshot.now_s, snapshot.counts["happy"]) == (1, 0.0, 0)
        assert (session.snapshot().frames, session.snapshot().counts["happy"]) == (2, 1)

    @pytest.mark.parametrize("act", ["restart", "stop_recording"])
    def test_what_comes_between_leaves_the_frame_in_work_out(self, act: str) -> None:
        pipeline, given = Scripted(ONE), []
        session = LiveSession(pipeline)
        session.start_recording(given.append)
        pipeline.before = lambda: getattr(session, act)()
        session.process(_frame(), 0.0)
        assert given == []
        assert (session.snapshot().frame is None) is (act == "restart")
        assert session.snapshot().frames == 1

    def test_a_kept_snapshot_never_changes(self) -> None:
        session = LiveSession(Scripted(TWO))
        _play(session, 1)
        snapshot = session.snapshot()
        before = dataclasses.replace(snapshot, counts=dict(snapshot.counts), history=tuple(snapshot.history))
        _play(session, 3, start_s=1)
        session.reset_counts()
        assert (snapshot.counts, snapshot.history, snapshot.frames) == (before.counts, before.history, before.frames)
        with pytest.raises(TypeError):
            snapshot.counts["happy"] = 0

    @pytest.mark.slow
    def test_snapshots_agree_with_themselves_while_frames_come(self) -> None:
        session, done = LiveSession(Scripted(TWO)), threading.Event()

        def feed() -> None:
            _play(session, 40, rate=10)
            done.set()

        thread = threading.Thread(target=feed)
        thread.start()
        frames = 0
        while not done.is_set():
            snapshot = session.snapshot()
            assert snapshot.frames >= frames
            frames = snapshot.frames
            assert sum(snapshot.counts.values()) == len(snapshot.history)
            assert all(sample.time_s <= snapshot.now_s for sample in snapshot.history)
            assert (snapshot.frame is None) == (frames == 0)
        thread.join()


def test_the_astronaut_is_happy() -> None:
    session = LiveSession(load_pipeline(detector="haar", long_sides=(320,)))
    photo = SAMPLES["astronaut"].load()
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[:, 80:560] = cv2.resize(photo, (480, 480), interpolation=cv2.INTER_AREA)
    for i in range(8):
        session.process(np.roll(frame, 4 * i, axis=1), i / 15)
    snapshot = session.snapshot()
    assert snapshot.error is None
    assert [(face.person, face.emotion) for face in snapshot.frame.faces] == [(1, "happy")]
    assert (snapshot.counts["happy"], snapshot.dark) == (2, False)
