"""Looking: who was where at which time, what nobody looked at, and what is left when something goes wrong."""

import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
import pytest

from fer.errors import MediaError
from fer.pipeline import FacePipeline
from fer.recognition import EmotionModel
from fer.video import looking
from fer.video.looking import VideoOptions, VideoProgress, VideoResult, watch_video
from fer.video.reading import VideoReader
from tests.fakes import drawn_face, install_model
from tests.video.clips import backdrop, clip, steady
from tests.video.conftest import SIDE, FaceFinder, Film


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("video ")]


@cache
def moving(n: int, rate: float = 25, **how: object) -> bytes:
    """One happy face that moves 2 pixels a frame."""

    def draw(i: int) -> np.ndarray:
        picture = backdrop(320, 128)
        drawn_face(picture, 10 + 2 * (i % 120), 40, SIDE, happy=True)
        return picture

    return clip(draw, steady(n, rate), options={"crf": "8", "bf": "0"}, **how)


@pytest.fixture(scope="module")
def watched(film: Film, tmp_path_factory: pytest.TempPathFactory) -> VideoResult:
    """The film, every frame of which was looked at."""
    model = EmotionModel(install_model(tmp_path_factory.mktemp("models")))
    return watch_video(film.data, FacePipeline(model, FaceFinder()))


class TestEveryFrame:
    def test_times_are_right_within_a_frame(self, film: Film, watched: VideoResult) -> None:
        timeline = watched.timeline
        assert len(timeline) == len(film.times_s)
        np.testing.assert_allclose(timeline.time_s, film.times_s, atol=0.001)
        assert timeline.looked.all()

    def test_people_are_right(self, film: Film, watched: VideoResult) -> None:
        timeline = watched.timeline
        for frame, expected in enumerate(film.faces):
            own = timeline.frame == frame
            seen = dict(zip(timeline.person[own].tolist(), timeline.boxes_xywh[own].tolist(), strict=True))
            assert set(seen) == set(expected), f"frame {frame}"
            for person, (x, y) in expected.items():
                assert seen[person] == pytest.approx((x, y, SIDE, SIDE), abs=2.5), f"person {person} in frame {frame}"
        assert timeline.people == (1, 2, 3)
        assert np.flatnonzero(timeline.cut).tolist() == film.cuts

    def test_expressions_are_right(self, film: Film, watched: VideoResult) -> None:
        table = watched.timeline.to_table()
        assert set(table[table.person == 1].emotion) == {"happy"}
        assert "happy" not in set(table[table.person == 2].emotion)

    def test_a_gap_is_rows_that_say_so(self, film: Film, watched: VideoResult) -> None:
        table = watched.timeline.to_table()
        gap = table[table.person.isna()]
        assert gap.frame.tolist() == list(range(40, 60))
        assert set(gap.quality) == {"no face"}
        assert gap[["x", "emotion", "confidence", "happy"]].isna().all(axis=None)
        assert not table.interpolated.any()

    def test_everyone_has_a_portrait(self, film: Film, watched: VideoResult) -> None:
        people = watched.people
        assert [person.number for person in people] == [1, 2, 3]
        for person in people:
            left, right = person.face_bgr[30:60, 20:40].mean(), person.face_bgr[30:60, 56:76].mean()
            assert (left > right) == (person.number != 2)


