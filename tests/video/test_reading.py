"""Reading: the right frames at the right times, upright, whatever the file; one sentence where there is nothing."""

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fer.errors import MediaError
from fer.video import reading
from fer.video.reading import VideoFrame, VideoReader, clock
from tests.video.clips import backdrop, clip, steady, turned

UNEVEN_S = [0, 0.04, 0.1, 0.3, 0.31, 1.5, 1.6]


def draw(i: int) -> np.ndarray:
    """A white square that moves to the right, with a red upper edge."""
    picture = backdrop()
    picture[20:60, 20 + i : 60 + i] = 200
    picture[20:30, 20 + i : 60 + i] = (0, 0, 255)
    return picture


def times(source: bytes) -> list[float]:
    with VideoReader(source) as video:
        return [frame.time_s for frame in video.frames()]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="MP4"),
        pytest.param({"options": {"bf": "0"}, "sound": "aac"}, id="MP4 with sound"),
        pytest.param({"codec": "libx265", "options": {"x265-params": "log-level=none"}}, id="HEVC"),
        pytest.param({"pix_fmt": "yuv420p10le"}, id="10 bit"),
        pytest.param({"container": "mov", "codec": "mjpeg", "pix_fmt": "yuvj420p"}, id="MJPEG, full range"),
        pytest.param({"container": "matroska", "sound": "pcm_s16le"}, id="Matroska"),
        pytest.param({"container": "webm", "codec": "libvpx-vp9", "sound": "libopus"}, id="WebM"),
        pytest.param({"container": "mpegts"}, id="transport stream"),
        pytest.param({"container": "flv", "codec": "flv"}, id="FLV"),
    ],
)
def test_a_variable_frame_rate_is_right_to_the_frame(how: dict) -> None:
    with VideoReader(clip(draw, UNEVEN_S, **how)) as video:
        picture_of = video.converter()
        frames = [(frame, picture_of(frame)) for frame in video.frames()]
        assert [frame.index for frame, _ in frames] == list(range(len(UNEVEN_S)))
        np.testing.assert_allclose([frame.time_s for frame, _ in frames], UNEVEN_S, atol=0.001)
        assert not video.warnings
    for i, (_, picture) in enumerate(frames):
        assert picture.shape == (120, 160, 3)
        left = int(np.flatnonzero(picture[45, :, 1] > 120)[0])
        assert abs(left - (20 + i)) <= 1, "the frames come in the order in which they are shown"
        assert picture[24, 40 + i].tolist() == pytest.approx([0, 0, 255], abs=30), "blue first"


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        pytest.param((1, 0, 0, 1), "upper left", id="upright"),
        pytest.param((0, 1, -1, 0), "upper right", id="a quarter clockwise, as telephones do"),
        pytest.param((-1, 0, 0, -1), "lower right", id="upside down"),
        pytest.param((0, -1, 1, 0), "lower left", id="a quarter counterclockwise"),
        pytest.param((-1, 0, 0, 1), "upper right", id="mirrored"),
        pytest.param((0, 1, 1, 0), "upper left", id="mirrored along the diagonal"),
    ],
)
def test_the_picture_comes_out_upright(matrix: tuple[int, int, int, int], corner: str) -> None:
    def mark(i: int) -> np.ndarray:
        picture = np.zeros((120, 160, 3), np.uint8)
        picture[:30, :30] = 255
        return picture

    with VideoReader(turned(clip(mark, steady(3)), matrix)) as video:
        picture = video.converter()(next(video.frames()))
        lies = matrix[0] == 0
        assert (video.info.width, video.info.height) == ((120, 160) if lies else (160, 120))
    height, width = picture.shape[:2]
    assert (width, height) == video.info.picture_wh
    rows = slice(0, 20) if corner.startswith("upper") else slice(height - 20, height)
    columns = slice(0, 20) if corner.endswith("left") else slice(width - 20, width)
    assert picture[rows, columns].mean() > 240
    assert picture.mean() < 30


@pytest.mark.parametrize(
    ("way", "values", "expected"),
    [
        # Signals of 1, 50, 203 and 1000 nits, and what a screen of 203 nits and gamma 2.4 needs for them.
        pytest.param("smpte2084", (38, 112, 148, 192), (28, 142, 255, 255), id="PQ"),
        pytest.param("arib-std-b67", (40, 142, 192, 255), (45, 161, 255, 255), id="HLG"),
        pytest.param("bt709", (38, 112, 148, 192), (38, 112, 148, 192), id="ordinary"),
    ],
)
def test_hdr_is_brought_to_ordinary_light(way: str, values: tuple, expected: tuple) -> None:
    stripes = np.repeat(np.repeat(np.array(values, np.uint8), 40)[None, :, None], 120, axis=0).repeat(3, axis=2)
    params = {"crf": "1", "x264-params": f"transfer={way}:colorprim=bt2020:colormatrix=bt2020nc"}
    with VideoReader(clip(lambda i: stripes, steady(2), pix_fmt="yuv420p10le", options=params), "clip.mov") as video:
        picture = video.converter()(next(video.frames()))
    np.testing.assert_allclose(picture[60, 20::40, 1], expected, atol=4)
    assert [warning.partition(";")[0] for warning in video.warnings] == (
        [] if way == "bt709" else [f"'clip.mov' is in HDR ({'PQ' if way == 'smpte2084' else 'HLG'})"]
    )


