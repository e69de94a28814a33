"""A model and a data set -> figures under their stamp, measured on the network that is served.

Knows nothing about files, training frameworks or pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import cv2
import numpy as np

from fer.calibration import Calibration
from fer.datasets import SPLITS, FaceDataset, Progress, copies_in
from fer.datasets.dataset import ALL
from fer.datasets.ferplus import one_against_the_others, vote_shares
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError
from fer.evaluation.metrics import Figures, measure
from fer.evaluation.stamp import AVERAGINGS, JSON_KEYS, Stamp, code_version
from fer.evaluation.votes import VoteFigures, measure_votes, shares_among
from fer.recognition import LearnedRows
from fer.results import Averaging

BATCH = 256

HELD_OUT = "held-out"
"""Every row that the model did not learn from; where a card names people, the rows of those that it holds out."""

APEX = "apex"
"""The held-out rows that are not neutral: of CK+, the faces at the peak of an expression."""

EVALUATION_SPLITS: tuple[str, ...] = (*SPLITS, HELD_OUT, APEX)
"""What a model can be evaluated on."""

SEEN_ROWS = "rows seen in training"
"""The reason that stamps give for rows that a model learned from."""

_NEUTRAL = EMOTIONS_WITH_CONTEMPT.index("neutral")


class Card(Protocol):
    """What evaluation asks of a model's card; `fer.recognition.ModelCard` answers."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def crop_size(self) -> int: ...

    @property
    def training(self) -> Mapping[str, Any]: ...

    @property
    def trained_on(self) -> tuple[str, str]: ...

    @property
    def learned(self) -> Sequence[LearnedRows]: ...


class WithLogits(Protocol):
    """What a model says of n faces: `logits`, float32 of shape (n, classes)."""

    @property
    def logits(self) -> np.ndarray: ...


class Model(Protocol):
    """What evaluation asks of a model; `fer.recognition.EmotionModel` answers."""

    @property
    def card(self) -> Card: ...

    @property
    def digest(self) -> str: ...

    @property
    def calibration(self) -> Calibration: ...

    def predict(self, crops: np.ndarray, averaging: Averaging = "none") -> WithLogits: ...


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
    """Figures under their stamp, by averaging: without any, and averaged with the mirror image."""

    stamp: Stamp
    figures: Mapping[Averaging, Figures]

    @property
    def is_ranked(self) -> bool:
        """Whether these figures may be compared with others: the model did not learn from any of the rows."""
        return not self.stamp.seen_in_training

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON holds it."""
        figures = {JSON_KEYS[averaging]: figures.to_dict() for averaging, figures in self.figures.items()}
        return {"stamp": self.stamp.to_dict(), **figures}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing."""
        figures = {averaging: Figures.from_dict(values[key]) for averaging, key in JSON_KEYS.items()}
        return cls(Stamp.from_dict(values["stamp"]), figures)


def read_split(model: Model, dataset: FaceDataset, split: str, progress: Progress | None = None) -> Readings:
    """Show a model every face of a split, both ways of averaging.

    Args:
        model: the model; rows of classes that it does not know are left out.
        dataset: all rows of the data set; pictures of another size than the model's crops are scaled.
        split: one of `EVALUATION_SPLITS`.
        progress: called with the share that is done, in [0, 1]; what it raises ends the reading.

    Raises:
        DatasetError: there is no such split, or it holds no row that the model can be asked about.
    """
    chosen, held_back = select_rows(model.card, dataset, split)
    known = chosen.labels < len(model.card.classes)
    faces = chosen if known.all() else chosen.take(known)
    if len(faces) == 0:
        raise DatasetError(
            f"{dataset.name} holds no {split} rows that {model.card.name} can be evaluated on; choose another split."
        )
    unknown = {
        name: int((chosen.labels == label).sum())
        for label, name in enumerate(dataset.classes)
        if label >= len(model.card.classes)
    }
    left_out = {**held_back, **unknown}
    if dataset.bad_rows:
        left_out["unreadable rows of the file"] = len(dataset.bad_rows)
    logits = {}
    for turn, averaging in enumerate(AVERAGINGS):
        parts = []
        for start in range(0, len(faces), BATCH):
            crops = scale_to(faces.images[start : start + BATCH], model.card.crop_size)
            parts.append(model.predict(crops, averaging).logits)
            if progress is not None:
                progress((turn + min(1.0, (start + BATCH) / len(faces))) / len(AVERAGINGS))
        logits[averaging] = np.concatenate(parts)
    return Readings(faces, split, logits, {name: rows for name, rows in left_out.items() if rows})


