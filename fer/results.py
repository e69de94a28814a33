"""What travels between the rooms: detections, faces and analysed pictures, as frozen values that check themselves.

Turns nothing into anything by itself, except results into tables. Knows nothing about images, networks or pages.
All boxes are `x, y, width, height` in pixels of the analysed picture, `x, y` the upper left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT, UNSURE

if TYPE_CHECKING:
    import pandas as pd

Averaging = Literal["none", "flip"]
Target = Literal["labels", "votes"]
"""What probabilities were fitted to: one label a face, or the votes of many people."""

BoxXYWH = tuple[float, float, float, float]

Fault = Literal["small", "cut", "dark", "bright", "blurred", "turned"]
"""What can be wrong with how a face is seen; `fer.quality` finds it and puts it in words."""

JOINED_BY = "|"
"""What stands between the members of a set or the faults of a crop in a table's cell: no name holds it, and no CSV
needs quotes for it."""


def _frozen(array: np.ndarray, dtype: type, shape: tuple[int | None, ...], name: str) -> np.ndarray:
    """Return a read-only copy of the wanted type, after checking its shape (None: any length)."""
    copy: np.ndarray = np.array(array, dtype=dtype)
    if copy.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, copy.shape, strict=True)):
        raise ValueError(f"{name} must have the shape {shape}, but has {copy.shape}.")
    if not np.isfinite(copy).all():
        raise ValueError(f"{name} must be finite.")
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces that a detector found in one picture.

    Attributes:
        boxes_xywh: float32 of shape (n, 4), pixels; may reach past the border.
        scores: float32 of shape (n,), the detector's own confidence in [0, 1]; comparable within one detector only.
        landmarks_xy: float32 of shape (n, 5, 2), pixels: right eye, left eye, nose tip, right and left mouth corner
            (right is the person's own right); None where the detector gives none.
    """

    boxes_xywh: np.ndarray
    scores: np.ndarray
    landmarks_xy: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes_xywh)
        object.__setattr__(self, "boxes_xywh", _frozen(self.boxes_xywh, np.float32, (n, 4), "boxes_xywh"))
        object.__setattr__(self, "scores", _frozen(self.scores, np.float32, (n,), "scores"))
        if self.landmarks_xy is not None:
            object.__setattr__(self, "landmarks_xy", _frozen(self.landmarks_xy, np.float32, (n, 5, 2), "landmarks_xy"))
        if (self.boxes_xywh[:, 2:] <= 0).any():
            raise ValueError("boxes_xywh must have positive widths and heights.")
        if ((self.scores < 0) | (self.scores > 1)).any():
            raise ValueError("scores must lie between 0 and 1.")

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    @classmethod
    def empty(cls) -> "Detections":
        """No face at all."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def select(self, index: np.ndarray | Sequence[int]) -> "Detections":
        """Keep the faces at these positions (integers or a mask), in that order."""
        index = np.asarray(index)
        if index.size == 0:
            return Detections.empty()
        landmarks_xy = None if self.landmarks_xy is None else self.landmarks_xy[index]
        return Detections(self.boxes_xywh[index], self.scores[index], landmarks_xy)


@dataclass(frozen=True, eq=False)
class Face:
    """One face and its reading.

    Attributes:
        box_xywh: where the detector saw the face, pixels.
        crop_xywh: the square that the network was shown, pixels; may reach past the border, which was replicated.
        detector_score: in [0, 1].
        probabilities: float32 of shape (classes,), calibrated, sums to 1, in the order of `classes`.
        classes: the model's classes.
        landmarks_xy: float32 of shape (5, 2) as in `Detections`, or None.
        prediction_set: the classes that may be meant, the most probable first, never empty; None where the model has
            no rule for sets (`fer.calibration.SetRule`).
        quality: what is wrong with the crop; empty where nothing is.
        person: number of the tracked person, from 1; None in a still picture. A tracked face has the probabilities of
            the last moments, weighted (`fer.tracking`), and its prediction set is formed from those.
    """

    box_xywh: BoxXYWH
    crop_xywh: BoxXYWH
    detector_score: float
    probabilities: np.ndarray
    classes: tuple[str, ...]
    landmarks_xy: np.ndarray | None = None
    prediction_set: tuple[str, ...] | None = None
    quality: tuple[Fault, ...] = ()
    person: int | None = None

    def __post_init__(self) -> None:
        probabilities = _frozen(self.probabilities, np.float32, (len(self.classes),), "probabilities")
        object.__setattr__(self, "probabilities", probabilities)
        if abs(float(probabilities.sum()) - 1) > 1e-3 or (probabilities < 0).any():
            raise ValueError("probabilities must be at least 0 and sum to 1.")
        if self.landmarks_xy is not None:
            object.__setattr__(self, "landmarks_xy", _frozen(self.landmarks_xy, np.float32, (5, 2), "landmarks_xy"))
        if self.prediction_set is not None:
            most_probable = tuple(name for name, _ in self.ranked()[: len(self.prediction_set)])
            if not self.prediction_set or self.prediction_set != most_probable:
                raise ValueError(
                    f"prediction_set must hold the most probable classes in order, but is {self.prediction_set}."
                )
        if not set(self.quality) <= set(get_args(Fault)):
            raise ValueError(f"quality must hold {', '.join(get_args(Fault))} only, but is {self.quality}.")
        if self.person is not None and self.person < 1:
            raise ValueError(f"person must be 1 or more, but is {self.person}.")

    @property
    def emotion(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The calibrated probability of `emotion`, in [0, 1]."""
        return float(self.probabilities.max())

    @property
    def likely(self) -> tuple[str, ...]:
        """The classes to name: the prediction set, or the most probable class where there is none."""
        return self.prediction_set or (self.emotion,)

    @property
    def is_unsure(self) -> bool:
        """Whether more than one class has to be named."""
        return len(self.likely) > 1

    @property
    def label(self) -> str:
        """What the face is called on pictures, in tables and where faces are counted: `emotion`, or `UNSURE`."""
        return UNSURE if self.is_unsure else self.emotion

    def ranked(self) -> list[tuple[str, float]]:
        """Every class with its probability, the most probable first."""
        return [(self.classes[i], float(self.probabilities[i])) for i in np.argsort(-self.probabilities, kind="stable")]

    def mirrored(self, width: int) -> "Face":
        """The same face where a mirror shows it; right stays the person's own right.

        Args:
            width: of the picture, pixels.
        """

        def turned(box_xywh: BoxXYWH) -> BoxXYWH:
            x, y, w, h = box_xywh
            return width - x - w, y, w, h

        landmarks_xy = self.landmarks_xy
        if landmarks_xy is not None:  # these are middles of pixels, boxes are edges
            landmarks_xy = landmarks_xy * (-1, 1) + (width - 1, 0)
        return replace(
            self, box_xywh=turned(self.box_xywh), crop_xywh=turned(self.crop_xywh), landmarks_xy=landmarks_xy
        )

    def to_record(self) -> dict:
        """The face as the command line's JSON has it: plain lists, numbers and strings."""
        return {
            "box_xywh": [round(v, 2) for v in self.box_xywh],
            "crop_xywh": [round(v, 2) for v in self.crop_xywh],
            "detector_score": round(self.detector_score, 4),
            "emotion": self.emotion,
            "label": self.label,
            "confidence": round(self.confidence, 6),
            "set": None if self.prediction_set is None else list(self.prediction_set),
            "quality": list(self.quality),
            "probabilities": {c: round(float(p), 6) for c, p in zip(self.classes, self.probabilities, strict=True)},
        }