def test_a_large_picture_is_shrunk_and_an_odd_one_made_even() -> None:
    with VideoReader(clip(lambda i: backdrop(3840, 2160), steady(1))) as video:
        assert (video.info.width, video.info.height) == (3840, 2160)
        assert video.info.picture_wh == (1920, 1080)
        assert video.converter()(next(video.frames())).shape == (1080, 1920, 3)
    odd = clip(lambda i: backdrop(81, 61), steady(2), container="gif", codec="gif", pix_fmt="rgb8")
    with VideoReader(odd) as video:
        assert (video.info.width, video.info.height, video.info.picture_wh) == (81, 61, (80, 60))


@pytest.mark.parametrize(
    ("others_s", "cuts"),
    [
        pytest.param([], [], id="one scene"),
        pytest.param([20], [20], id="another scene"),
        pytest.param([10, 20], [10, 20], id="two cuts"),
    ],
)
def test_cuts_are_seen(others_s: list[int], cuts: list[int]) -> None:
    scenes = [backdrop(seed=seed) * 4 for seed in range(3)]

    def film(i: int) -> np.ndarray:
        picture = scenes[sum(i >= other for other in others_s)].copy()
        picture[30:70, i : 40 + i] = 250
        return picture

    with VideoReader(clip(film, steady(30))) as video:
        assert [frame.index for frame in video.frames() if frame.is_cut] == cuts


def test_a_flash_is_no_cut() -> None:
    scene = backdrop() * 4
    data = clip(lambda i: np.clip(scene.astype(int) + (60 if i == 10 else 0), 0, 255).astype(np.uint8), steady(20))
    with VideoReader(data) as video:
        assert not any(frame.is_cut for frame in video.frames())


class TestTimes:
    def test_they_begin_at_the_first_of_all_tracks(self) -> None:
        later = clip(draw, [2.0, 2.04, 2.08], container="matroska")
        np.testing.assert_allclose(times(later), [0, 0.04, 0.08], atol=0.002)

    def test_time_stamps_that_jump_back_are_counted_on(self) -> None:
        parts = [clip(draw, [10 * first + s for s in steady(50)], container="mpegts") for first in (2, 0)]
        with VideoReader(parts[0] + parts[1]) as video:
            shown_s = [frame.time_s for frame in video.frames()]
            warnings = " ".join(video.warnings)
        assert len(shown_s) == 100
        assert (np.diff(shown_s) > 0).all()
        assert shown_s[-1] == pytest.approx(99 * 0.04, abs=0.1)
        assert "time stamps jump back" in warnings

    def test_missing_time_stamps_are_counted_from_the_frame_rate(self) -> None:
        raw = clip(draw, steady(25), container="h264", options={"bf": "0"})
        shown_s = times(raw)
        assert len(shown_s) == 25
        assert (np.diff(shown_s) > 0).all()
        assert shown_s[-1] == pytest.approx(24 / 25, abs=0.05)

    @pytest.mark.parametrize("rate", [pytest.param(1, id="1 a second"), pytest.param(240, id="240 a second")])
    def test_any_frame_rate(self, rate: int) -> None:
        shown_s = times(clip(draw, steady(8, rate), rate=rate))
        np.testing.assert_allclose(shown_s, steady(8, rate), atol=0.001)


def _cut_off(container: str, share: float) -> bytes:
    options = {"movflags": "+faststart"} if container == "mp4" else {}
    noise = np.random.default_rng(0)
    data = clip(
        lambda i: noise.integers(0, 255, (120, 160, 3), np.uint8),
        steady(75),
        container=container,
        muxer_options=options,
        options={"bf": "0", "g": "10"},
    )
    return data[: int(len(data) * share)]


@pytest.mark.parametrize("container", [pytest.param("mp4", id="MP4"), pytest.param("matroska", id="Matroska")])
def test_what_is_left_of_a_file_that_was_cut_off_is_read(container: str) -> None:
    with VideoReader(_cut_off(container, 0.5)) as video:
        shown_s = [frame.time_s for frame in video.frames()]
        assert 0.8 < shown_s[-1] < 2.2
        (warning,) = (warning for warning in video.warnings if "cut off" in warning or "damaged" in warning)
        assert clock(video.end_s) in warning or "0:01" in warning


