"""Untrusted video files -> frames with the times at which they are shown, one after another, in bounded memory.

Reads what FFmpeg reads from a file or from bytes, by presentation time stamp, whatever the frame rate does; the picture
comes out upright and with square pixels. Nothing but the file itself is ever opened: formats that name other files or
addresses are refused, and so is every attempt to open one. Knows nothing about faces, networks or pages.
"""

import io
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from fer.errors import MediaError, known
from fer.media import is_picture, open_file, shown_name

MAX_PIXELS = 36_000_000
"""The largest frame that is decoded, width times height: 8K (7680 x 4320) and a little more."""

MAX_FRAME_BYTES = 60_000_000
"""The largest frame in memory: 8K in 8 bits, 5K in 10. Decoders hold a dozen of them."""

MAX_SIDE = 1920
"""The longest side that frames are read and drawn at, pixels; larger ones are shrunk first."""

MAX_STREAMS = 64
PROBE_BYTES = 8_000_000
PROBE_S = 5
"""How much of a file is looked at to find out what is in it, in bytes and in seconds of video."""

STALLED_S = 30.0
"""A file that gives no further frame for so long is given up."""

FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "gxf", "nut", "wtv", "rm", "nsv", "dv"),
    *("gif", "yuv4mpegpipe", "ivf", "obu", "h264", "hevc", "vvc", "av1", "m4v", "mpegvideo", "h263", "mjpeg", "vc1"),
)
"""The containers that are read, by FFmpeg's names: those that hold video themselves. Playlists (HLS, DASH, concat),
devices and sequences of pictures, which name other files or addresses, are not among them."""

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".ogv"),
    *(".3gp", ".gif"),
)
"""File name endings that are taken for videos."""

CUT_SCORE = 10.0
"""From this score on a frame begins a new shot, as in FFmpeg's filter `scdet`, where it is the default: the smaller of
the mean difference to the frame before, in percent of white, and of how much that difference changed."""

_LOOK_WH = (64, 48)
_SAME_SCENE = 0.85
"""From this correlation with the frame before on nothing was cut, however much brighter it became: of pairs of 72
photos of faces 0.3 % are that much alike, and every one of them lit up by a quarter of white stays above 0.97."""

_FLAT = 1.0
"""A picture whose grey levels deviate by less shows nothing."""

_CUT_OFF_S = 0.5
"""A file that ends by more than this before its own word, and two frames, was cut off."""

_JUMP_S = 1.0
"""Time stamps that go back by more begin anew; by less, they are out of order."""

_SLACK_S = 60.0
"""A time stamp so far past twice the stated duration is impossible."""

_LEAST_STEP_S = 0.001
_LONGEST_S = 7 * 24 * 3600.0
_MOST_WAITING = 10_000
_UPRIGHT = (1, 0, 0, 1)
_HDR = {16: "PQ", 18: "HLG"}
"""The two ways of HDR to store light (ITU-R BT.2100), by their numbers in FFmpeg."""

_PAPER_WHITE_NITS = 203
"""What is as light as white paper in HDR (ITU-R BT.2408); an ordinary picture has nothing lighter."""

_LIKE_BT601 = frozenset({2, 5, 6})  # unspecified, BT.470BG, SMPTE 170M
_HALF = 1 << 15  # of a display matrix' 1, which is 1 << 16


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself, before it is read.

    Attributes:
        width, height: of the picture as it is shown, upright and with square pixels.
        duration_s: None where it does not say.
        fps: frames a second on average; None where it does not say.
        codec, container: FFmpeg's names.
        has_sound: whether there is a sound track that can be decoded.
        picture_wh: size of the frames that are given out, pixels: shrunk to `MAX_SIDE`, even.
    """

    width: int
    height: int
    duration_s: float | None
    fps: float | None
    codec: str
    container: str
    has_sound: bool
    picture_wh: tuple[int, int]


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One frame.

    Attributes:
        index: 0, 1, 2, ... in the order in which frames are shown.
        time_s: when it is shown, seconds after the file's beginning; always later than the frame before.
        is_cut: another scene begins with it.
        stored: as it was decoded.
    """

    index: int
    time_s: float
    is_cut: bool
    stored: av.VideoFrame