@dataclass(frozen=True)
class Timings:
    """How long the parts of one analysis took, in milliseconds; nothing is tracked in a still picture."""

    detect_ms: float = 0.0
    recognise_ms: float = 0.0
    track_ms: float = 0.0


@dataclass(frozen=True)
class FaultCost:
    """How often a model read faces with one fault rightly, and how often others, as its report states it.

    Attributes:
        fault: the one fault that these faces have.
        right: the share of them that was read rightly, in [0, 1].
        right_without: the share of faces with nothing wrong, of the same expressions, in [0, 1].
        is_sure: whether the first share is lower by more than chance.
        n: how many faces with the fault were read.
        data, split: where they are from.
    """

    fault: Fault
    right: float
    right_without: float
    is_sure: bool
    n: int
    data: str
    split: str

    def __post_init__(self) -> None:
        if self.fault not in get_args(Fault):
            raise ValueError(f"fault must be one of {', '.join(get_args(Fault))}, but is {self.fault}.")
        if not (0 <= self.right <= 1 and 0 <= self.right_without <= 1):
            raise ValueError(f"right and right_without must lie between 0 and 1, but are {self}.")


@dataclass(frozen=True)
class Reader:
    """Who read a picture: the model, the detector and how they were used. The same for every picture of a batch.

    Attributes:
        model: name of the model.
        detector: name of the detector.
        detector_reason: one sentence that says why this detector runs.
        averaging: "flip" where the scores of a face and its mirror image were averaged.
        classes: what the model tells apart, in the order of every face's probabilities.
        target: what probabilities mean: how likely it is that a labeller chose that class ("labels"), or which share of
            many people would ("votes").
        fault_costs: by how much readings of faces with a fault are less sure; empty where nobody measured it.
    """

    model: str
    detector: str
    detector_reason: str
    averaging: Averaging
    classes: tuple[str, ...]
    target: Target = "labels"
    fault_costs: tuple[FaultCost, ...] = ()


