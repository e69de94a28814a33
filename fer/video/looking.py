"""A video -> everyone in it over time, and the same video with what was read drawn on it.

Three threads work on one video: one decodes, the calling one finds and reads faces, many frames in one batch, and one
draws and encodes. Between them stand a few frames, never more, so that memory does not grow with length. Knows nothing
about pages or the command line.
"""

import contextlib
import errno
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from fer.crops import cut_square
from fer.drawing import annotate, blur_faces
from fer.errors import known
from fer.pipeline import FacePipeline
from fer.results import Face, FrameResult, Reader
from fer.stream import FaceStream
from fer.video.encoding import VideoWriter
from fer.video.reading import Converter, SoundPacket, VideoFrame, VideoInfo, VideoReader, clock
from fer.video.timeline import MOST_BETWEEN_S, Timeline, TimelineBuilder

BATCH = 8
"""How many frames are read together at most."""

_QUEUED_BYTES = 48_000_000
_HELD_BYTES = 96_000_000
"""Pictures that wait to be worked on, at each of the two places, and that wait for the next look."""

_TELL_EVERY_S = 0.2
_FACE_SIDE = 96
_MOST_FACES = 500


@dataclass(frozen=True)
class VideoOptions:
    """How a video is looked at and drawn.

    Attributes:
        rate: how many frames a second are looked at; None looks at every one. After a cut there is always a look.
        half_life_s: after this time a reading counts half (see `fer.stream.FaceStream`).
        words: False draws numbers only.
        landmarks: draw them where the detector gives them.
        blur: make faces unrecognisable; the whole frame while no face is found.
    """

    rate: float | None = None
    half_life_s: float = 0.3
    words: bool = True
    landmarks: bool = False
    blur: bool = False

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate <= 1000:
            raise ValueError(f"rate must be more than 0 and at most 1000 looks a second, but is {self.rate}.")


