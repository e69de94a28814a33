"""What k networks said of rows that each had not learned from -> figures of that cross-validation, under their stamps.

A data set of few people has no test split worth the name, so k networks are trained, each without the people of one
fold, and every row is read by the network that has never seen its person. The figures are those of k networks, not of
the one that is served. Knows nothing about how networks are trained, nor about pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fer.datasets import FaceDataset
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError
from fer.evaluation.evaluate import Card, Evaluation
from fer.evaluation.metrics import Figures, measure
from fer.evaluation.stamp import AVERAGINGS, Stamp, code_version

DIGITS = 3
"""Logits are kept with this many decimals, so that figures follow from what a report can hold."""

NEUTRAL = EMOTIONS_WITH_CONTEMPT.index("neutral")


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What k networks said of the rows that each had not learned from; checks itself.

    Attributes:
        data: name of the data set.
        digest: its digest.
        classes: what the networks tell apart, in the order of their outputs.
        row: int64 of shape (n,), each row's number in the file (`FaceDataset.rows`).
        label: int64 of shape (n,), indices into `classes`.
        subject: str of shape (n,), who is seen.
        fold: int64 of shape (n,), from 0: which network read the row; it learned from every other fold. All rows of a
            person are in one fold.
        logits: float32 of shape (n, classes), uncalibrated, each face read once.
        flip_logits: float32 of shape (n, classes), the mean over each face and its mirror image.
    """

    data: str
    digest: str
    classes: tuple[str, ...]
    row: np.ndarray
    label: np.ndarray
    subject: np.ndarray
    fold: np.ndarray
    logits: np.ndarray
    flip_logits: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.row)
        for name in ("row", "label", "fold"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.int64))
        object.__setattr__(self, "subject", np.asarray(self.subject, np.str_))
        for name in ("logits", "flip_logits"):
            values = np.asarray(getattr(self, name), np.float64).reshape(-1, len(self.classes))
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite.")
            object.__setattr__(self, name, np.round(values, DIGITS).astype(np.float32))
        for name in ("label", "subject", "fold", "logits", "flip_logits"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} must hold {n} rows, but holds {len(getattr(self, name))}.")
        if len(np.unique(self.row)) != n:
            raise ValueError("Every row must be read once.")
        if ((self.label < 0) | (self.label >= len(self.classes))).any():
            raise ValueError(f"label must lie between 0 and {len(self.classes) - 1}.")
        if len(set(zip(self.subject.tolist(), self.fold.tolist(), strict=True))) != len(set(self.subject.tolist())):
            raise ValueError("All rows of a person must be in one fold.")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def folds(self) -> int:
        """How many networks there were."""
        return len(np.unique(self.fold))

    @classmethod
    def of(
        cls,
        dataset: FaceDataset,
        classes: Sequence[str],
        fold: np.ndarray,
        logits: np.ndarray,
        flip_logits: np.ndarray,
    ) -> "OutOfFold":
        """Put what was said beside the rows of a data set, in its order.

        Args:
            dataset: the rows that were read; must say who is seen.
            classes: what the networks tell apart.
            fold, logits, flip_logits: as the attributes.

        Raises:
            DatasetError: the data set does not say who is seen.
            ValueError: the arrays do not fit together.
        """
        if dataset.subjects is None:
            raise DatasetError(
                f"{dataset.name} does not say who is seen, so its folds cannot be kept apart by person; use a copy of "
                "it with the column subject."
            )
        return cls(
            dataset.name,
            dataset.digest,
            tuple(classes),
            dataset.rows,
            dataset.labels,
            dataset.subjects,
            fold,
            logits,
            flip_logits,
        )

    def to_dict(self) -> dict[str, Any]:
        """The predictions as JSON holds them."""
        return {
            "data": self.data,
            "digest": self.digest,
            "classes": list(self.classes),
            "row": self.row.tolist(),
            "label": self.label.tolist(),
            "subject": self.subject.tolist(),
            "fold": self.fold.tolist(),
            "logits": _rounded(self.logits),
            "flip_logits": _rounded(self.flip_logits),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OutOfFold":
        """Read what `to_dict` wrote; raises TypeError or ValueError where it does not fit."""
        return cls(**{**values, "classes": tuple(values["classes"])})


@dataclass(frozen=True)
class CrossValidation:
    """Figures of k networks, each measured on the people that it had not learned from.

    Attributes:
        out_of_fold: the predictions that the figures follow from; `cross_validation` computes them again.
        apex: the faces at the peak of an expression, neutral left out both of the faces and of the answers: the
            likeliest of the other classes counts. The usual protocol of CK+.
        whole: all rows and all classes.
    """

    out_of_fold: OutOfFold
    apex: Evaluation
    whole: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """The cross-validation as JSON holds it."""
        return {
            "apex": self.apex.to_dict(),
            "whole": self.whole.to_dict(),
            "out_of_fold": self.out_of_fold.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CrossValidation":
        """Read what `to_dict` wrote; raises TypeError, KeyError or ValueError where it does not fit."""
        return cls(
            OutOfFold.from_dict(values["out_of_fold"]),
            Evaluation.from_dict(values["apex"]),
            Evaluation.from_dict(values["whole"]),
        )


def cross_validation(card: Card, out_of_fold: OutOfFold) -> CrossValidation:
    """Measure predictions that were made out of fold.

    Intervals are drawn by person, since the faces of one person are not read independently. Nothing is calibrated.

    Args:
        card: of the model that was trained by the same recipe; says what the stamp repeats about it.
        out_of_fold: what the fold networks said; at least one row that is not neutral.

    Raises:
        ValueError: no row is left.
    """
    apex = out_of_fold.label != NEUTRAL
    answers = [i for i in range(len(out_of_fold.classes)) if i != NEUTRAL]
    return CrossValidation(
        out_of_fold,
        _measured(card, out_of_fold, "apex", apex, answers, {"neutral": int((~apex).sum())}),
        _measured(card, out_of_fold, "all", np.ones(len(apex), bool), list(range(len(out_of_fold.classes))), {}),
    )


def _measured(
    card: Card,
    out_of_fold: OutOfFold,
    split: str,
    kept: np.ndarray,
    answers: list[int],
    left_out: Mapping[str, int],
) -> Evaluation:
    labels = np.searchsorted(answers, out_of_fold.label[kept])
    people = out_of_fold.subject[kept]
    classes = [out_of_fold.classes[i] for i in answers]

    def figures(logits: np.ndarray) -> Figures:
        return measure(logits[kept][:, answers], labels, classes, people=people)

    folds = out_of_fold.folds
    stamp = Stamp(
        model=card.name,
        data=out_of_fold.data,
        digest=out_of_fold.digest,
        split=f"{split}, {folds} folds by person",
        n=int(kept.sum()),
        rows_left_out={reason: rows for reason, rows in left_out.items() if rows},
        trained_on=f"{out_of_fold.data}, {folds} networks, each without the people of one fold",
        seen_in_training=False,
        copies_in_training=None,
        selected_by=card.training.get("selected_by", "not stated"),
        seeds=card.training.get("seeds", "not stated"),
        training_device=card.training.get("device", "not stated"),
        date=datetime.now(UTC).date().isoformat(),
        code_version=code_version(),
        temperature=dict.fromkeys(AVERAGINGS, 1.0),
        people=len(np.unique(people)),
    )
    return Evaluation(stamp, {"none": figures(out_of_fold.logits), "flip": figures(out_of_fold.flip_logits)})


def _rounded(logits: np.ndarray) -> list[list[float]]:
    return [[round(value, DIGITS) for value in row] for row in logits.tolist()]