@dataclass(frozen=True, eq=False)
class FrameResult:
    """One analysed picture.

    Attributes:
        width, height: size of the picture in pixels.
        faces: from the largest to the smallest.
        reader: what analysed it.
        timings: how long that took.
        others: faces that were found but not asked for, where one person of many is followed.
        missing: how many tracked people were not found, but were so shortly before that they may still be in view.
    """

    width: int
    height: int
    faces: tuple[Face, ...]
    reader: Reader
    timings: Timings = field(default_factory=Timings)
    others: tuple[Face, ...] = ()
    missing: int = 0

    def __len__(self) -> int:
        return len(self.faces)


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """One file of a batch: its result, or the sentence that says why there is none.

    Exactly one of `result` and `error` is None.
    """

    file: str
    reader: Reader
    result: FrameResult | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.result is None) == (self.error is None):
            raise ValueError("A photo has either a result or an error.")

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces found; none where the file could not be read."""
        return () if self.result is None else self.result.faces

    def to_record(self) -> dict:
        """The photo as the command line's JSON has it."""
        return {
            "file": self.file,
            "width": None if self.result is None else self.result.width,
            "height": None if self.result is None else self.result.height,
            "model": self.reader.model,
            "detector": self.reader.detector,
            "detector_reason": self.reader.detector_reason,
            "averaging": self.reader.averaging,
            "error": self.error,
            "faces": [face.to_record() for face in self.faces],
        }


def to_table(photos: Sequence[PhotoResult]) -> "pd.DataFrame":
    """Lay photos out as one row a face; a file with an error or without a face has one row without numbers.

    Returns:
        A `pandas.DataFrame` with the columns file, face (1, 2, ... in the order of the numbered boxes), x, y, w, h
        (pixels), detector_score, emotion, label (as `Face.label`), confidence, set, quality, one column a class
        (probabilities in [0, 1]), model, detector, error. The classes are those of `EMOTIONS`, and contempt where a
        reader knows it, whatever was found: tables of the same readers have the same columns. A cell of set or quality
        holds names joined by `JOINED_BY`; set is missing where the model has no rule for sets.

    Examples:
        >>> from fer import load_pipeline
        >>> from fer.samples import SAMPLES
        >>> pipeline = load_pipeline(detector="haar")
        >>> result = pipeline.analyze(SAMPLES["astronaut"].load())
        >>> table = to_table([PhotoResult("astronaut.png", pipeline.reader, result)])
        >>> table[["file", "face", "emotion", "detector"]].values.tolist()
        [['astronaut.png', 1, 'happy', 'haar']]
    """
    import pandas as pd  # half a second that a reading without a table need not wait for

    known = set(EMOTIONS).union(*(photo.reader.classes for photo in photos))
    classes = [name for name in EMOTIONS_WITH_CONTEMPT if name in known]
    rows = []
    for photo in photos:
        reader = photo.reader
        shared: dict[str, object] = {"model": reader.model, "detector": reader.detector, "error": photo.error}
        if not photo.faces:
            rows.append({"file": photo.file, **shared})
        for number, face in enumerate(photo.faces, start=1):
            record = face.to_record()
            rows.append(
                {
                    "file": photo.file,
                    "face": number,
                    **dict(zip("xywh", record["box_xywh"], strict=True)),
                    "detector_score": record["detector_score"],
                    "emotion": record["emotion"],
                    "label": record["label"],
                    "confidence": record["confidence"],
                    "set": None if record["set"] is None else JOINED_BY.join(record["set"]),
                    "quality": JOINED_BY.join(record["quality"]),
                    **record["probabilities"],
                    **shared,
                }
            )
    before = ["file", "face", *"xywh", "detector_score", "emotion", "label", "confidence", "set", "quality"]
    after = ["model", "detector", "error"]
    numbers = [*"xywh", "detector_score", "confidence", *classes]
    types = {"face": "Int64", "set": "str", "quality": "str", **dict.fromkeys(numbers, "float64")}
    return pd.DataFrame(rows, columns=[*before, *classes, *after]).astype(types)
