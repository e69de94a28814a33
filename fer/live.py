"""One visitor's live view: frames in, drawn frames out, and a log of numbers that a page can read at any time.

Frames come from a thread of the camera's; a page reads and sets from threads of its own. Everything kept is
numbers, and bounded: a session may run for days. Times are the caller's, in seconds on a steady clock. Knows nothing
of Streamlit, WebRTC or the store.
"""

import logging
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np

from fer.drawing import annotate, blur_faces
from fer.emotions import UNSURE
from fer.errors import FerError
from fer.pipeline import FacePipeline
from fer.recording import Marker, Recorder, Recording, Sample, Sink, take_samples
from fer.results import FrameResult
from fer.stream import FaceStream
from fer.tracking import SteadyClock

HISTORY_S = 60.0
"""How far back the history reaches."""

MOMENTS_PER_S = 4
"""How many frames a second enter the history and the counts: the first of every quarter."""

MOST_HISTORY = round(HISTORY_S * MOMENTS_PER_S) * 16
"""Most samples in the history: a minute of 16 people."""

MOST_MARKS = 60
"""Most marks in the history."""

RATE_S = 2.0
"""The frame rate is that of the last two seconds."""

STAGES_S = 10.0
STAGES = ("detect", "recognise", "track", "draw", "whole frame")
_MOST_TIMED = 1000

