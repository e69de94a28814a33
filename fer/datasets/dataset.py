"""`FaceDataset`: labelled grey faces as frozen arrays that check themselves.

Turns arrays into selections, counts and a digest. Knows nothing about files, formats, networks or pages.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

USAGES: tuple[str, ...] = ("Training", "PublicTest", "PrivateTest")
"""The words of the Usage column, which split every data set in FER2013's layout."""

ALL = "all"

SPLITS: tuple[str, ...] = (*USAGES, ALL)
"""What `FaceDataset.select` takes: one usage, or every row."""


VOTED: tuple[str, ...] = (*EMOTIONS_WITH_CONTEMPT, "unknown", "no face")
"""What raters can vote for, in the order of the columns of `FaceDataset.votes`."""


@dataclass(frozen=True)
class BadRow:
    """A row of a file, or a file of a folder, that was left out.

    Attributes:
        row: its number among the file's data rows, counted from 1; the header and blank lines do not count. In a
            folder, its number among the files in the order of their paths.
        reason: the rule that it breaks, as the end of a sentence without a full stop.
    """

    row: int
    reason: str


def digest_of(images: np.ndarray, labels: np.ndarray, usage: np.ndarray) -> str:
    """Fingerprint a data set's content, whatever file it came from.

    Args:
        images: uint8 of shape (n, height, width).
        labels: uint8 of shape (n,).
        usage: str of shape (n,).

    Returns:
        SHA-256 in hex over the shape and the emotion, pixel and usage arrays, in row order.
    """
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(labels).data)
    digest.update(np.ascontiguousarray(images).data)
    digest.update("\n".join(usage.tolist()).encode())
    return digest.hexdigest()


def pixels_digest_of(images: np.ndarray) -> str:
    """Fingerprint the pictures of a data set alone: SHA-256 in hex, whatever their order, labels and splits.

    Args:
        images: uint8 of shape (n, height, width).
    """
    digest = hashlib.sha256(repr(images.shape[1:]).encode())
    for one in sorted(hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images):
        digest.update(one)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Labelled faces of one data set, or of one split of it.

    Attributes:
        name: what the data set is called in stamps, cards and lists.
        images: uint8 of shape (n, height, width), grey, read-only; memory-mapped when it comes from the cache.
        labels: uint8 of shape (n,), indices into `classes`.
        usage: str of shape (n,), each one of `USAGES`.
        classes: `EMOTIONS`, or `EMOTIONS_WITH_CONTEMPT`.
        digest: SHA-256 in hex over the emotion, pixel and usage arrays of the whole data set; a selection keeps it.
        source: the file or folder that was read.
        rows: int64 of shape (n,), each row's number among the file's data rows, counted from 1.
        subjects: str of shape (n,), who is seen; None where the file does not say.
        files: str of shape (n,), each picture's path inside the folder that was read; None where that was one file.
        votes: uint8 of shape (n, 10), how many raters chose each of `VOTED`; a row of zeros where nobody was asked;
            None where no votes came with the data.
        bad_rows: the rows of the file that were left out.
        pixels: `pixels_digest_of` the whole data set; a selection keeps it, and so do rows that are labelled anew.
            Computed where it is left out.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    classes: tuple[str, ...]
    digest: str
    source: Path
    rows: np.ndarray
    subjects: np.ndarray | None = None
    files: np.ndarray | None = None
    votes: np.ndarray | None = None
    bad_rows: tuple[BadRow, ...] = ()
    pixels: str = ""

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 of 3 dimensions, but are {self.images.dtype} {self.images.shape}.")
        if self.classes not in (EMOTIONS, EMOTIONS_WITH_CONTEMPT):
            raise ValueError(f"classes must be those of FER2013 or CK+, but are {self.classes}.")
        for name in ("images", "labels", "usage", "rows", "subjects", "files", "votes"):
            array = getattr(self, name)
            if array is None:
                continue
            if len(array) != len(self.images):
                raise ValueError(f"{name} must hold {len(self.images)} rows, but holds {len(array)}.")
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)
        if self.labels.dtype != np.uint8 or (self.labels >= len(self.classes)).any():
            raise ValueError(f"labels must be uint8 below {len(self.classes)}.")
        if not np.isin(self.usage, USAGES).all():
            raise ValueError(f"usage must hold {', '.join(USAGES)} only.")
        if not self.pixels:
            object.__setattr__(self, "pixels", pixels_digest_of(self.images))
        if self.votes is not None and (self.votes.dtype != np.uint8 or self.votes.shape[1:] != (len(VOTED),)):
            raise ValueError(f"votes must be uint8 of shape (n, {len(VOTED)}), but has {self.votes.shape}.")

    def __len__(self) -> int:
        return len(self.images)

    def select(self, split: str) -> "FaceDataset":
        """Keep the rows of one split.

        Args:
            split: one of `SPLITS`; "all" keeps every row.

        Returns:
            The rows in their order, with the digest of the whole data set; may be empty.

        Raises:
            DatasetError: there is no such split.
        """
        if split not in SPLITS:
            raise DatasetError(f"The split must be one of {', '.join(SPLITS)}, but is {split}.")
        return self if split == ALL else self.take(self.usage == split)

    def take(self, index: np.ndarray) -> "FaceDataset":
        """Keep the rows at these positions (integers or a mask), in that order, with the digest of the whole."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            usage=self.usage[index],
            rows=self.rows[index],
            subjects=None if self.subjects is None else self.subjects[index],
            files=None if self.files is None else self.files[index],
            votes=None if self.votes is None else self.votes[index],
        )

    def counts(self) -> "pd.DataFrame":
        """Count the faces.

        Returns:
            A `pandas.DataFrame` of integers: a row for every one of `USAGES`, a column for every class.
        """
        import pandas as pd

        counted = [np.bincount(self.labels[self.usage == usage], minlength=len(self.classes)) for usage in USAGES]
        return pd.DataFrame(counted, index=pd.Index(USAGES, name="usage"), columns=list(self.classes))