def test_a_picture_that_changes_its_size_keeps_the_first() -> None:
    small = clip(lambda i: backdrop(80, 60), [2 + s for s in steady(10)], container="mpegts")
    with VideoReader(clip(draw, steady(10), container="mpegts") + small) as video:
        picture_of = video.converter()
        shapes = {picture_of(frame).shape for frame in video.frames()}
        assert shapes == {(120, 160, 3)}
        assert any("changes its size" in warning for warning in video.warnings)


def _png() -> bytes:
    from fer.media import encode_png

    return encode_png(backdrop())


def _sound_alone() -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        from tests.video.clips import add_tone

        add_tone(output, output.add_stream("aac", rate=48_000), 1.0)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda: b"", "is empty (0 bytes); choose another file.", id="0 bytes"),
        pytest.param(lambda: b"MZ" + bytes(5000), "is not a video of a known kind", id="a program"),
        pytest.param(lambda: b"hello, world\n" * 300, "is not a video of a known kind", id="text"),
        pytest.param(_png, "is a picture, not a video; open it as a photo.", id="a single picture"),
        pytest.param(_sound_alone, "holds sound, but no video; choose another file.", id="sound alone"),
        pytest.param(lambda: clip(draw, steady(20))[:900], "is damaged, or cut off before its index", id="no index"),
        pytest.param(
            lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/etc/hostname\n",
            "only names other files, which are not opened",
            id="HLS playlist",
        ),
        pytest.param(
            lambda: b"ffconcat version 1.0\nfile '/etc/hostname'\n",
            "only names other files, which are not opened",
            id="concat list",
        ),
    ],
)
def test_what_is_no_video_gets_one_sentence(make: Callable[[], bytes], sentence: str) -> None:
    with pytest.raises(MediaError) as caught:
        VideoReader(make(), "clip.mp4")
    assert str(caught.value).startswith("'clip.mp4' ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        pytest.param("nothing.mp4", "does not exist; check the path.", id="no file"),
        pytest.param(".", "is a folder; name a video in it.", id="a folder"),
    ],
)
def test_paths(tmp_path: Path, path: str, sentence: str) -> None:
    with pytest.raises(MediaError, match=sentence):
        VideoReader(tmp_path / path)


def test_more_pixels_than_the_limit_are_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = clip(draw, steady(3))
    monkeypatch.setattr(reading, "MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(MediaError, match=r"megapixels are read; make it smaller\."):
        VideoReader(data)


@pytest.mark.parametrize(
    ("pix_fmt", "is_read"),
    [
        pytest.param("yuv420p", True, id="8 bits"),
        pytest.param("yuv420p10le", False, id="10 bits"),
        pytest.param("yuv444p", False, id="all colours"),
    ],
)
def test_a_frame_s_memory_is_limited(pix_fmt: str, is_read: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = clip(draw, steady(3), pix_fmt=pix_fmt)
    monkeypatch.setattr(reading, "MAX_FRAME_BYTES", 160 * 120 * 1.5)
    if is_read:
        assert len(times(data)) == 3
    else:
        with pytest.raises(MediaError, match="take more memory than is given; make it smaller, or save it in 8 bits"):
            VideoReader(data)


def test_a_file_that_gives_nothing_for_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with VideoReader(clip(draw, steady(100), container="mpegts")) as video:
        frames = video.frames()
        next(frames)
        monkeypatch.setattr(reading, "STALLED_S", -1.0)
        assert len(list(frames)) < 99
        assert any("nothing more could be read" in warning for warning in video.warnings)


@pytest.mark.slow
def test_memory_does_not_grow_with_length() -> None:
    def peak(n: int) -> int:
        data = clip(draw, steady(n), options={"bf": "0", "preset": "ultrafast"})
        tracemalloc.start()
        with VideoReader(data) as video:
            picture_of = video.converter()
            for frame in video.frames():
                picture_of(frame)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(400) < 1.5 * peak(50)


def test_frames_and_sound_come_in_the_order_of_the_file() -> None:
    with VideoReader(clip(draw, steady(50), sound="aac")) as video:
        kinds = [isinstance(part, VideoFrame) for part in video.parts()]
    assert kinds.count(True) == 50
    assert kinds.count(False) > 80
    longest = max(len(run) for run in "".join("f" if kind else "s" for kind in kinds).split("f"))
    assert longest < 80, "no track waits for the end of the other"


@pytest.mark.parametrize(
    ("time_s", "words"),
    [
        pytest.param(0, "0:00.0", id="zero"),
        pytest.param(7.26, "0:07.3", id="seconds"),
        pytest.param(59.97, "1:00.0", id="rounded up"),
        pytest.param(3723.5, "1:02:03.5", id="hours"),
    ],
)
def test_clock(time_s: float, words: str) -> None:
    assert clock(time_s) == words
