"""A data set -> what its classes look like on average, and how bright its faces are.

Knows nothing about files, networks or pages.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer.datasets.dataset import FaceDataset

_ROWS = 2048


@dataclass(frozen=True, eq=False)
class ClassImages:
    """The average picture of every class that has rows.

    Attributes:
        classes: names of those classes, in the order of the data set.
        counts: int64 of shape (classes,), how many pictures each average is taken over, at least 1.
        mean: float32 of shape (classes, height, width), grey levels from 0 to 255.
        spread: float32 of the same shape, standard deviation in grey levels; 0 where a class has one picture.
    """

    classes: tuple[str, ...]
    counts: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


def class_images(dataset: FaceDataset) -> ClassImages:
    """Average the pictures of every class, pixel by pixel."""
    shape = (len(dataset.classes), *dataset.images.shape[1:])
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    sums, squares = np.zeros(shape), np.zeros(shape)
    for start in range(0, len(dataset), _ROWS):
        images = dataset.images[start : start + _ROWS]
        labels = dataset.labels[start : start + _ROWS]
        for label in np.unique(labels):
            levels = images[labels == label].astype(np.float32)
            sums[label] += levels.sum(axis=0, dtype=np.float64)
            squares[label] += np.square(levels).sum(axis=0, dtype=np.float64)
    filled = np.flatnonzero(counts)
    n = counts[filled, None, None]
    mean = sums[filled] / n
    variance = np.maximum(squares[filled] / n - mean**2, 0)
    return ClassImages(
        classes=tuple(dataset.classes[label] for label in filled),
        counts=counts[filled],
        mean=mean.astype(np.float32),
        spread=np.sqrt(variance).astype(np.float32),
    )


def light(dataset: FaceDataset) -> pd.DataFrame:
    """Measure how bright and how rich in contrast every face is.

    Returns:
        One row a face: row, usage, label, brightness (mean grey level) and contrast (standard deviation of the grey
        levels), both from 0 to 255.
    """
    brightness, contrast = np.zeros(len(dataset)), np.zeros(len(dataset))
    for start in range(0, len(dataset), _ROWS):
        levels = dataset.images[start : start + _ROWS].astype(np.float32)
        brightness[start : start + _ROWS] = levels.mean(axis=(1, 2))
        contrast[start : start + _ROWS] = levels.std(axis=(1, 2))
    return pd.DataFrame(
        {
            "row": dataset.rows,
            "usage": dataset.usage,
            "label": np.array(dataset.classes)[dataset.labels],
            "brightness": brightness,
            "contrast": contrast,
        }
    )
