"""Labelled faces from the files that people download -> arrays, with every row accounted for.

Knows nothing about networks, figures or pages. `load_dataset` is the door; it reads a file once and opens the array
cache afterwards.
"""

from fer.datasets.copies import copies_in
from fer.datasets.dataset import SPLITS, USAGES, BadRow, FaceDataset
from fer.datasets.registry import (
    DATASETS,
    FaceKind,
    KnownDataset,
    OnBadRows,
    Progress,
    data_terms,
    data_title,
    load_dataset,
)

__all__ = [
    "DATASETS",
    "SPLITS",
    "USAGES",
    "BadRow",
    "FaceDataset",
    "FaceKind",
    "KnownDataset",
    "OnBadRows",
    "Progress",
    "copies_in",
    "data_terms",
    "data_title",
    "load_dataset",
]
