"""Drawn clips whose faces, times and faults are known beforehand, and ways to damage files."""

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Colorspace

Draw = Callable[[int], np.ndarray]
"""Gives frame i as uint8 of shape (height, width, 3), blue first."""

TIME_BASE = Fraction(1, 12_800)


def backdrop(width: int = 160, height: int = 120, seed: int = 0) -> np.ndarray:
    """A dim, patterned scene, below the grey level from which the stand-in detector sees a face."""
    coarse = np.random.default_rng(seed).integers(0, 32, (6, 8), np.uint8)
    grey = np.kron(coarse, np.ones((-(-height // 6), -(-width // 8)), np.uint8))[:height, :width]
    return np.repeat(grey[..., None], 3, axis=2)


def clip(
    draw: Draw,
    times_s: Sequence[float],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: str | None = None,
    rate: int = 25,
    muxer_options: dict[str, str] | None = None,
    colorspace: Colorspace | None = None,
) -> bytes:
    """Encode a clip.

    Args:
        draw: what frame i shows.
        times_s: when each frame is shown.
        container, codec, pix_fmt, options, rate, muxer_options: as FFmpeg calls them.
        colorspace: the matrix of its colours, which the file names; not said where None.
        sound: the codec of a tone that lasts as long as the frames; None for silence.
    """
    file = io.BytesIO()
    muxer_options = muxer_options or {}
    again = {"io_open": lambda *_: io.BytesIO(file.getvalue())} if muxer_options else {}
    with av.open(file, "w", format=container, options=muxer_options, **again) as output:
        height, width = draw(0).shape[:2]
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = Fraction(1, rate) if codec.startswith("mpeg") else TIME_BASE
        if sound is not None:
            tone = output.add_stream(sound, rate=48_000)
        for i, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(draw(i), format="bgr24")
            if colorspace is not None:
                frame = frame.reformat(format=pix_fmt, dst_colorspace=colorspace)
                stream.codec_context.colorspace = frame.colorspace = colorspace
            frame.pts, frame.time_base = round(time_s / stream.codec_context.time_base), stream.codec_context.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            add_tone(output, tone, times_s[-1] + 1 / rate)
    return file.getvalue()


def add_tone(output: av.container.OutputContainer, tone: av.AudioStream, seconds: float) -> None:
    """Write a tone of 440 Hz to one track."""
    tone.codec_context.open(strict=False)
    size = tone.codec_context.frame_size or 1024
    for start in range(0, round(seconds * 48_000) - size, size):
        wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + size) / 48_000)
        samples = np.stack([wave, wave]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        for ready in av.AudioResampler(tone.format, "stereo", 48_000).resample(frame):
            output.mux(tone.encode(ready))
    output.mux(tone.encode(None))


def turned(mp4: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """An MP4 whose picture is to be turned as its display matrix (a, b, c, d) says."""
    a, b, c, d = matrix
    unit = 1 << 16
    values = np.array([a * unit, b * unit, 0, c * unit, d * unit, 0, 0, 0, 1 << 30], ">i4").tobytes()
    data = bytearray(mp4)
    place = mp4.index(b"tkhd") + 4 + 4 + 4 + 4 + 4 + 4 + 4 + 8 + 8
    data[place : place + 36] = values
    return bytes(data)


def steady(n: int, rate: float = 25) -> list[float]:
    """n times, one frame after the other."""
    return [i / rate for i in range(n)]
