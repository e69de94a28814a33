"""What a stream showed, as numbers: looks and the samples in them, a recording, and the recorder that makes one.

In a time without samples it was looked and nobody was found, or nobody looked: a recording tells the two apart.

Turns tracked results into samples and samples into a table. Keeps numbers, never pixels. Knows nothing of where frames
come from, of pages or of databases.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from fer.emotions import UNSURE
from fer.results import BoxXYWH, FrameResult, Reader

if TYPE_CHECKING:
    import pandas as pd

MOST_RECORDED = 60_000
"""Most samples that a recording keeps: more than an hour of one person at 15 frames a second, about 40 MB."""

MOST_APART_S = 1.0
"""Between two looks that lie further apart nobody looked."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a recording keeps of one person at one moment: numbers, never pixels.

    Attributes:
        time_s: seconds since the recording began.
        person: number of the tracked person, from 1.
        probabilities: calibrated and smoothed, in the order of the recording's classes; sum to 1.
        box_xywh: where the face was, pixels of the frame as it was taken, never mirrored.
        detector_score: in [0, 1].
        is_unsure: whether more than one class had to be named (`fer.results.Face.is_unsure`); None where that was not
            noted, as in recordings of earlier versions.
    """

    time_s: float
    person: int
    probabilities: tuple[float, ...]
    box_xywh: BoxXYWH
    detector_score: float
    is_unsure: bool | None = None

    def emotion(self, classes: Sequence[str]) -> str:
        """The most probable one of the recording's classes."""
        return classes[max(range(len(classes)), key=self.probabilities.__getitem__)]

    def label(self, classes: Sequence[str]) -> str:
        """What the person was called then: `emotion`, or `fer.emotions.UNSURE`; `emotion` where doubt was not noted."""
        return UNSURE if self.is_unsure else self.emotion(classes)


@dataclass(frozen=True, slots=True)
class Look:
    """One moment that was looked at.

    Attributes:
        time_s: seconds since the recording began.
        samples: everyone who was found; empty where nobody was.
    """

    time_s: float
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, order=True)
class Marker:
    """A moment that somebody marked.

    Attributes:
        time_s: seconds since the recording began.
        note: what they wrote; may be empty.
    """

    time_s: float
    note: str = ""


@dataclass(frozen=True)
class Remarks:
    """What somebody wrote onto a recording.

    Attributes:
        notes: about all of it.
        names: of persons, by their numbers; who has none is not in it.
        markers: in the order of their times.
    """

    notes: str = ""
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    markers: tuple[Marker, ...] = ()

    def call(self, person: int) -> str:
        """What a person is called: the name, or "person 2"."""
        return self.names.get(person) or f"person {person}"


Sink = Callable[[Look], None]


class Span(NamedTuple):
    """A stretch of a recording or a video, in seconds since its beginning."""

    start_s: float
    end_s: float


class EmptySpans:
    """When it was looked and nobody was found.

    Examples:
        >>> spans = EmptySpans()
        >>> for time_s in (0.0, 0.5, 1.0, 9.0):  # nobody looked between 1 and 9 s
        ...     spans.add(Look(time_s, ()))
        >>> spans.spans()
        (Span(start_s=0.0, end_s=1.0), Span(start_s=9.0, end_s=9.0))
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._goes_on = False

    def add(self, look: Look) -> None:
        """Take the next look, in the order of their times."""
        if look.samples:
            self._goes_on = False
        elif self._goes_on and look.time_s - self._spans[-1][1] <= MOST_APART_S:
            self._spans[-1] = self._spans[-1]._replace(end_s=look.time_s)
        else:
            self._spans.append(Span(look.time_s, look.time_s))
            self._goes_on = True

    def spans(self, first: int = 0) -> tuple[Span, ...]:
        """The spans so far, in order, from the one at this position on; the last one may still grow."""
        return tuple(self._spans[first:])


@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded: numbers, never pixels.

    Attributes:
        classes: what the samples' probabilities stand for.
        started: when it began, in UTC.
        samples: every person of every frame, in order; the first `MOST_RECORDED`.
        nobody: when it was looked and nobody was found, in order.
        duration_s: from the first frame to the last.
        overflowed: more was seen than `samples` holds; a sink was given all of it.
        markers: the moments that were marked meanwhile, in order.
    """

    classes: tuple[str, ...]
    started: datetime
    samples: tuple[Sample, ...]
    nobody: tuple[Span, ...]
    duration_s: float
    overflowed: bool
    markers: tuple[Marker, ...] = ()


