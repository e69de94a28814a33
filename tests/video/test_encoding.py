"""Encoding: what browsers play, at the times of the frames, with the sound."""

import io
import tempfile

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from fer.video.encoding import VideoWriter
from fer.video.reading import VideoFrame, VideoReader
from tests.video.clips import backdrop, clip, steady

UNEVEN_S = [0, 0.04, 0.1, 0.3, 0.31, 1.5, 1.6]
BLUE, GREEN, RED = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def draw(i: int) -> np.ndarray:
    picture = backdrop()
    for place, colour in enumerate((BLUE, GREEN, RED)):
        picture[20:60, 10 + 50 * place : 50 + 50 * place] = colour
    return picture


def copied(data: bytes, file: io.BufferedIOBase, *, stored: bool = False) -> bytes:
    """A clip, read and written anew."""
    with VideoReader(data) as video:
        picture_of = video.converter()
        with VideoWriter(file, video.info.picture_wh, video.sound) as writer:
            for part in video.parts():
                if not isinstance(part, VideoFrame):
                    writer.write_sound(part)
                elif stored:
                    writer.write_stored(part.stored, part.time_s)
                else:
                    writer.write(picture_of(part), part.time_s)
    file.seek(0)
    return file.read()


@pytest.mark.parametrize("stored", [pytest.param(False, id="drawn"), pytest.param(True, id="as decoded")])
def test_the_file_is_what_browsers_play(stored: bool) -> None:
    with tempfile.TemporaryFile() as file:
        data = copied(clip(draw, UNEVEN_S, sound="aac"), file, stored=stored)
    assert data.index(b"moov") < data.index(b"mdat"), "the index stands in front"
    with av.open(io.BytesIO(data)) as written:
        (picture,), (sound,) = written.streams.video, written.streams.audio
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sound.codec_context.name == "aac"
        assert float(sound.duration * sound.time_base) == pytest.approx(UNEVEN_S[-1], abs=0.1)
    with VideoReader(data) as video:
        np.testing.assert_allclose([frame.time_s for frame in video.frames()], UNEVEN_S, atol=0.001)
        assert video.info.duration_s == pytest.approx(UNEVEN_S[-1] + 0.04, abs=0.05)


@pytest.mark.parametrize(
    "colorspace",
    [
        pytest.param(None, id="not said"),
        pytest.param(Colorspace.ITU601, id="BT.601"),
        pytest.param(Colorspace.ITU709, id="BT.709, as in HD"),
    ],
)
def test_colours_stay(colorspace: Colorspace | None) -> None:
    data = clip(draw, steady(5), colorspace=colorspace)
    with VideoReader(data) as video:
        assert video.converter().fits(next(video.frames())) == (colorspace is not Colorspace.ITU709)
    with VideoReader(copied(data, io.BytesIO())) as video:
        picture = video.converter()(next(video.frames()))
    for place, colour in enumerate((BLUE, GREEN, RED)):
        assert picture[40, 30 + 50 * place].tolist() == pytest.approx(colour, abs=12)


@pytest.mark.parametrize(
    ("container", "codec", "kept"),
    [
        pytest.param("mp4", "aac", "aac", id="AAC is copied"),
        pytest.param("matroska", "libmp3lame", "mp3float", id="MP3 is copied", marks=pytest.mark.slow),
        pytest.param("matroska", "libopus", "opus", id="Opus is copied", marks=pytest.mark.slow),
        pytest.param("matroska", "pcm_s16le", "aac", id="plain samples become AAC"),
        pytest.param("matroska", "ac3", "aac", id="AC-3 becomes AAC", marks=pytest.mark.slow),
    ],
)
def test_sound_is_kept_in_step(container: str, codec: str, kept: str) -> None:
    data = copied(clip(draw, steady(50), container=container, sound=codec), io.BytesIO())
    with VideoReader(data) as video:
        assert video.sound.codec_context.name == kept
    with av.open(io.BytesIO(data)) as written:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in written.decode(audio=0)])
    assert len(samples) / 48_000 == pytest.approx(2.0, abs=0.15)
    power = np.abs(np.fft.rfft(samples[4_800:52_800].astype(float)))
    assert power.argmax() == pytest.approx(440, abs=2), "the tone of 440 Hz"


class _FullDisk(io.BytesIO):
    def write(self, data: bytes) -> int:
        if self.tell() + len(data) > 3_000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_an_error_that_says_so() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)

    def fill() -> None:
        with VideoWriter(_FullDisk(), (64, 48)) as writer:
            for i in range(100):
                writer.write(np.roll(noise, i, axis=1), i / 25)

    with pytest.raises(OSError, match="No space left") as caught:
        fill()
    assert caught.value.errno == 28