@dataclass(frozen=True, eq=False)
class SoundPacket:
    """A piece of the sound track, still compressed; `shift_s` is to be added to its time."""

    packet: av.Packet
    shift_s: float


class _StalledError(Exception):
    """The file gave nothing for too long."""


class _EndError(Exception):
    """The file is read to its end."""


_FAULTS = (av.FFmpegError, _StalledError, OSError, ValueError, RuntimeError, MemoryError)
"""What PyAV raises over a file that is not as it should be."""


class _WatchedFile:
    """A file that fails when it is read after its deadline, so that no loop over it lasts for ever."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.deadline_s = math.inf

    def read(self, size: int) -> bytes:
        if time.monotonic() > self.deadline_s:
            raise _StalledError
        return self._file.read(size)


def _refuse_to_open(url: str, flags: int, options: dict) -> BinaryIO:
    raise PermissionError("A video file may not open other files.")


class VideoReader:
    """One video, opened; a context manager, for one thread.

        with VideoReader(Path("clip.mp4")) as video:
            picture_of = video.converter()
            for frame in video.frames():
                image_bgr = picture_of(frame)

    Attributes:
        info: what the file says of itself.
        sound: the sound track that the packets belong to; None where there is none that can be decoded.
        warnings: one sentence for everything that was not as it should be; grows while frames are read.
        end_s: when the last frame so far is shown; None before the first.
    """

    def __init__(self, source: Path | BinaryIO | bytes, name: str = "") -> None:
        """Open a video.

        Args:
            source: a file's path, its bytes, or a file that can be sought, which is left open.
            name: what sentences call it; the path, or "This file", if empty.

        Raises:
            MediaError: there is no such file, it is no video that is read here, it is damaged or too large.
        """
        name = name or (str(source) if isinstance(source, Path) else "")
        self._subject = f"'{shown_name(name)}'" if name else "This file"
        self._held = ExitStack()
        self.warnings: list[str] = []
        self.end_s: float | None = None
        try:
            if isinstance(source, Path):
                source = self._held.enter_context(open_file(source, "video"))
            self._open(io.BytesIO(source) if isinstance(source, bytes) else source)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def _open(self, file: BinaryIO) -> None:
        file.seek(0)
        head = file.read(4096)
        file.seek(0)
        if not head:
            raise MediaError(f"{self._subject} is empty (0 bytes); choose another file.")
        options = {
            "format_whitelist": ",".join(FORMATS),
            "protocol_whitelist": "none",
            "max_streams": str(MAX_STREAMS),
            "probesize": str(PROBE_BYTES),
            "analyzeduration": str(PROBE_S * 1_000_000),
            "max_pixels": str(MAX_PIXELS),
        }
        self._file = _WatchedFile(file)
        self._file.deadline_s = time.monotonic() + STALLED_S
        try:
            container = av.open(
                self._file,
                "r",
                options=options,
                buffer_size=1 << 18,
                io_open=_refuse_to_open,
                metadata_errors="replace",
            )
        except _FAULTS as fault:
            raise MediaError(f"{self._subject} {_why_not(head)}") from fault
        self._container = self._held.enter_context(container)
        self._stream = self._choose_stream()
        self.sound = next((stream for stream in self._container.streams.audio if stream.codec_context), None)
        context = self._stream.codec_context
        pixels = context.width * context.height
        if pixels > MAX_PIXELS:
            raise MediaError(
                f"{self._subject} is {context.width} x {context.height} pixels, and up to {MAX_PIXELS // 1_000_000} "
                "megapixels are read; make it smaller."
            )
        # In 10 bits and more, or with all of its colours, a frame takes several times the memory.
        if context.format is not None and pixels * context.format.padded_bits_per_pixel / 8 > MAX_FRAME_BYTES:
            raise MediaError(
                f"{self._subject} is {context.width} x {context.height} pixels in {context.format.name}, and its "
                "frames take more memory than is given; make it smaller, or save it in 8 bits."
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}
        # A second thread holds more frames in memory: large pictures are worth it, huge ones are not.
        context.thread_count, context.thread_type = (2, "AUTO") if 500_000 < pixels < 10_000_000 else (1, "NONE")
        rate = self._stream.average_rate or self._stream.guessed_rate
        self._step_s = float(1 / rate) if rate and 0.1 <= rate <= 1000 else 0.04
        self._start_s: float | None = (
            None if self._container.start_time is None else self._container.start_time / av.time_base
        )
        self._duration_s = self._stated_duration_s()
        self._sound_end_s = 0.0
        self._shift_s = 0.0
        self._index = 0
        self._damaged = 0
        self._told: set[str] = set()
        self._look: np.ndarray | None = None
        self._difference = 0.0
        self._shrinker = VideoReformatter()
        self._waiting: list[VideoFrame | SoundPacket] = []
        self._source = self._read()
        self._stored_wh: tuple[int, int] | None = None
        self._turn = _UPRIGHT
        self._curve: np.ndarray | None = None
        self._find_first()
        self.info = self._inform()

    def _choose_stream(self) -> av.VideoStream:
        """The first stream of video that can be decoded and is no cover picture."""
        streams = [s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            what = "sound, but no video" if self._container.streams.audio else "no video"
            raise MediaError(f"{self._subject} holds {what}; choose another file.")
        stream = next((s for s in streams if s.codec_context is not None), None)
        if stream is None:
            raise MediaError(f"{self._subject} is packed in a way that cannot be read here; save it as MP4 (H.264).")
        return stream

    def _stated_duration_s(self) -> float | None:
        stream = self._stream
        stated = [
            None if not stream.duration or not stream.time_base else float(stream.duration * stream.time_base),
            None if self._container.duration is None else self._container.duration / av.time_base,
        ]
        return next((seconds for seconds in stated if seconds and 0 < seconds < _LONGEST_S), None)

    def _find_first(self) -> None:
        """Decode up to the first frame, and keep what comes until then."""
        for part in self._source:
            self._waiting.append(part)
            if isinstance(part, VideoFrame):
                return
            if len(self._waiting) > _MOST_WAITING:
                break
        raise MediaError(f"{self._subject} holds no picture that can be decoded; copy or record it again.")

    def _inform(self) -> VideoInfo:
        stated = self._stream.codec_context.sample_aspect_ratio
        ratio = float(stated) if stated and 0.2 <= stated <= 5 else 1.0
        width, height = known(self._stored_wh)
        width = max(1, round(width * ratio))
        if self._turn[0] == 0:
            width, height = height, width
        shrink = min(1.0, MAX_SIDE / max(width, height))
        rate = self._stream.average_rate
        return VideoInfo(
            width=width,
            height=height,
            duration_s=self._duration_s,
            fps=float(rate) if rate and rate > 0 else None,
            codec=self._stream.codec_context.name,
            container=self._container.format.name,
            has_sound=self.sound is not None,
            picture_wh=(_even(width * shrink), _even(height * shrink)),
        )

    def frames(self) -> Iterator[VideoFrame]:
        """The frames that are left, in the order in which they are shown; see `parts`."""
        return (part for part in self.parts() if isinstance(part, VideoFrame))

    def parts(self) -> Iterator[VideoFrame | SoundPacket]:
        """What is left of the video, in the order of the file: frames, and the sound between them.

        Damage ends in a warning, not in an error: what could be read is given.
        """
        yield from self._waiting
        self._waiting = []
        yield from self._source

    def _read(self) -> Iterator[VideoFrame | SoundPacket]:
        streams = [self._stream] if self.sound is None else [self._stream, self.sound]
        packets = self._container.demux(streams)
        try:
            while True:
                self._file.deadline_s = time.monotonic() + STALLED_S
                yield from self._next(packets)
        except _EndError:
            self._warn_about_the_end()
        except _StalledError:
            self._warn(f"nothing more could be read for {STALLED_S:.0f} seconds and the rest is left out")
        except _FAULTS as fault:
            self._warn(f"it is damaged there and the rest is left out ({type(fault).__name__})")
        if self._damaged:
            many = "1 picture" if self._damaged == 1 else f"{self._damaged} pictures"
            self.warnings.append(f"{many} of {self._subject} could not be decoded and {_is(self._damaged)} left out.")

    def _next(self, packets: Iterator[av.Packet]) -> list[VideoFrame | SoundPacket]:
        """What the next packet holds that holds anything."""
        while True:
            if time.monotonic() > self._file.deadline_s:
                raise _StalledError
            packet = _take(packets)
            if packet.stream is not self._stream:
                if packet.dts is None:
                    continue
                self._sound_end_s = float((packet.dts + (packet.duration or 0)) * packet.time_base)
                return [SoundPacket(packet, self._shift_s - (self._start_s or 0.0))]
            try:
                frames = packet.decode()
            except _FAULTS:
                self._damaged += 1
                continue
            if frames:
                return [self._frame(stored) for stored in frames]

    def _frame(self, stored: av.VideoFrame) -> VideoFrame:
        time_s = self._time_s(stored)
        self.end_s = time_s
        if self._stored_wh is None:
            self._stored_wh, self._turn = (stored.width, stored.height), _turn(stored)
            if stored.color_trc in _HDR:
                way = _HDR[stored.color_trc]
                self._curve = _to_ordinary_light(way)
                self.warnings.append(
                    f"{self._subject} is in HDR ({way}); it is read and drawn in ordinary light, where what is lighter "
                    "than paper is plain white."
                )
        elif (stored.width, stored.height) != self._stored_wh:
            self._warn_once("the picture changes its size; it is shown at the size that it had first")
        frame = VideoFrame(self._index, time_s, self._is_cut(stored), stored)
        self._index += 1
        return frame

    def _time_s(self, stored: av.VideoFrame) -> float:
        """When a frame is shown: its own time, unless that cannot be."""
        last_s = self.end_s
        expected_s = 0.0 if last_s is None else last_s + self._step_s
        stamp = stored.dts if stored.pts is None else stored.pts
        if stamp is None or stored.time_base is None:
            if last_s is not None:
                self._warn_once("time stamps are missing; times are counted on from the frame rate")
            return expected_s
        raw_s = float(stamp * stored.time_base)
        if self._start_s is None:
            self._start_s = raw_s
        time_s = raw_s - self._start_s + self._shift_s
        if last_s is None:
            return max(0.0, time_s) if self._is_possible(time_s) else 0.0
        if not self._is_possible(time_s):
            self._warn_once("time stamps are impossible; times are counted on from the frame rate")
            return expected_s
        if time_s > last_s:
            return time_s
        if last_s - time_s > _JUMP_S:
            self._shift_s += expected_s - time_s
            self._warn_once("time stamps jump back; from there on they are counted on")
            return expected_s
        self._warn_once("time stamps are out of order; those frames are shown right after the one before")
        return last_s + _LEAST_STEP_S

    def _is_possible(self, time_s: float) -> bool:
        # MP4 may say less than it holds: its duration leaves out how far the last frames were put off.
        limit_s = _LONGEST_S if self._duration_s is None else 2 * self._duration_s + _SLACK_S + self._shift_s
        return -_LONGEST_S < time_s <= limit_s

    def _is_cut(self, stored: av.VideoFrame) -> bool:
        width, height = _LOOK_WH
        small = self._shrinker.reformat(stored, width, height, "gray", interpolation=Interpolation.AREA, threads=1)
        look = small.to_ndarray().astype(np.float32)
        before, self._look = self._look, look
        if before is None:
            return False
        difference = float(np.abs(look - before).mean()) / 255 * 100
        score, self._difference = min(difference, abs(difference - self._difference)), difference
        return score >= CUT_SCORE and _correlation(look, before) < _SAME_SCENE

    def converter(self) -> "Converter":
        """What turns this video's frames into pictures; one for each thread."""
        return Converter(self.info.picture_wh, self._turn, self._curve)

    def _warn_once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._warn(what)

    def _warn(self, what: str) -> None:
        self.warnings.append(f"At {clock(self.end_s or 0.0)} of {self._subject} {what}.")

    def _warn_about_the_end(self) -> None:
        """Say so where the file ends before its own word."""
        end_s = max(self.end_s or 0.0, self._sound_end_s - (self._start_s or 0.0) + self._shift_s)
        if self._duration_s is not None and self._duration_s - end_s > _CUT_OFF_S + 2 * self._step_s:
            self.warnings.append(
                f"{self._subject} was cut off: it says that it lasts {clock(self._duration_s)}, but it could be read "
                f"until {clock(end_s)}."
            )