class TestAtARate:
    def test_what_lies_between_two_looks_is_interpolated(self, pipeline: FacePipeline) -> None:
        timeline = watch_video(moving(51), pipeline, VideoOptions(rate=5)).timeline
        assert np.flatnonzero(timeline.looked).tolist() == list(range(0, 51, 5))
        assert timeline.frame.tolist() == list(range(51)), "one person, in every frame"
        assert (timeline.interpolated == ~timeline.looked).all()
        np.testing.assert_allclose(timeline.boxes_xywh[:, 0], 10 + 2 * np.arange(51), atol=1.5)
        np.testing.assert_allclose(timeline.probabilities.sum(axis=1), 1, atol=1e-4)

    @pytest.mark.parametrize("draws", [pytest.param(False, id="numbers alone"), pytest.param(True, id="drawn")])
    def test_the_last_frame_is_looked_at(self, draws: bool, pipeline: FacePipeline) -> None:
        with tempfile.TemporaryFile() as file:
            picture = file if draws else None
            timeline = watch_video(moving(54), pipeline, VideoOptions(rate=5), picture=picture).timeline
        assert np.flatnonzero(timeline.looked).tolist() == [*range(0, 54, 5), 53]
        assert timeline.frame.tolist() == list(range(54))

    def test_far_apart_nothing_is_interpolated(self, pipeline: FacePipeline) -> None:
        table = watch_video(moving(101), pipeline, VideoOptions(rate=0.5)).timeline.to_table()
        assert table[table.person.notna()].frame.tolist() == [0, 50, 100]
        rest = table[table.person.isna()]
        assert len(rest) == 98
        assert set(rest.quality) == {"not looked at"}

    def test_after_a_cut_there_is_a_look_and_nothing_reaches_over_it(self, film: Film, pipeline: FacePipeline) -> None:
        timeline = watch_video(film.data, pipeline, VideoOptions(rate=2)).timeline
        assert timeline.looked[60]
        assert set(timeline.person[timeline.frame >= 60].tolist()) == {3}
        assert set(timeline.person[timeline.frame < 60].tolist()) == {1, 2}
        between = timeline.to_table().query("frame < 60 and frame > 40 and not interpolated")
        assert {"no face", "not looked at"} >= set(between[between.person.isna()].quality)

    @pytest.mark.parametrize(
        ("rate", "looks"),
        [
            pytest.param(25, 100, id="as many as there are"),
            pytest.param(100, 100, id="more than there are"),
            pytest.param(12.5, 50 + 1, id="every second one, and the last"),
            pytest.param(7, 28 + 1, id="uneven, and the last"),
        ],
    )
    def test_so_many_looks_a_second(self, rate: float, looks: int, pipeline: FacePipeline) -> None:
        timeline = watch_video(moving(100), pipeline, VideoOptions(rate=rate)).timeline
        assert timeline.looked.sum() == looks

    def test_few_frames_wait_for_a_look(self, pipeline: FacePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looking, "_HELD_BYTES", 1)
        with tempfile.TemporaryFile() as picture:
            timeline = watch_video(moving(100), pipeline, VideoOptions(rate=1), picture=picture).timeline
        assert np.diff(np.flatnonzero(timeline.looked)).max() == 9

    @pytest.mark.parametrize("rate", [pytest.param(0, id="zero"), pytest.param(-1, id="negative")])
    def test_rates_that_cannot_be(self, rate: float) -> None:
        with pytest.raises(ValueError, match="rate must be more than 0"):
            VideoOptions(rate=rate)


class TestPicture:
    def test_the_very_frames_are_drawn(self, film: Film, pipeline: FacePipeline) -> None:
        with tempfile.TemporaryFile() as picture:
            assert watch_video(film.data, pipeline, picture=picture).has_picture
            picture.seek(0)
            drawn = picture.read()
        with VideoReader(drawn) as video, VideoReader(film.data) as plain:
            assert video.sound is not None
            assert video.info.picture_wh == plain.info.picture_wh
            pairs = zip(video.frames(), plain.frames(), film.faces, strict=True)
            of_drawn, of_plain = video.converter(), plain.converter()
            for frame, original, faces in pairs:
                assert frame.time_s == pytest.approx(original.time_s, abs=0.001)
                difference = cv2.absdiff(of_drawn(frame), of_plain(original)).max(axis=2)
                assert (difference.max() > 100) == bool(faces), f"frame {frame.index}"

    def test_blurring_leaves_nobody(self, pipeline: FacePipeline) -> None:
        with tempfile.TemporaryFile() as picture:
            watch_video(moving(20), pipeline, VideoOptions(rate=5, blur=True, words=False), picture=picture)
            picture.seek(0)
            drawn = picture.read()
        with VideoReader(drawn) as video:
            picture_of = video.converter()
            for frame in video.frames():
                x = 10 + 2 * frame.index
                inner = picture_of(frame)[46:66, x + 8 : x + 24].astype(int)
                edge = np.abs(inner[:, 10:].mean(axis=1) - inner[:, :6].mean(axis=1)).max()
                assert edge < 150, "the sharp edge between the halves of the face is gone"

    @pytest.mark.parametrize("late", [pytest.param(False, id="at once"), pytest.param(True, id="as it is finished")])
    def test_a_full_disk_costs_the_picture_alone(self, late: bool, pipeline: FacePipeline) -> None:
        class FullDisk(io.BytesIO):
            def write(self, data: bytes) -> int:
                if not late or self.tell() < len(self.getvalue()):
                    raise OSError(28, "No space left on device")
                return super().write(data)

        result = watch_video(moving(100), pipeline, picture=FullDisk())
        assert len(result.timeline) == 100
        assert not result.has_picture
        assert "the disk is full; make room and run this again." in result.warnings[-1]