@dataclass(frozen=True)
class VideoProgress:
    """How far the work on a video is.

    Attributes:
        time_s: until where of the video.
        duration_s: how long it says that it is; None where it does not.
        frames, looks: how many frames were read, and how many of them were looked at.
        elapsed_s: how long it took so far.
    """

    time_s: float
    duration_s: float | None
    frames: int
    looks: int
    elapsed_s: float

    @property
    def share(self) -> float | None:
        """How much is done, in [0, 1]; None where nobody knows."""
        return None if not self.duration_s else min(1.0, self.time_s / self.duration_s)

    @property
    def left_s(self) -> float | None:
        """How long it will still take, at the speed so far; None where nobody knows."""
        return self.elapsed_s * (1 - self.share) / self.share if self.share else None


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a video.

    Attributes:
        number: from 1, in the order in which people appear.
        face_bgr: their best sight, uint8 of shape (96, 96, 3), blue first.
    """

    number: int
    face_bgr: np.ndarray


@dataclass(frozen=True, eq=False)
class VideoResult:
    """What was seen in a video.

    Attributes:
        name: what the video is called.
        info: what its file says of itself.
        reader: who read it.
        options: how it was looked at.
        timeline: every frame and every face.
        people: everyone who was seen, in order; of more than some hundred the first ones.
        warnings: one sentence for everything that was not as it should be.
        was_cancelled: the rest of the video was left out because that was asked for.
        has_picture: the file for the annotated video holds one that plays.
        elapsed_s: how long the work took.
    """

    name: str
    info: VideoInfo
    reader: Reader
    options: VideoOptions
    timeline: Timeline
    people: tuple[Person, ...]
    warnings: tuple[str, ...]
    was_cancelled: bool
    has_picture: bool
    elapsed_s: float

    def with_people(
        self,
        names: Mapping[int, str] | None = None,
        merged: Mapping[int, int] | None = None,
        left_out: Collection[int] = (),
    ) -> "VideoResult":
        """The same with people renamed, merged or left out; see `Timeline.with_people`.

        Everything that is made of the result follows, but not the annotated video.
        """
        timeline = self.timeline.with_people(names, merged, left_out)
        return replace(
            self, timeline=timeline, people=tuple(one for one in self.people if one.number in timeline.people)
        )


def watch_video(
    source: Path | BinaryIO | bytes,
    pipeline: FacePipeline,
    options: VideoOptions | None = None,
    *,
    name: str = "",
    picture: BinaryIO | None = None,
    progress: Callable[[VideoProgress], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> VideoResult:
    """Look at a video from its beginning to its end.

    Args:
        source: a file's path, its bytes, or a file that can be sought, which is left open.
        pipeline: finds and reads the faces.
        options: every frame, where None.
        name: what the video is called; the path's last part if empty.
        picture: takes the annotated video (MP4); empty, opened for writing and reading ("w+b"); stays open.
        progress: told several times a second how far it is, on the calling thread; what it raises ends the work.
        is_cancelled: asked between batches; True ends the work, and what is done is returned.

    Returns:
        What was seen, also where the file is damaged, the disk full, or the work was cancelled.

    Raises:
        MediaError: it is no video that can be read.

    Examples:
        >>> from fer.pipeline import load_pipeline
        >>> from fer.video.sample import sample_video
        >>> result = watch_video(sample_video(), load_pipeline(detector="haar"), VideoOptions(rate=1))
        >>> table = result.timeline.to_table()
        >>> table.loc[table.time_s.eq(2), ["person", "emotion"]].values.tolist()
        [[1, 'happy']]
    """
    name = name or (source.name if isinstance(source, Path) else "video")
    with VideoReader(source, str(source) if isinstance(source, Path) else name) as video:
        work = _Work(video, pipeline, options or VideoOptions(), picture)
        work.run(progress or (lambda _: None), is_cancelled or (lambda: False))
        return work.result(name)


@dataclass(eq=False)
class _Item:
    """A frame on its way.

    Attributes:
        time_s, is_cut: see `VideoFrame`.
        look: whether it is to be looked at.
        frame: the frame itself where it can be encoded as it was decoded, and somebody is going to.
        image_bgr: the converted picture, where it is needed.
        sounds: what came before it in the file.
        faces: who is in it, once known.
        may_hide: somebody may be in it whose place is not known.
    """

    time_s: float
    is_cut: bool
    look: bool
    frame: VideoFrame | None
    image_bgr: np.ndarray | None
    sounds: list[SoundPacket]
    faces: tuple[Face, ...] = ()
    may_hide: bool = True


@dataclass(eq=False)
class _End:
    """The file is over: the sound after the last frame, and that frame's picture, should it not have been looked at."""

    sounds: list[SoundPacket]
    last_bgr: np.ndarray | None


class _Plan:
    """Says which frames are looked at: at a rate, after every cut, and before too many wait for the next look."""

    def __init__(self, rate: float | None, most_held: int) -> None:
        self._rate, self._most_held = rate, most_held
        self._due_s, self._held = 0.0, 0

    def wants(self, frame: VideoFrame) -> bool:
        if self._rate is None:
            return True
        self._held += 1
        if frame.time_s < self._due_s and not frame.is_cut and self._held <= self._most_held:
            return False
        # On a grid, so that looks do not fall behind by part of a frame each; a time may be a hair before its place.
        self._due_s = (int(frame.time_s * self._rate + _HAIR) + 1 - _HAIR) / self._rate
        self._held = 0
        return True


_HAIR = 1e-3


