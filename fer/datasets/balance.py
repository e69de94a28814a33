"""A data set -> what balancing its classes would do to the counts, and what goes wrong when it is done too early.

Resampling is imbalanced-learn's, weights are scikit-learn's. Knows nothing about files, networks or pages.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from fer.datasets.copies import first_copies
from fer.datasets.dataset import FaceDataset
from fer.errors import DatasetError

TEST_SHARE = 0.2
"""Share of the rows that the drawn split puts aside as a test."""


def balance_counts(dataset: FaceDataset) -> pd.DataFrame:
    """Say what three ways of balancing would do to the classes.

    Args:
        dataset: usually the Training rows.

    Returns:
        One row a class, the empty ones too: label, rows (as they are), oversampling and undersampling (rows
        afterwards), class_weight (what a row of the class counts in the loss; on average over the rows 1, NaN in an
        empty class).

    Raises:
        DatasetError: fewer than two classes have rows.
    """
    _check_classes(dataset)
    filled = np.unique(dataset.labels)
    weights = np.full(len(dataset.classes), np.nan)
    weights[filled] = compute_class_weight("balanced", classes=filled, y=dataset.labels)
    return pd.DataFrame(
        {
            "label": dataset.classes,
            "rows": _count(dataset, np.arange(len(dataset))),
            "oversampling": _count(dataset, oversample(dataset.labels, seed=0)),
            "undersampling": _count(dataset, _resampled(RandomUnderSampler(random_state=0), dataset.labels)),
            "class_weight": weights,
        }
    )


def oversample(labels: np.ndarray, seed: int) -> np.ndarray:
    """Repeat rows at random until every class has as many as the largest.

    Args:
        labels: integers of shape (n,), of at least two classes.
        seed: of the choice.

    Returns:
        int64 of shape (m,), m >= n: positions; every row is there at least once.
    """
    return _resampled(RandomOverSampler(random_state=seed), labels)


def row_weights(labels: np.ndarray) -> np.ndarray:
    """What every row counts when all classes are to count alike.

    Args:
        labels: integers of shape (n,).

    Returns:
        float32 of shape (n,), with a mean of 1.
    """
    return compute_sample_weight("balanced", labels).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Leak:
    """How many test rows show a face that is also in the training rows, pixel for pixel.

    Attributes:
        split_first: test rows by class when the rows are split and the training part is balanced afterwards: label,
            rows, seen (how many of them have a copy among the training rows).
        balanced_first: the same when all rows are oversampled before the split.
    """

    split_first: pd.DataFrame
    balanced_first: pd.DataFrame

    def shares(self) -> tuple[float, float]:
        """The share of test rows that were seen in training: split first, balanced first; in [0, 1]."""
        split, balanced = (
            float(table["seen"].sum() / table["rows"].sum()) for table in (self.split_first, self.balanced_first)
        )
        return split, balanced


def leak_of_oversampling(dataset: FaceDataset, seed: int = 0) -> Leak:
    """Oversample before and after a random split, and count the test rows whose face is in the training part too.

    The split puts `TEST_SHARE` of the rows aside, class by class.

    Args:
        dataset: usually the Training rows.
        seed: of the split and of the oversampling.

    Raises:
        DatasetError: fewer than two classes have rows, or one of them has a single row, which cannot be split.
    """
    _check_classes(dataset)
    counts = np.bincount(dataset.labels)
    alone = [dataset.classes[label] for label in np.flatnonzero(counts == 1)]
    if alone:
        raise DatasetError(
            f"{dataset.name} cannot be split by class: there is only one row of {alone[0]}, and it takes two."
        )
    faces = first_copies(dataset.images)
    rows = np.arange(len(dataset))
    repeated = oversample(dataset.labels, seed)
    return Leak(_split(dataset, faces, rows, seed), _split(dataset, faces, repeated, seed))


def _check_classes(dataset: FaceDataset) -> None:
    filled = len(np.unique(dataset.labels))
    if filled < 2:
        raise DatasetError(
            f"Balancing needs rows of at least two classes, but {dataset.name} has {filled} here; choose other rows."
        )


def _count(dataset: FaceDataset, index: np.ndarray) -> np.ndarray:
    return np.bincount(dataset.labels[index], minlength=len(dataset.classes))


def _resampled(sampler: RandomOverSampler | RandomUnderSampler, labels: np.ndarray) -> np.ndarray:
    """The positions that a sampler of imbalanced-learn would keep or repeat."""
    sampler.fit_resample(np.arange(len(labels))[:, None], labels)
    return sampler.sample_indices_


def _split(dataset: FaceDataset, faces: np.ndarray, index: np.ndarray, seed: int) -> pd.DataFrame:
    """Split these rows at random, class by class, and count the test rows whose face is in the other part."""
    labels = dataset.labels[index]
    train, test = train_test_split(index, test_size=TEST_SHARE, random_state=seed, stratify=labels)
    seen = test[np.isin(faces[test], faces[train])]
    return pd.DataFrame({"label": dataset.classes, "rows": _count(dataset, test), "seen": _count(dataset, seen)})
