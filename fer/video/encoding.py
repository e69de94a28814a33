"""Pictures with their times, and the old sound -> an MP4 that every browser plays.

H.264 in 4:2:0 with its index in front, at the times of the frames, so that a variable frame rate stays one. Sound that
browsers play in MP4 is copied as it is, other sound becomes AAC. Knows nothing about faces or where the file is kept.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO, cast

import av
import cv2
import numpy as np

from fer.video.reading import SoundPacket

TIME_BASE = Fraction(1, 90_000)
"""The clock of the pictures, exact for 24, 25, 30, 50 and 60 frames a second."""

QUALITY = {"preset": "superfast", "crf": "23", "bf": "0"}
"""Without B-frames pictures are stored in the order in which they are shown, and the stated duration is right."""

COPIED = frozenset({"aac", "mp3", "opus", "flac"})
"""The kinds of sound that Chromium, Firefox and Safari play from an MP4."""

_SMPTE170M = 6  # BT.601's matrix, which OpenCV's colours are
_MPEG_RANGE = 1
_KEY_EVERY = 50
"""A player that seeks decodes from the last whole picture on: at most 2 seconds at 25 frames a second."""


class _Again:
    """A second handle on a file that is being written, from its start; never closes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._place = file, 0

    def read(self, size: int) -> bytes:
        back = self._file.tell()
        self._file.seek(self._place)
        data = self._file.read(size)
        self._place = self._file.tell()
        self._file.seek(back)
        return data

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            back = self._file.tell()
            place += self._file.seek(0, os.SEEK_END)
            self._file.seek(back)
        elif whence == os.SEEK_CUR:
            place += self._place
        self._place = place
        return place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        pass


class VideoWriter:
    """One MP4 that is being written; a context manager, for one thread. After an error the file is of no use."""

    def __init__(self, file: BinaryIO, picture_wh: tuple[int, int], sound: av.AudioStream | None = None) -> None:
        """Begin a file.

        Args:
            file: opened for writing and reading ("w+b"), empty; stays open.
            picture_wh: the size of the pictures, even numbers of pixels.
            sound: the track that sound will come from.
        """
        self._output = av.open(
            file,
            "w",
            format="mp4",
            options={"movflags": "+faststart"},
            buffer_size=1 << 18,
            io_open=lambda url, flags, options: _Again(file),
        )
        self._stream = self._output.add_stream("libx264", rate=25, options=QUALITY)
        self._stream.width, self._stream.height = picture_wh
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.gop_size = TIME_BASE, _KEY_EVERY
        context.thread_count = 1
        context.colorspace, context.color_range = _SMPTE170M, _MPEG_RANGE
        self._sound = None if sound is None else _Sound(self._output, sound)
        self._last: int | None = None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()

    def write(self, image_bgr: np.ndarray, time_s: float) -> None:
        """Add a picture.

        Args:
            image_bgr: uint8 of shape (height, width, 3), blue first, of the file's size.
            time_s: when it is shown; later than the one before.
        """
        yuv: np.ndarray = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2YUV_I420)
        self.write_stored(av.VideoFrame.from_ndarray(yuv, format="yuv420p"), time_s)

    def write_stored(self, frame: av.VideoFrame, time_s: float) -> None:
        """Add a frame of another file, which is yuv420p and of the file's size, as it was decoded."""
        pts = round(time_s / TIME_BASE)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = pts
        frame.pts, frame.time_base, frame.pict_type = pts, TIME_BASE, 0
        self._output.mux(self._stream.encode(frame))

    def write_sound(self, part: SoundPacket) -> None:
        """Add a piece of the sound track; what cannot be decoded is left out."""
        if self._sound is not None:
            self._output.mux(list(self._sound.packets(part)))

    def close(self) -> None:
        """Finish the file: its index goes to the front.

        Raises:
            OSError: the disk is full, for one.
        """
        self._output.mux(self._stream.encode(None))
        if self._sound is not None:
            self._output.mux(list(self._sound.rest()))
        self._output.close()


class _Sound:
    """The sound track of a file that is being written."""

    def __init__(self, output: av.container.OutputContainer, source: av.AudioStream) -> None:
        self._is_copied = source.codec_context.name.removesuffix("float") in COPIED
        if self._is_copied:
            self._stream = output.add_stream_from_template(source)
        else:
            self._stream = output.add_stream("aac", rate=48_000)
            self._stream.layout = "stereo"
            self._resampler = av.AudioResampler("fltp", "stereo", 48_000)
        self._source = source
        self._last_dts: int | None = None
        self._written = 0

    def packets(self, part: SoundPacket) -> Iterator[av.Packet]:
        packet = part.packet
        if not self._is_copied:
            yield from self._encode(part)
            return
        if packet.time_base is None or packet.dts is None:
            return
        shift = round(part.shift_s / packet.time_base)
        dts = packet.dts + shift
        if self._last_dts is not None and dts <= self._last_dts:
            return
        self._last_dts = dts
        packet.pts, packet.dts = (dts if packet.pts is None else packet.pts + shift), dts
        packet.stream = self._stream
        yield packet

    def _encode(self, part: SoundPacket) -> Iterator[av.Packet]:
        try:
            frames = cast(list[av.AudioFrame], part.packet.decode())
        except (av.FFmpegError, ValueError):
            return
        for frame in frames:
            begin = None
            if frame.pts is not None and frame.time_base is not None:
                begin = round((float(frame.pts * frame.time_base) + part.shift_s) * 48_000)
            frame.pts = None
            for piece in self._resampler.resample(frame):
                if begin is not None and begin > self._written + _MOST_DRIFT:
                    self._written = begin
                piece.pts, piece.time_base = self._written, Fraction(1, 48_000)
                self._written += piece.samples
                yield from self._stream.encode(piece)

    def rest(self) -> Iterator[av.Packet]:
        if not self._is_copied:
            yield from self._stream.encode(None)


_MOST_DRIFT = 4_800
"""A gap in the sound of more samples than these is kept: a tenth of a second."""