class TestProgress:
    def test_it_says_what_is_left(self, pipeline: FacePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(looking, "_TELL_EVERY_S", 0.0)
        told: list[VideoProgress] = []
        watch_video(moving(100), pipeline, progress=told.append)
        assert [p.frames for p in told] == sorted(p.frames for p in told)
        assert told[-1].frames == told[-1].looks == 100
        assert told[-1].share == pytest.approx(0.99, abs=0.02)
        assert max(p.left_s for p in told if p.left_s is not None) > 0
        assert told[-1].left_s == pytest.approx(0, abs=told[-1].elapsed_s * 0.05)

    def test_nobody_knows_what_is_left_of_nothing_known(self) -> None:
        progress = VideoProgress(time_s=3.0, duration_s=None, frames=3, looks=3, elapsed_s=1.0)
        assert (progress.share, progress.left_s) == (None, None)

    def test_cancelling_keeps_what_is_done(self, pipeline: FacePipeline) -> None:
        asked = iter([False, False, True])
        with tempfile.TemporaryFile() as picture:
            result = watch_video(moving(200), pipeline, picture=picture, is_cancelled=lambda: next(asked))
            picture.seek(0)
            drawn = picture.read()
        assert 3 <= len(result.timeline) <= 3 * 24
        assert result.was_cancelled
        assert "The work was stopped at 0:0" in result.warnings[-1]
        with VideoReader(drawn) as video:
            assert len(list(video.frames())) == len(result.timeline)

    def test_a_file_that_gives_nothing_can_be_left(self, pipeline: FacePipeline) -> None:
        begun, waits, left = threading.Event(), threading.Event(), threading.Event()

        class SlowDisk(io.BytesIO):
            def read(self, size: int = -1, /) -> bytes:
                if begun.is_set():
                    waits.set()
                    left.wait(20)
                return super().read(size)

        def is_cancelled() -> bool:
            begun.set()
            if waits.is_set():
                left.set()
            return left.is_set()

        noise = np.random.default_rng(0)
        large = clip(
            lambda i: noise.integers(0, 255, (120, 160, 3), np.uint8),
            steady(90),
            container="mpegts",
            options={"preset": "ultrafast"},
        )
        assert len(large) > 1_000_000, "more than is read ahead"
        assert watch_video(SlowDisk(large), pipeline, is_cancelled=is_cancelled).was_cancelled

    def test_a_visitor_who_leaves_takes_the_work_along(
        self, pipeline: FacePipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(looking, "_TELL_EVERY_S", 0.0)

        def leave(_: VideoProgress) -> None:
            raise KeyboardInterrupt

        with tempfile.TemporaryFile() as picture, pytest.raises(KeyboardInterrupt):
            watch_video(moving(200), pipeline, picture=picture, progress=leave)


@pytest.mark.parametrize(
    ("damage", "warning"),
    [
        pytest.param(lambda data: data[: len(data) * 6 // 10], "cut off|damaged", id="cut off in the middle"),
        pytest.param(lambda data: data, None, id="whole"),
    ],
)
def test_what_could_be_read_is_delivered(
    damage: Callable[[bytes], bytes], warning: str | None, pipeline: FacePipeline
) -> None:
    result = watch_video(damage(moving(100, container="matroska")), pipeline)
    assert 20 < len(result.timeline) <= 100
    assert (len(result.timeline) == 100) == (warning is None)
    assert bool(result.warnings) == (warning is not None)


def test_a_single_frame_is_a_video_too(pipeline: FacePipeline) -> None:
    timeline = watch_video(moving(1), pipeline).timeline
    assert (len(timeline), timeline.people) == (1, (1,))
    assert timeline.end_s > 0


def test_what_is_no_video_is_refused(pipeline: FacePipeline) -> None:
    with pytest.raises(MediaError, match=r"'holiday.exe' is not a video of a known kind"):
        watch_video(b"MZ" + bytes(5000), pipeline, name="holiday.exe")
