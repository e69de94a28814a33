"""A model and a data set -> figures under their stamp, measured on the network that is served.

Knows nothing about files, training frameworks or pages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import cv2
import numpy as np

from fer.calibration import Calibration
from fer.datasets import FaceDataset, copies_in
from fer.datasets.dataset import ALL
from fer.errors import DatasetError
from fer.evaluation.metrics import Figures, measure
from fer.evaluation.stamp import Stamp, code_version
from fer.results import Averaging

BATCH = 256
_WAYS: Mapping[str, Averaging] = {"plain": "none", "flip": "flip"}

Progress = Callable[[float], None]


class Card(Protocol):
    """What evaluation asks of a model's card; `fer.recognition.ModelCard` answers."""

    name: str
    classes: tuple[str, ...]
    crop_size: int
    training: Mapping[str, Any]

    @property
    def trained_on(self) -> tuple[str, str]: ...


class Predictions(Protocol):
    """What a model says of n faces: `logits`, float32 of shape (n, classes)."""

    logits: np.ndarray


class Model(Protocol):
    """What evaluation asks of a model; `fer.recognition.EmotionModel` answers."""

    card: Card
    calibration: Calibration

    def predict(self, crops: np.ndarray, averaging: Averaging = "none") -> Predictions: ...


@dataclass(frozen=True, eq=False)
class Readings:
    """What a model said of the rows of one split.

    Attributes:
        faces: the rows that were read.
        split: where they come from.
        logits: by averaging, float32 of shape (n, classes), uncalibrated.
        rows_left_out: how many rows were not read, by reason.
    """

    faces: FaceDataset
    split: str
    logits: Mapping[Averaging, np.ndarray]
    rows_left_out: Mapping[str, int]


@dataclass(frozen=True)
class Evaluation:
    """Figures under their stamp, without averaging and averaged with the mirror image."""

    stamp: Stamp
    plain: Figures
    flip: Figures

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON holds it."""
        return {"stamp": self.stamp.to_dict(), "plain": self.plain.to_dict(), "flip": self.flip.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing."""
        return cls(
            Stamp.from_dict(values["stamp"]), Figures.from_dict(values["plain"]), Figures.from_dict(values["flip"])
        )


def read_split(model: Model, dataset: FaceDataset, split: str, progress: Progress | None = None) -> Readings:
    """Show a model every face of a split, both ways of averaging.

    Args:
        model: the model; rows of classes that it does not know are left out.
        dataset: all rows of the data set; pictures of another size than the model's crops are scaled.
        split: one of `SPLITS`.
        progress: called with the share that is done, in [0, 1]; what it raises ends the reading.

    Raises:
        DatasetError: there is no such split, or it holds no row that the model can be asked about.
    """
    chosen = dataset.select(split)
    known = chosen.labels < len(model.card.classes)
    faces = chosen if known.all() else chosen.take(known)
    if len(faces) == 0:
        raise DatasetError(
            f"{dataset.name} holds no {split} rows that {model.card.name} can be evaluated on; choose another split."
        )
    left_out = {
        name: int((chosen.labels == label).sum())
        for label, name in enumerate(dataset.classes)
        if label >= len(model.card.classes)
    }
    if dataset.bad_rows:
        left_out["unreadable rows of the file"] = len(dataset.bad_rows)
    logits = {}
    for turn, averaging in enumerate(_WAYS.values()):
        parts = []
        for start in range(0, len(faces), BATCH):
            crops = scaled(faces.images[start : start + BATCH], model.card.crop_size)
            parts.append(model.predict(crops, averaging).logits)
            if progress is not None:
                progress((turn + min(1.0, (start + BATCH) / len(faces))) / len(_WAYS))
        logits[averaging] = np.concatenate(parts)
    return Readings(faces, split, logits, {name: rows for name, rows in left_out.items() if rows})


def evaluate_model(model: Model, dataset: FaceDataset, split: str, progress: Progress | None = None) -> Evaluation:
    """Measure a model on one split, with the calibration and the prediction sets that it is served with.

    Args:
        model: the model.
        dataset: all rows of the data set: its training rows tell which of the others are copies.
        split: one of `SPLITS`.
        progress: called with the share that is done, in [0, 1]; what it raises ends the evaluation.

    Raises:
        DatasetError: there is no such split, or it holds no row that the model can be asked about.
    """
    return evaluate_readings(model.card, dataset, read_split(model, dataset, split, progress), model.calibration)


def evaluate_readings(card: Card, dataset: FaceDataset, readings: Readings, calibration: Calibration) -> Evaluation:
    """Measure readings that are already there.

    Args:
        card: the card of the model that read.
        dataset: all rows of the data set that was read from.
        readings: what the model said.
        calibration: the temperatures and the set rules to apply.
    """
    is_same_data, trained_split = _training_rows(card, dataset)
    is_seen = is_same_data and (readings.split == trained_split or ALL in (readings.split, trained_split))
    has_copy = None
    if is_same_data and not is_seen:
        has_copy = copies_in(readings.faces.images, dataset.select(trained_split).images)
    temperatures = {way: calibration.temperatures.get(averaging, 1.0) for way, averaging in _WAYS.items()}
    stamp = Stamp(
        model=card.name,
        data=dataset.name,
        digest=dataset.digest,
        split=readings.split,
        n=len(readings.faces),
        rows_left_out=dict(readings.rows_left_out),
        trained_on=" ".join(card.trained_on),
        seen_in_training=is_seen,
        copies_in_training=None if has_copy is None else int(has_copy.sum()),
        selected_by=card.training.get("selected_by", "not stated"),
        seeds=card.training.get("seeds", "not stated"),
        training_device=card.training.get("device", "not stated"),
        temperature=temperatures,
        date=datetime.now(UTC).date().isoformat(),
        code_version=code_version(),
    )
    figures = {
        way: measure(
            readings.logits[averaging],
            readings.faces.labels,
            card.classes,
            temperatures[way],
            has_copy,
            calibration.set_rules.get(averaging),
        )
        for way, averaging in _WAYS.items()
    }
    return Evaluation(stamp, **figures)


def _training_rows(card: Card, dataset: FaceDataset) -> tuple[bool, str]:
    """Whether a model was trained on this data set, by its name or by its content, and on which split."""
    name, split = card.trained_on
    return name == dataset.name or card.training.get("digest") == dataset.digest, split


def scaled(images: np.ndarray, size: int) -> np.ndarray:
    """Bring pictures, uint8 of shape (n, side, side), to the side that a model's crops have."""
    side = images.shape[1]
    if side == size:
        return images
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (size, size), interpolation=interpolation) for image in images])