def evaluate_model(model: Model, dataset: FaceDataset, split: str, progress: Progress | None = None) -> Evaluation:
    """Measure a model on one split, with the calibration and the prediction sets that it is served with.

    Args:
        model: the model.
        dataset: all rows of the data set: its training rows tell which of the others are copies.
        split: one of `EVALUATION_SPLITS`.
        progress: called with the share that is done, in [0, 1]; what it raises ends the evaluation.

    Raises:
        DatasetError: there is no such split, or it holds no row that the model can be asked about.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fer.datasets import load_dataset
        >>> from fer.recognition import load_model
        >>> grey = " ".join(["128"] * 48 * 48)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "mine.csv")
        ...     _ = file.write_text(f"emotion,pixels,Usage\\n3,{grey},PrivateTest\\n6,{grey},PrivateTest\\n")
        ...     measured = evaluate_model(load_model("fer2013-small"), load_dataset(file), "PrivateTest")
        >>> measured.stamp.split, measured.figures["none"].n, measured.figures["none"].accuracy
        ('PrivateTest', 2, 0.0)
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
    is_seen = bool(learned_from(card, readings.faces).any())
    has_copy = None
    if not is_seen:
        training_rows = learned_from(card, dataset)
        if training_rows.any():
            has_copy = copies_in(readings.faces.images, dataset.images[training_rows])
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
        temperature={averaging: calibration.temperature(averaging) for averaging in AVERAGINGS},
        date=datetime.now(UTC).date().isoformat(),
        code_version=code_version(),
        people=None if readings.faces.subjects is None else len(np.unique(readings.faces.subjects)),
        shift=dict(calibration.shifts),
    )
    figures = {
        averaging: replace(
            measure(
                readings.logits[averaging],
                readings.faces.labels,
                card.classes,
                calibration,
                averaging,
                has_copy,
                readings.faces.subjects,
            ),
            votes=_votes(card, readings, calibration, averaging),
        )
        for averaging in AVERAGINGS
    }
    return Evaluation(stamp, figures)


def _votes(card: Card, readings: Readings, calibration: Calibration, averaging: Averaging) -> VoteFigures | None:
    votes = readings.faces.votes
    if votes is None:
        return None
    return measure_votes(
        calibration.probabilities(readings.logits[averaging], averaging),
        voted_shares(card, votes),
        one_against_the_others(votes),
        calibration.set_rules.get(averaging),
    )


def voted_shares(card: Card, votes: np.ndarray) -> np.ndarray:
    """The share of raters who chose each of a model's classes, among those who chose one of them.

    Args:
        card: the model's.
        votes: uint8 of shape (n, 10), as `FaceDataset.votes`.

    Returns:
        float of shape (n, classes); rows of zeros where nobody chose one of them, or half of the raters saw no
        expression.
    """
    return shares_among(vote_shares(votes), EMOTIONS_WITH_CONTEMPT, card.classes)


def select_rows(card: Card, dataset: FaceDataset, split: str) -> tuple[FaceDataset, dict[str, int]]:
    """Keep the rows that a split means for this model.

    Args:
        card: the model's.
        dataset: all rows of the data set.
        split: one of `EVALUATION_SPLITS`.

    Returns:
        The rows, and how many were left out, by reason; both may be empty.

    Raises:
        DatasetError: there is no such split.
    """
    if split not in EVALUATION_SPLITS:
        raise DatasetError(f"The split must be one of {', '.join(EVALUATION_SPLITS)}, but is {split}.")
    if split in SPLITS:
        return dataset.select(split), {}
    neutral = (dataset.labels == _NEUTRAL) & (split == APEX)
    learned = learned_from(card, dataset) & ~neutral
    left_out = {"neutral": int(neutral.sum()), SEEN_ROWS: int(learned.sum())}
    return dataset.take(~(neutral | learned)), {reason: rows for reason, rows in left_out.items() if rows}


def learned_from(card: Card, dataset: FaceDataset) -> np.ndarray:
    """Find the rows that a model was trained on, or a network that it started from, or a teacher, as its card tells.

    Args:
        card: the model's.
        dataset: all rows of a data set, or some.

    Returns:
        bool of shape (n,).
    """
    return among_learned(card.learned, dataset)


def among_learned(learned: Sequence[LearnedRows], dataset: FaceDataset) -> np.ndarray:
    """Find the rows of a data set that are among those that something was learned from.

    A data set is known by its name or by its pictures, so that rows that were labelled anew are the same rows. Where
    `held_out_subjects` are named, all other people were learned from, and every row of a copy that does not say who
    is seen; else the rows of the split.

    Returns:
        bool of shape (n,).
    """
    is_learned = np.zeros(len(dataset), bool)
    for rows in learned:
        if rows.data != dataset.name and rows.pixels != dataset.pixels:
            continue
        if rows.held_out_subjects is None:
            is_learned |= np.ones(len(dataset), bool) if rows.split == ALL else dataset.usage == rows.split
        elif dataset.subjects is None:
            is_learned[:] = True
        else:
            is_learned |= ~np.isin(dataset.subjects, rows.held_out_subjects)
    return is_learned


def scale_to(images: np.ndarray, size: int) -> np.ndarray:
    """Bring pictures, uint8 of shape (n, side, side), to the side that a model's crops have."""
    side = images.shape[1]
    if side == size:
        return images
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (size, size), interpolation=interpolation) for image in images])
