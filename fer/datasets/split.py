"""A data set that lacks splits -> the same rows with all of them.

Splits are drawn at random, by a seed, class by class. What shows the same person, where that is known, and pictures
that are the same byte for byte stay together. Knows nothing about files or networks.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from fer.datasets.copies import first_copies
from fer.datasets.dataset import USAGES, FaceDataset, digest_of
from fer.errors import DatasetError

PARTS = 7
"""A split that is missing gets one of so many parts of the Training rows."""

LEAST = 10
"""Different pictures that a class needs to be learned and tested."""


def draw_missing_splits(dataset: FaceDataset, seed: int) -> FaceDataset:
    """Give a data set the splits PublicTest and PrivateTest where it lacks them, taken from its Training rows.

    Args:
        dataset: all rows.
        seed: of the draw.

    Returns:
        All rows in their order, with a digest of its own; the data set itself where nothing is missing.

    Raises:
        DatasetError: a class has pictures, but too few to be divided.
    """
    missing = [usage for usage in USAGES[1:] if not (dataset.usage == usage).any()]
    if not missing:
        return dataset
    rows = np.flatnonzero(dataset.usage == USAGES[0])
    together, labels = _groups(dataset.take(rows)), dataset.labels[rows]
    for label in np.unique(labels):
        different = len(np.unique(together[labels == label]))
        if different < LEAST:
            what = "different pictures" if dataset.subjects is None else "people"
            raise DatasetError(
                f"{dataset.name} has {different} {what} of {dataset.classes[label]} to divide into splits, but "
                f"{LEAST} a class are needed; add some, or take that class out."
            )
    usage = dataset.usage.astype(np.array(USAGES).dtype)  # an array of "Training" alone would cut longer words
    parts = StratifiedGroupKFold(PARTS, shuffle=True, random_state=seed).split(rows, labels, together)
    for name, (_, part) in zip(missing, parts, strict=False):
        usage[rows[part]] = name
    return replace(dataset, usage=usage, digest=digest_of(dataset.images, dataset.labels, usage))


def _groups(dataset: FaceDataset) -> np.ndarray:
    """int32 (n,): equal numbers for rows that may not be divided."""
    links = [first_copies(dataset.images)]
    if dataset.subjects is not None:
        _, first, person = np.unique(dataset.subjects, return_index=True, return_inverse=True)
        links.append(first[person])
    n = len(dataset)
    a, b = np.tile(np.arange(n), len(links)), np.concatenate(links)
    return connected_components(coo_array((np.ones(len(a), bool), (a, b)), shape=(n, n)), directed=False)[1]