class _Work:
    """One video, from its first to its last frame; the calling thread's part."""

    def __init__(
        self, video: VideoReader, pipeline: FacePipeline, options: VideoOptions, picture: BinaryIO | None
    ) -> None:
        self._video, self._pipeline, self._options = video, pipeline, options
        width, height = video.info.picture_wh
        self._scale_xy = video.info.width / width, video.info.height / height
        n_bytes = 5 * width * height  # blue, green and red, and as it was decoded
        room = max(3, min(24, _QUEUED_BYTES // n_bytes))
        self._plan = _Plan(options.rate, max(8, min(256, _HELD_BYTES // n_bytes)) if picture else 1 << 30)
        self._decoded: queue.Queue[_Item | _End | Exception] = queue.Queue(room)
        self._stop = threading.Event()
        self._rest: list[SoundPacket] = []
        self._artist = _Artist(picture, video, options, room) if picture else None
        self._stream = FaceStream(pipeline, half_life_s=options.half_life_s)
        self._builder = TimelineBuilder(pipeline.reader.classes)
        self._waiting: list[_Item] = []
        self._last: _Item | None = None
        self._portraits = _Portraits(options.blur)
        self._looks = 0
        self._was_cancelled = False
        self._start_s = time.perf_counter()

    def run(self, progress: Callable[[VideoProgress], None], is_cancelled: Callable[[], bool]) -> None:
        """Do the work; whatever happens, no thread is left behind."""
        decoder = threading.Thread(target=self._decode, name="video decoder", daemon=True)
        decoder.start()
        try:
            told_s = 0.0
            for batch in self._batches():
                self._take_in(batch)
                if time.perf_counter() - told_s >= _TELL_EVERY_S:
                    told_s = time.perf_counter()
                    progress(self._progress())
                if is_cancelled():
                    self._was_cancelled = True
                    break
            self._let_go()
        except BaseException:
            if self._artist is not None:
                self._artist.give_up()
            raise
        finally:
            self._stop.set()
            decoder.join()
        if self._artist is not None:
            self._artist.finish(self._rest)
        progress(self._progress())

    def result(self, name: str) -> VideoResult:
        """What was seen so far."""
        warnings = list(self._video.warnings)
        if self._was_cancelled:
            warnings.append(f"The work was stopped at {clock(self._builder.end_s)}; the rest was not looked at.")
        if self._artist is not None and self._artist.warning:
            warnings.append(self._artist.warning)
        return VideoResult(
            name=name,
            info=self._video.info,
            reader=self._pipeline.reader,
            options=self._options,
            timeline=self._builder.build(),
            people=self._portraits.people(),
            warnings=tuple(warnings),
            was_cancelled=self._was_cancelled,
            has_picture=self._artist is not None and self._artist.warning is None,
            elapsed_s=time.perf_counter() - self._start_s,
        )

    def _progress(self) -> VideoProgress:
        elapsed_s = time.perf_counter() - self._start_s
        duration_s = self._video.info.duration_s
        return VideoProgress(self._builder.end_s, duration_s, len(self._builder), self._looks, elapsed_s)

    def _decode(self) -> None:
        """The decoder's thread: frames and sound out of the file, converted where they will be needed."""
        picture_of, sounds, draws = self._video.converter(), [], self._artist is not None
        unseen: VideoFrame | None = None
        try:
            for part in self._video.parts():
                if isinstance(part, SoundPacket):
                    if draws:
                        sounds.append(part)
                    continue
                look = self._plan.wants(part)
                unseen = None if look else part
                stored = part if draws and picture_of.fits(part) else None
                image_bgr = picture_of(part) if look or (draws and stored is None) else None
                if not self._hand_over(_Item(part.time_s, part.is_cut, look, stored, image_bgr, sounds)):
                    return
                sounds = []
        except Exception as error:  # whatever it is, the other thread must hear of it
            self._hand_over(error)
        else:
            self._hand_over(_End(sounds, None if unseen is None else picture_of(unseen)))

    def _hand_over(self, what: _Item | _End | Exception) -> bool:
        """Wait until there is room; False where nobody wants any more."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._decoded.put(what, timeout=0.1)
                return True
        return False

    def _batches(self) -> Iterator[list[_Item]]:
        """What is decoded by now, of it at most `BATCH` frames to look at; then what follows."""
        is_over = False
        while not is_over:
            batch: list[_Item] = []
            try:
                what = self._decoded.get(timeout=_TELL_EVERY_S)
            except queue.Empty:  # nothing comes for a while, and somebody may want to stop meanwhile
                yield batch
                continue
            while isinstance(what, _Item):
                batch.append(what)
                if sum(item.look for item in batch) == BATCH:
                    break
                try:
                    what = self._decoded.get_nowait()
                except queue.Empty:
                    break
            yield batch
            if isinstance(what, Exception):
                raise what
            if isinstance(what, _End):
                self._rest, is_over = what.sounds, True
                if self._waiting:  # nothing comes after the last frame that it could be told from
                    item = self._waiting.pop()
                    item.look, item.image_bgr = True, what.last_bgr
                    yield [item]

    def _take_in(self, batch: Sequence[_Item]) -> None:
        """Read what is to be looked at, and put every frame of a batch in its place."""
        results = iter(self._read([known(item.image_bgr) for item in batch if item.look]))
        for item in batch:
            if item.is_cut:
                self._let_go()
                self._last = None
                self._stream = FaceStream(
                    self._pipeline, half_life_s=self._options.half_life_s, first_person=self._stream.next_person
                )
            if item.look:
                self._look_at(item, next(results))
            elif self._is_close(item):
                self._waiting.append(item)
            else:
                self._let_go()
                self._pass_on(item)

    def _read(self, images_bgr: Sequence[np.ndarray]) -> list[FrameResult]:
        """Find and read all faces of some pictures, in one batch."""
        crops = [self._pipeline.cut(image_bgr, self._pipeline.detect(image_bgr)) for image_bgr in images_bgr]
        faces = self._pipeline.read(crops)
        return [FrameResult(*one.size_wh, own, self._pipeline.reader) for one, own in zip(crops, faces, strict=True)]

    def _look_at(self, item: _Item, result: FrameResult) -> None:
        image_bgr = known(item.image_bgr)
        result = self._stream.follow(result, image_bgr, item.time_s)
        item.faces, item.may_hide = result.faces, not result.faces or result.missing > 0
        if self._is_close(item):
            self._interpolate(known(self._last), item)
        self._let_go()
        for face in result.faces:
            self._portraits.consider(face, image_bgr)
        self._looks += 1
        self._last = item
        self._pass_on(item)

    def _is_close(self, item: _Item) -> bool:
        """Whether the last look is so near that what lies between can be told."""
        return self._last is not None and item.time_s - self._last.time_s <= MOST_BETWEEN_S

    def _interpolate(self, before: _Item, after: _Item) -> None:
        """Say of the frames that wait where everyone was who is there before and after."""
        later = {face.person: face for face in after.faces}
        pairs = [(face, later[face.person]) for face in before.faces if face.person in later]
        is_sure = len(pairs) == len(before.faces) == len(after.faces) > 0
        for item in self._waiting if pairs else ():
            share = (item.time_s - before.time_s) / (after.time_s - before.time_s)
            item.faces = self._pipeline.with_sets([_blend(face, other, share) for face, other in pairs])
            item.may_hide = not is_sure

    def _let_go(self) -> None:
        """Pass on what waits for the next look, as it is."""
        for item in self._waiting:
            self._pass_on(item)
        self._waiting = []

    def _pass_on(self, item: _Item) -> None:
        self._builder.add(item.time_s, item.faces, looked=item.look, cut=item.is_cut, scale_xy=self._scale_xy)
        if self._artist is not None:
            self._artist.draw(item)


def _blend(face: Face, other: Face, share: float) -> Face:
    """Somebody between two looks, of whom the second counts this share."""

    def between(one: Sequence[float] | np.ndarray, two: Sequence[float] | np.ndarray) -> np.ndarray:
        return (1 - share) * np.asarray(one, np.float64) + share * np.asarray(two, np.float64)

    here, there = face.landmarks_xy, other.landmarks_xy
    return replace(
        face,
        box_xywh=tuple(between(face.box_xywh, other.box_xywh).tolist()),
        crop_xywh=tuple(between(face.crop_xywh, other.crop_xywh).tolist()),
        detector_score=min(face.detector_score, other.detector_score),
        probabilities=between(face.probabilities, other.probabilities),
        landmarks_xy=None if here is None or there is None else between(here, there),
        prediction_set=None,
        quality=(*face.quality, *(fault for fault in other.quality if fault not in face.quality)),
    )


class _Portraits:
    """Keeps everyone's best sight, small."""

    def __init__(self, blur: bool) -> None:
        self._blur = blur
        self._best: dict[int, tuple[float, np.ndarray]] = {}

    def consider(self, face: Face, image_bgr: np.ndarray) -> None:
        person = known(face.person)
        best = self._best.get(person)
        if best is None and len(self._best) >= _MOST_FACES:
            return
        worth = face.detector_score * float(np.sqrt(face.box_xywh[2] * face.box_xywh[3])) / (1 + len(face.quality))
        if best is None or worth > 1.1 * best[0]:
            patch_bgr = cut_square(image_bgr, face.crop_xywh, _FACE_SIDE)
            self._best[person] = worth, blur_faces(patch_bgr, ()) if self._blur else patch_bgr

    def people(self) -> tuple[Person, ...]:
        return tuple(Person(number, face_bgr) for number, (_, face_bgr) in sorted(self._best.items()))


class _Artist:
    """Draws and encodes on a thread of its own. A failure costs the picture alone.

    Attributes:
        warning: why there is no picture; None where nothing went wrong.
    """

    def __init__(self, file: BinaryIO, video: VideoReader, options: VideoOptions, room: int) -> None:
        self.warning: str | None = None
        self._file, self._video, self._options = file, video, options
        self._items: queue.Queue[_Item | list[SoundPacket] | None] = queue.Queue(room)
        self._fault: Exception | None = None
        self._is_over = False
        self._done_s = 0.0
        self._thread = threading.Thread(target=self._work, name="video encoder", daemon=True)
        self._thread.start()

    def draw(self, item: _Item) -> None:
        """Take a frame, as soon as there is room for it."""
        self._items.put(item)

    def finish(self, rest: list[SoundPacket]) -> None:
        """Add the rest of the sound and close the file."""
        self._end(rest)
        if self._fault is not None:
            raise self._fault

    def give_up(self) -> None:
        """Leave the file as it is."""
        self._end(None)

    def _end(self, last: list[SoundPacket] | None) -> None:
        self._items.put(last)
        self._thread.join()

    def _work(self) -> None:
        try:
            self._draw_all()
        except OSError as error:
            full = error.errno == errno.ENOSPC
            self._give_up("the disk is full; make room and run this again" if full else "it cannot be written")
        except av.FFmpegError:
            self._give_up("it cannot be encoded")
        except Exception as error:  # told by `finish`, on the thread that asked for the picture
            self._fault = error
        while not self._is_over:  # nobody may wait for room
            self._next()

    def _give_up(self, why: str) -> None:
        self.warning = f"The annotated video was given up at {clock(self._done_s)}, because {why}."

    def _next(self) -> _Item | list[SoundPacket] | None:
        item = self._items.get()
        self._is_over = not isinstance(item, _Item)
        return item

    def _draw_all(self) -> None:
        writer = VideoWriter(self._file, self._video.info.picture_wh, self._video.sound)
        picture_of = self._video.converter()
        while isinstance(item := self._next(), _Item):
            for part in item.sounds:
                writer.write_sound(part)
            self._write(writer, picture_of, item)
            self._done_s = item.time_s
        if item is not None:
            for part in item:
                writer.write_sound(part)
            writer.close()

    def _write(self, writer: VideoWriter, picture_of: Converter, item: _Item) -> None:
        if item.frame is not None and not item.faces and not self._options.blur:
            writer.write_stored(item.frame.stored, item.time_s)
            return
        image_bgr = picture_of(known(item.frame)) if item.image_bgr is None else item.image_bgr
        if self._options.blur:
            image_bgr = blur_faces(image_bgr, () if item.may_hide else item.faces)
        if item.faces:
            image_bgr = annotate(image_bgr, item.faces, words=self._options.words, landmarks=self._options.landmarks)
        writer.write(image_bgr, item.time_s)
