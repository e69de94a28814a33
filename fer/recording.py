"""What a stream showed, as numbers: samples of people, a recording of them, and the recorder that makes one.

Turns tracked results into samples and samples into a table. Keeps numbers, never pixels. Knows nothing of where frames
come from, of pages or of databases.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fer.results import BoxXYWH, FrameResult, Reader

if TYPE_CHECKING:
    import pandas as pd

MOST_RECORDED = 60_000
"""Most samples that a recording keeps: more than an hour of one person at 15 frames a second, about 40 MB."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a recording keeps of one person at one moment: numbers, never pixels.

    Attributes:
        time_s: seconds since the recording began.
        person: number of the tracked person, from 1.
        probabilities: calibrated and smoothed, in the order of the recording's classes; sum to 1.
        box_xywh: where the face was, pixels of the frame as it was taken, never mirrored.
        detector_score: in [0, 1].
    """

    time_s: float
    person: int
    probabilities: tuple[float, ...]
    box_xywh: BoxXYWH
    detector_score: float


Sink = Callable[[Sequence[Sample]], None]


@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded: numbers, never pixels.

    Attributes:
        classes: what the samples' probabilities stand for.
        started: when it began, in UTC.
        samples: every person of every frame, in order; the first `MOST_RECORDED`.
        duration_s: from the first frame to the last.
        overflowed: more was seen than `samples` holds; a sink was given all of it.
    """

    classes: tuple[str, ...]
    started: datetime
    samples: tuple[Sample, ...]
    duration_s: float
    overflowed: bool


class Recorder:
    """A recording that still runs."""

    def __init__(self, reader: Reader, sink: Sink | None) -> None:
        self.reader = reader
        self._sink = sink
        self.duration_s = 0.0
        self._started = datetime.now(UTC)
        self._start_s: float | None = None
        self._samples: list[Sample] = []
        self._overflowed = False

    def add(self, result: FrameResult, now_s: float) -> Exception | None:
        """Keep a frame's samples and hand them on; what the sink raised is returned, and costs no frame."""
        if self._start_s is None:
            self._start_s = now_s
        self.duration_s = now_s - self._start_s
        samples = samples_of(result, self.duration_s)
        free = MOST_RECORDED - len(self._samples)
        self._samples += samples[:free]
        self._overflowed |= len(samples) > free
        if samples and self._sink is not None:
            try:
                self._sink(samples)
            except Exception as error:  # whatever it is, the picture must go on
                return error
        return None

    def finish(self) -> Recording:
        return Recording(self.reader.classes, self._started, tuple(self._samples), self.duration_s, self._overflowed)


def samples_of(result: FrameResult, time_s: float) -> list[Sample]:
    return [
        Sample(time_s, face.person, tuple(face.probabilities.tolist()), face.box_xywh, face.detector_score)
        for face in result.faces
    ]


def samples_table(samples: Sequence[Sample], classes: Sequence[str]) -> "pd.DataFrame":
    """Lay a recording out as one row a person and moment, in the order given.

    Args:
        samples: what was recorded; may be empty.
        classes: the recording's classes, as many as every sample has probabilities.

    Returns:
        A `pandas.DataFrame` with the columns time_s, person, emotion (the most probable class), confidence (its
        probability), x, y, w, h (pixels), detector_score, then one column a class (probabilities in [0, 1]).

    Raises:
        ValueError: a sample has more or fewer probabilities than there are classes.
    """
    import pandas as pd  # see to_table

    rows = []
    for sample in samples:
        if len(sample.probabilities) != len(classes):
            raise ValueError(
                f"A sample has {len(sample.probabilities)} probabilities, but there are {len(classes)} classes."
            )
        confidence = max(sample.probabilities)
        emotion = classes[sample.probabilities.index(confidence)]
        rows.append(
            (
                sample.time_s,
                sample.person,
                emotion,
                confidence,
                *sample.box_xywh,
                sample.detector_score,
                *sample.probabilities,
            )
        )
    columns = ["time_s", "person", "emotion", "confidence", *"xywh", "detector_score", *classes]
    types = {**dict.fromkeys(columns, "float64"), "person": "int64", "emotion": "str"}
    return pd.DataFrame(rows, columns=columns).astype(types)