class Recorder:
    """A recording that still runs."""

    def __init__(self, reader: Reader, sink: Sink | None) -> None:
        self.reader = reader
        self._sink = sink
        self.duration_s = 0.0
        self._started = datetime.now(UTC)
        self._start_s: float | None = None
        self._samples: list[Sample] = []
        self._nobody = EmptySpans()
        self._overflowed = False
        self._markers: list[Marker] = []

    def mark(self, note: str) -> Marker:
        """Mark the moment of the last frame."""
        marker = Marker(self.duration_s, note)
        self._markers.append(marker)
        return marker

    def add(self, result: FrameResult, now_s: float) -> Exception | None:
        """Keep what a frame showed and hand it on; what the sink raised is returned, and costs no frame."""
        if self._start_s is None:
            self._start_s = now_s
        self.duration_s = now_s - self._start_s
        look = Look(self.duration_s, take_samples(result, self.duration_s))
        free = MOST_RECORDED - len(self._samples)
        self._samples += look.samples[:free]
        self._overflowed |= len(look.samples) > free
        self._nobody.add(look)
        if self._sink is not None:
            try:
                self._sink(look)
            except Exception as error:  # whatever it is, the picture must go on
                return error
        return None

    def finish(self) -> Recording:
        """What was recorded."""
        return Recording(
            classes=self.reader.classes,
            started=self._started,
            samples=tuple(self._samples),
            nobody=self._nobody.spans(),
            duration_s=self.duration_s,
            overflowed=self._overflowed,
            markers=tuple(self._markers),
        )


def take_samples(result: FrameResult, time_s: float) -> tuple[Sample, ...]:
    """Take the numbers of every face of a tracked frame."""
    return tuple(
        Sample(
            time_s,
            face.person,
            tuple(face.probabilities.tolist()),
            face.box_xywh,
            face.detector_score,
            face.is_unsure,
        )
        for face in result.faces
        if face.person is not None
    )


def samples_table(samples: Sequence[Sample], classes: Sequence[str]) -> "pd.DataFrame":
    """Lay a recording out as one row a person and moment, in the order given.

    Args:
        samples: what was recorded; may be empty.
        classes: the recording's classes, as many as every sample has probabilities.

    Returns:
        A `pandas.DataFrame` with the columns time_s, person, emotion (the most probable class), label (as
        `fer.results.Face.label`; missing where doubt was not noted), confidence (the probability of `emotion`), x, y,
        w, h (pixels), detector_score, then one column a class (probabilities in [0, 1]).

    Raises:
        ValueError: a sample has more or fewer probabilities than there are classes.

    Examples:
        >>> samples = [Sample(0.5, 1, (0.9, 0.1), (10.0, 20.0, 60.0, 60.0), 0.8)]
        >>> samples_table(samples, ("happy", "sad"))[["time_s", "person", "emotion"]].to_dict("records")
        [{'time_s': 0.5, 'person': 1, 'emotion': 'happy'}]
    """
    import pandas as pd  # see to_table

    rows = []
    for sample in samples:
        if len(sample.probabilities) != len(classes):
            raise ValueError(
                f"A sample has {len(sample.probabilities)} probabilities, but there are {len(classes)} classes."
            )
        rows.append(
            (
                sample.time_s,
                sample.person,
                sample.emotion(classes),
                None if sample.is_unsure is None else sample.label(classes),
                max(sample.probabilities),
                *sample.box_xywh,
                sample.detector_score,
                *sample.probabilities,
            )
        )
    columns = ["time_s", "person", "emotion", "label", "confidence", *"xywh", "detector_score", *classes]
    types = {**dict.fromkeys(columns, "float64"), "person": "int64", "emotion": "str", "label": "str"}
    return pd.DataFrame(rows, columns=columns).astype(types)


def count_labels(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, int]:
    """Count what was shown how often: an entry for every class and for `fer.emotions.UNSURE`.

    Where doubt was not noted of some samples, all of them count as their most probable class, and `UNSURE` has no
    entry.
    """
    if any(sample.is_unsure is None for sample in samples):
        return dict.fromkeys(classes, 0) | Counter(sample.emotion(classes) for sample in samples)
    return dict.fromkeys((*classes, UNSURE), 0) | Counter(sample.label(classes) for sample in samples)


def counted_as(table: "pd.DataFrame") -> "pd.Series":
    """What the rows of `samples_table` count as, by the rule of `count_labels`."""
    return table["emotion"] if table["label"].isna().any() else table["label"]