class Converter:
    """Turns the frames of one video into upright pictures of one size; for one thread."""

    def __init__(
        self, picture_wh: tuple[int, int], turn: tuple[int, int, int, int], curve: np.ndarray | None = None
    ) -> None:
        self._picture_wh, self._turn, self._curve = picture_wh, turn, curve
        self._reformatter = VideoReformatter()

    def fits(self, frame: VideoFrame) -> bool:
        """Whether a frame is stored as `fer.video.encoding` stores pictures, so that nothing has to be converted."""
        stored = frame.stored
        return (
            (stored.width, stored.height) == self._picture_wh
            and stored.format.name == "yuv420p"
            and stored.colorspace in _LIKE_BT601
            and stored.color_range != ColorRange.JPEG
            and self._turn == _UPRIGHT
            and self._curve is None
        )

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """A frame as uint8 of shape (height, width, 3), blue first, of the size `VideoInfo.picture_wh`."""
        width, height = self._picture_wh if self._turn[0] else self._picture_wh[::-1]
        stored = frame.stored
        shrinks = stored.width > 1.5 * width
        turned: np.ndarray = self._reformatter.reformat(
            stored,
            width,
            height,
            "bgr24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        ).to_ndarray()
        if self._curve is not None:
            turned = cv2.LUT(turned, self._curve)
        a, b, c, d = self._turn
        if a == 0:
            turned = cv2.transpose(turned)
            a, d = c, b
        if a < 0 or d < 0:
            turned = cv2.flip(turned, -1 if a < 0 and d < 0 else 1 if a < 0 else 0)
        return turned


def _to_ordinary_light(way: str) -> np.ndarray:
    """What becomes of every value of a picture in HDR: uint8 of shape (256,); colours become a little paler by it."""
    value = np.arange(256) / 255
    if way == "PQ":
        root = value ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    else:
        light = np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        nits = 1000 * light**1.2
    shown = np.minimum(nits / _PAPER_WHITE_NITS, 1) ** (1 / 2.4)
    return np.rint(255 * shown).astype(np.uint8)


def clock(time_s: float) -> str:
    """A time as people write it: 0:07.2, 12:30.0, 1:02:03.5."""
    tenths = round(time_s * 10)
    hours, minutes, seconds = tenths // 36_000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def _take(packets: Iterator[av.Packet]) -> av.Packet:
    """The next packet; raises `_EndError` where there is none."""
    packet = next(packets, None)
    if packet is None:
        raise _EndError
    return packet


def _turn(stored: av.VideoFrame) -> tuple[int, int, int, int]:
    """How a frame is to be turned and mirrored: the signs of its display matrix a, b, c, d (ISO/IEC 14496-12).

    A point (x, y) goes to (a x + c y, b x + d y). A matrix that does anything else than quarter turns is left alone.
    """
    attached: Any = stored.side_data  # av's types take it for its keys
    for data in attached:
        if data.type is SideDataType.DISPLAYMATRIX and data.buffer_size >= 36:
            matrix = np.frombuffer(bytes(data)[:36], np.int32)
            a, b, _, c, d = (int(v) for v in np.sign(matrix[:5]) * (np.abs(matrix[:5]) > _HALF))
            if (a, d) == (0, 0) and b and c:
                return 0, b, c, 0
            if (b, c) == (0, 0) and a and d:
                return a, 0, 0, d
    return _UPRIGHT


def _why_not(head: bytes) -> str:
    """Say why a file that begins so is no video."""
    if is_picture(head):
        return "is a picture, not a video; open it as a photo."
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]")):
        return "only names other files, which are not opened; choose the video itself."
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "is damaged, or cut off before its index, which stands at the end; copy or record it again."
    return "is not a video of a known kind; choose an MP4, MOV, MKV, WebM or AVI file."


def _correlation(look: np.ndarray, other: np.ndarray) -> float:
    """How alike two small grey pictures are, -1 to 1; flat ones are like each other and like nothing else."""
    look, other = look - look.mean(), other - other.mean()
    length, other_length = float(np.linalg.norm(look)), float(np.linalg.norm(other))
    if min(length, other_length) < _FLAT * np.sqrt(look.size):
        return float(max(length, other_length) < _FLAT * np.sqrt(look.size))
    return float((look * other).sum()) / (length * other_length)


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