DARK = 40
"""Mean grey level of a frame, 0 to 255, below which no reading is to be trusted."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """How frames are shown.

    Attributes:
        mirror: show them as a mirror does; what is read and recorded is the picture as it was taken.
        words: False shows numbers only.
        landmarks: draw them where the detector gives them.
        blur: make faces unrecognisable; the whole frame while no face is found.
    """

    mirror: bool = True
    words: bool = True
    landmarks: bool = False
    blur: bool = False


@dataclass(frozen=True, eq=False)
class LiveSnapshot:
    """What is known of a live view at one moment.

    Attributes:
        frames: how many were analysed since the session was made; while it stands still, nothing is live.
        classes: what the history's probabilities stand for.
        frame: the last analysed frame's result; None before the first.
        fps: frames analysed a second, over the last `RATE_S`.
        history: the last `HISTORY_S`, oldest first, at most `MOMENTS_PER_S` moments a second; time_s on the clock of
            `now_s`.
        now_s: when the last frame was taken.
        counts: how often each expression was seen: at every moment of the history one count a person in view, so that
            the frame rate does not matter. Every class has an entry, and `fer.emotions.UNSURE`.
        dark: the last frame was too dark to trust.
        error: the sentence for what went wrong with the last frame; None where nothing did.
        recording_s: how long the recording runs; None where none does.
        marks: what was marked in the last `HISTORY_S`; time_s on the clock of `now_s`.
        names: of persons, by their numbers.
        age_s: how long ago the last frame was analysed, seconds on this machine's clock.
    """

    frames: int
    classes: tuple[str, ...]
    frame: FrameResult | None
    fps: float
    history: tuple[Sample, ...]
    now_s: float
    counts: Mapping[str, int]
    dark: bool
    error: str | None
    recording_s: float | None
    marks: tuple[Marker, ...]
    names: Mapping[int, str]
    age_s: float


class LiveSession:
    """The log between the camera's thread and a page; one for each visitor.

    Attributes:
        view, everyone, half_life_s, chosen: how the next frames are shown and read (see `View` and `FaceStream`); may
            be set from any thread at any time.
    """

    def __init__(self, pipeline: FacePipeline) -> None:
        self.view = View()
        self.everyone = True
        self.half_life_s = 0.3
        self.chosen: int | None = None
        self._names: dict[int, str] = {}
        self._turn = threading.Lock()  # one frame at a time, should an old stream's thread meet its successor's
        self._lock = threading.Lock()  # guards all below; never held while a frame is analysed
        self._clock = SteadyClock()
        self._pipeline = pipeline
        self._stream = FaceStream(pipeline)
        self._frames = 0
        self._analysed_s = float("-inf")
        self._counts: Counter[str] = Counter()
        self._error: str | None = None
        self._recorder: Recorder | None = None
        self._forget()

    def _forget(self) -> None:
        self._model, self._classes = self._pipeline.reader.model, self._pipeline.reader.classes
        self._frame: FrameResult | None = None
        self._dark = False
        self._now_s = 0.0
        self._moment: int | None = None
        self._history: deque[Sample] = deque(maxlen=MOST_HISTORY)
        self._marks: deque[Marker] = deque(maxlen=MOST_MARKS)
        self._timed: deque[tuple[float, tuple[float, ...]]] = deque(maxlen=_MOST_TIMED)

    def use(self, pipeline: FacePipeline) -> None:
        """Read the next frames with another pipeline.

        People keep their numbers; what another model reads is counted anew.
        A recording has one model and one detector: while it runs, others wait for its end.
        """
        with self._lock:
            self._pipeline = pipeline

    def restart(self) -> None:
        """Begin a new stream: people, history and timings are forgotten; counts and a running recording stay.

        In a running recording nobody gets a number that somebody else had before.
        """
        with self._lock:
            first_person = 1 if self._recorder is None else self._stream.next_person
            self._stream = FaceStream(self._stream.pipeline, first_person=first_person)
            self.chosen = None
            if self._recorder is None:
                self._names = {}
            self._forget()

    def reset_counts(self) -> None:
        """Let the counts of expressions begin at 0 again."""
        with self._lock:
            self._counts.clear()

    def start_recording(self, sink: Sink | None = None) -> None:
        """Record from the next frame on; a recording that runs is dropped.

        Args:
            sink: given every look, on the frames' thread; must be quick, and must not call this session.
        """
        with self._lock:
            self._recorder = Recorder(self._pipeline.reader, sink)

    def stop_recording(self) -> Recording | None:
        """End the recording, after which its sink is not called again; None where none runs."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
        return None if recorder is None else recorder.finish()

    def name(self, person: int, name: str) -> None:
        """Call a person so, until a new stream begins; "" takes the name away."""
        with self._lock:
            others = {number: known for number, known in self._names.items() if number != person}
            self._names = {**others, person: name.strip()} if name.strip() else others

    def mark(self, note: str) -> Marker | None:
        """Mark the moment of the last frame, in the history and in the recording.

        Returns:
            The recording's marker; None where no recording runs.
        """
        with self._lock:
            self._marks.append(Marker(self._now_s, note))
            return None if self._recorder is None else self._recorder.mark(note)

    def process(self, image_bgr: np.ndarray, time_s: float) -> np.ndarray:
        """Analyse the next frame and draw what was read on that very frame.

        Never raises: what goes wrong is told by the next snapshot, and the frame passes through, blurred as a whole
        where faces are to be blurred.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            time_s: when it was taken.

        Returns:
            A new picture of that shape.
        """
        with self._turn:
            view = self.view
            try:
                return self._process(image_bgr, time_s, view)
            except Exception as error:  # whatever it is, the picture must go on
                self._tell("The last picture could not be read", error)
                return _passed_through(image_bgr, view)

    def _process(self, image_bgr: np.ndarray, time_s: float, view: View) -> np.ndarray:
        start = time.perf_counter()
        with self._lock:
            stream, recorder = self._stream, self._recorder
            if recorder is None or recorder.reader == self._pipeline.reader:
                stream.pipeline = self._pipeline
            now_s = self._clock.read(time_s)
        stream.everyone, stream.half_life_s, stream.chosen = self.everyone, self.half_life_s, self.chosen
        result = stream.process(image_bgr, now_s)
        analysed = time.perf_counter()
        shown = _blurred(image_bgr, result) if view.blur else image_bgr
        drawn = annotate(shown, result.faces, words=view.words, landmarks=view.landmarks, mirror=view.mirror)
        done = time.perf_counter()
        timings = result.timings
        stages_ms = (
            timings.detect_ms,
            timings.recognise_ms,
            timings.track_ms,
            (done - analysed) * 1000,
            (done - start) * 1000,
        )
        dark = float(image_bgr[::8, ::8].mean()) < DARK
        failure = None
        with self._lock:
            self._frames += 1
            self._analysed_s = time.monotonic()
            self._error = None
            if stream is self._stream:
                self._keep(result, stream.pipeline, now_s, stages_ms, dark)
                if recorder is not None and recorder is self._recorder:
                    failure = recorder.add(result, now_s)
        if failure is not None:
            self._tell("The last readings could not be saved", failure)
        return drawn

    def _keep(
        self, result: FrameResult, pipeline: FacePipeline, now_s: float, stages_ms: tuple[float, ...], dark: bool
    ) -> None:
        if pipeline.reader.model != self._model:  # what two models say does not add up
            self._model, self._classes = pipeline.reader.model, pipeline.reader.classes
            self._history.clear()
            self._counts.clear()
        self._frame, self._now_s, self._dark = result, now_s, dark
        self._timed.append((now_s, stages_ms))
        while self._timed[0][0] < now_s - STAGES_S:
            self._timed.popleft()
        while self._history and self._history[0].time_s < now_s - HISTORY_S:
            self._history.popleft()
        moment = math.floor(now_s * MOMENTS_PER_S + 1e-6)
        if moment != self._moment:
            self._moment = moment
            self._history.extend(take_samples(result, now_s))
            self._counts.update(face.label for face in result.faces)

    def _tell(self, what: str, error: Exception) -> None:
        sentence = str(error) if isinstance(error, FerError) else f"{what} ({type(error).__name__}: {error})."
        with self._lock:
            is_new, self._error = sentence != self._error, sentence
        if is_new:
            _LOG.error(what, exc_info=error)

    def snapshot(self) -> LiveSnapshot:
        """What is known now; safe to keep, since nothing in it changes any more."""
        with self._lock:
            times_s = [at_s for at_s, _ in self._timed]
            recorder = self._recorder
            counts = _whole(self._classes, self._counts)
            frames, classes, frame, history = self._frames, self._classes, self._frame, tuple(self._history)
            now_s, dark, error = self._now_s, self._dark, self._error
            recording_s = None if recorder is None else recorder.duration_s
            names, age_s = MappingProxyType(self._names), time.monotonic() - self._analysed_s
            marks = tuple(mark for mark in self._marks if mark.time_s >= now_s - HISTORY_S)
        return LiveSnapshot(
            frames=frames,
            classes=classes,
            frame=frame,
            fps=_rate([at_s for at_s in times_s if at_s > now_s - RATE_S]),
            history=history,
            now_s=now_s,
            counts=counts,
            dark=dark,
            error=error,
            recording_s=recording_s,
            marks=marks,
            names=names,
            age_s=age_s,
        )

    def summarize_stages(self) -> dict[str, tuple[float, float]]:
        """How long every stage took: the median and the 95th percentile of the last `STAGES_S`, in milliseconds.

        Empty before the first frame.
        """
        with self._lock:
            stages_ms = [each for _, each in self._timed]
        if not stages_ms:
            return {}
        middle, most = np.percentile(stages_ms, (50, 95), axis=0)
        return {name: (float(p50), float(p95)) for name, p50, p95 in zip(STAGES, middle, most, strict=True)}


def _whole(classes: tuple[str, ...], counts: Counter[str]) -> Mapping[str, int]:
    """Counts with an entry for everything that faces are called."""
    return MappingProxyType({name: counts[name] for name in (*classes, UNSURE)})


def _blurred(picture: np.ndarray, result: FrameResult) -> np.ndarray:
    """Hide every face, asked for or not; the whole picture where somebody may be in it who was not found."""
    return blur_faces(picture, () if result.missing else (*result.faces, *result.others))


def _passed_through(image_bgr: np.ndarray, view: View) -> np.ndarray:
    """The frame as it came, mirrored if asked; where faces are to be blurred, nothing of it can be recognised."""
    try:
        picture = cv2.flip(image_bgr, 1) if view.mirror else image_bgr.copy()
        return blur_faces(picture, ()) if view.blur else picture
    except Exception:  # then there is nothing to show but the frame's size
        return np.zeros_like(image_bgr) if view.blur else image_bgr


def _rate(times_s: Sequence[float]) -> float:
    span_s = times_s[-1] - times_s[0] if times_s else 0.0
    return (len(times_s) - 1) / span_s if span_s > 0 else 0.0
