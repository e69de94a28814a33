"""FER+: what ten people saw in every face of FER2013, and where they disagree with its label.

Reads `fer2013new.csv` (https://github.com/microsoft/FERPlus), whose rows stand in the order of `fer2013.csv`, and turns
it with a data set into tables. After Barsoum et al., "Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution" (ICMI 2016). Knows nothing about pictures, networks or pages.
"""

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fer import paths
from fer.datasets.dataset import VOTED, FaceDataset, digest_of
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError, known

VOTES_FILE = "fer2013new.csv"
"""File name of the votes, as published."""

FERPLUS = "ferplus"
"""The name of the data set that the votes make of FER2013."""

VOTES_ORIGIN = "github.com/microsoft/FERPlus"

VOTE_NAMES: tuple[str, ...] = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)
"""The columns of the votes: eight expressions, "unknown", and NF for "no face"."""

VOTE_CLASSES: tuple[str, ...] = (
    *("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    *("unknown", "no face"),
)
"""`VOTE_NAMES` in the words of `fer.emotions`."""

MAX_FILE_BYTES = 10**8
"""The largest file that is read, about fifty times the published one."""

_UNKNOWN, _NO_FACE = VOTE_CLASSES.index("unknown"), VOTE_CLASSES.index("no face")


@dataclass(frozen=True, eq=False)
class Votes:
    """The votes of a whole file, one row for every row of `fer2013.csv`.

    Attributes:
        counts: uint8 of shape (rows of the file, 10), how many raters chose each of `VOTE_NAMES`; read-only.
        digest: SHA-256 in hex over `counts`.
        source: the file that was read.
    """

    counts: np.ndarray
    digest: str
    source: Path

    def __post_init__(self) -> None:
        if self.counts.dtype != np.uint8 or self.counts.shape[1:] != (len(VOTE_NAMES),):
            raise ValueError(f"counts must be uint8 of shape (n, {len(VOTE_NAMES)}), but has {self.counts.shape}.")
        self.counts.flags.writeable = False

    def __len__(self) -> int:
        return len(self.counts)

    def of(self, dataset: FaceDataset) -> np.ndarray:
        """The votes of these faces: uint8 of shape (faces, 10)."""
        return self.counts[dataset.rows - 1]

    def no_face(self, dataset: FaceDataset) -> np.ndarray:
        """Where more than half of the raters saw no face: bool of shape (faces,)."""
        counts = self.of(dataset)
        return 2 * counts[:, _NO_FACE].astype(int) > counts.sum(axis=1)


def find_votes(dataset: FaceDataset) -> Path | None:
    """The file of votes beside a data set's file, else on the search path for data; None where there is none."""
    beside = dataset.source.parent / VOTES_FILE
    return beside if beside.is_file() else paths.find_data_file(VOTES_FILE)


def load_votes(path: Path, dataset: FaceDataset) -> Votes:
    """Read a file of votes and check that it belongs to a data set.

    Args:
        path: the file.
        dataset: FER2013, or a part of it.

    Raises:
        DatasetError: the file cannot be read, breaks the rules of its format, or belongs to other faces.
    """
    counts, usage = _read(path)
    last = int(dataset.rows.max(initial=0)) if len(dataset) else 0
    whole = max(last, max((bad.row for bad in dataset.bad_rows), default=0))
    if len(counts) < whole or (len(dataset) + len(dataset.bad_rows) == whole and len(counts) != whole):
        raise DatasetError(
            f"{path.name} has votes for {len(counts):,} faces, but {dataset.source.name} has {whole:,} rows; "
            f"use the two files that belong together."
        )
    other = np.flatnonzero(usage[dataset.rows - 1] != dataset.usage)
    if len(other):
        row = int(dataset.rows[other[0]])
        raise DatasetError(
            f"{path.name} does not belong to {dataset.source.name}: row {row} is {usage[row - 1]} in one and "
            f"{dataset.usage[other[0]]} in the other."
        )
    return Votes(counts, hashlib.sha256(counts.tobytes()).hexdigest(), path)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The votes and the Usage of every row, after checking them."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DatasetError(
                f"{path.name} has {size / 1e6:,.0f} MB, but a file of votes has at most {MAX_FILE_BYTES / 1e6:.0f} MB; "
                f"download it from {VOTES_ORIGIN}."
            )
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = [line for line in csv.reader(handle) if line]
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path.name} is no CSV file of UTF-8 text; download it from {VOTES_ORIGIN}.") from error
    header = [cell.strip() for cell in lines[0]] if lines else []
    missing = [name for name in ("Usage", *VOTE_NAMES) if name not in header]
    if missing:
        raise DatasetError(
            f"{path.name} must have the columns Usage, {', '.join(VOTE_NAMES)}, but lacks {', '.join(missing)}; "
            f"download it from {VOTES_ORIGIN}."
        )
    rows = lines[1:]
    if not rows:
        raise DatasetError(f"{path.name} has a header but no rows; download it from {VOTES_ORIGIN}.")
    columns = [header.index(name) for name in VOTE_NAMES]
    for number, line in enumerate(rows, start=1):
        if len(line) != len(header):
            raise DatasetError(
                f"In {path.name}, every row must have {len(header)} cells, but row {number} has {len(line)}."
            )
        odd = next((line[i] for i in columns if not _is_count(line[i])), None)
        if odd is not None:
            raise DatasetError(
                f"In {path.name}, votes must be whole numbers from 0 to 255, but row {number} holds '{odd[:40]}'."
            )
    counts = np.array([[int(line[i]) for i in columns] for line in rows], np.uint8)
    at = header.index("Usage")
    return counts, np.array([line[at].strip() for line in rows], np.str_)


def _is_count(cell: str) -> bool:
    cell = cell.strip()
    return cell.isascii() and cell.isdecimal() and len(cell) <= 3 and int(cell) <= 255


def find_disputed(dataset: FaceDataset, votes: Votes) -> pd.DataFrame:
    """Order faces by how few raters share their label.

    Returns:
        One row a face that has votes, the most disputed first (of equals, the one that the raters agree on most):
        row, usage, label, label_share (of the votes, in [0, 1]), top (what most raters chose, one of `VOTE_CLASSES`),
        top_share, and the number of votes for each of `VOTE_CLASSES`.
    """
    counts = votes.of(dataset).astype(int)
    totals = counts.sum(axis=1)
    own = counts[np.arange(len(counts)), _columns_of(dataset)]
    shares = np.maximum(totals, 1)
    table = pd.DataFrame(
        {
            "row": dataset.rows,
            "usage": dataset.usage,
            "label": _words(dataset),
            "label_share": own / shares,
            "top": np.array(VOTE_CLASSES)[counts.argmax(axis=1)],
            "top_share": counts.max(axis=1, initial=0) / shares,
            **{name: counts[:, i] for i, name in enumerate(VOTE_CLASSES)},
        }
    )
    ordered = table[totals > 0].sort_values(
        ["label_share", "top_share", "row"], ascending=[True, False, True], kind="stable"
    )
    return ordered.reset_index(drop=True)


def agreement_table(dataset: FaceDataset, votes: Votes) -> pd.DataFrame:
    """Count what most raters chose, label by label.

    Where two choices have equally many votes, the earlier of `VOTE_CLASSES` counts.

    Returns:
        Integers: a row for every class of the data set, a column for each of `VOTE_CLASSES`. Faces without votes are
        left out.
    """
    counts = votes.of(dataset)
    has_votes = counts.any(axis=1)
    table = np.zeros((len(dataset.classes), len(VOTE_CLASSES)), int)
    np.add.at(table, (dataset.labels[has_votes], counts[has_votes].argmax(axis=1)), 1)
    return pd.DataFrame(table, index=pd.Index(dataset.classes, name="label"), columns=list(VOTE_CLASSES))


def clean_labels(dataset: FaceDataset, votes: Votes) -> pd.DataFrame:
    """Label every face by its raters, as the authors of FER+ do in their majority mode.

    A single vote for something is dropped as a slip. What then has more than half of the votes is the label; a face
    without such a majority, or with one for "unknown" or "no face", gets none.

    Returns:
        One row a face: row, usage, label (in FER2013), cleaned (an expression, contempt among them, or "" for none),
        share (of the votes that are left, in [0, 1]), changed (whether a cleaned label differs), left_out ("" or why:
        "no majority", "unknown", "no face").
    """
    counts = votes.of(dataset).astype(int)
    counts[counts == 1] = 0
    totals = np.maximum(counts.sum(axis=1), 1)
    top, top_share = counts.argmax(axis=1), counts.max(axis=1, initial=0) / totals
    why = np.full(len(counts), "", dtype="U11")
    why[top == _UNKNOWN] = "unknown"
    why[top == _NO_FACE] = "no face"
    why[top_share <= 0.5] = "no majority"
    label = _words(dataset)
    cleaned = np.where(why == "", np.array(VOTE_CLASSES)[top], "")
    return pd.DataFrame(
        {
            "row": dataset.rows,
            "usage": dataset.usage,
            "label": label,
            "cleaned": cleaned,
            "share": top_share,
            "changed": (cleaned != "") & (cleaned != label),
            "left_out": why,
        }
    )


def with_votes(dataset: FaceDataset, votes: Votes) -> FaceDataset:
    """The same faces, each with the votes of its raters."""
    order = [VOTE_CLASSES.index(name) for name in VOTED]
    return replace(dataset, votes=votes.of(dataset)[:, order])


def with_found_votes(dataset: FaceDataset) -> FaceDataset:
    """FER2013 with the votes of its raters, where their file is found; any other data set as it is.

    Raises:
        DatasetError: the file is there, but cannot be read, or belongs to other faces.
    """
    file = find_votes(dataset) if dataset.name == "fer2013" and dataset.votes is None else None
    return dataset if file is None else with_votes(dataset, load_votes(file, dataset))


def distributions(votes: np.ndarray) -> np.ndarray:
    """Turn votes into what a network is taught.

    A single vote for something is dropped as a slip, as the authors of FER+ do. Rows where half of what is left or more
    is for "unknown" or "no face" teach nothing.

    Args:
        votes: uint8 of shape (n, 10), as `FaceDataset.votes`.

    Returns:
        float32 of shape (n, 8), shares of `EMOTIONS_WITH_CONTEMPT`; every row sums to 1, or to 0 where it teaches
        nothing.
    """
    return _shares(np.where(votes == 1, 0, votes))


def vote_shares(votes: np.ndarray) -> np.ndarray:
    """The share of raters who chose each expression, among those who chose one; no vote is dropped.

    Args:
        votes: uint8 of shape (n, 10), as `FaceDataset.votes`.

    Returns:
        float32 of shape (n, 8), shares of `EMOTIONS_WITH_CONTEMPT`; every row sums to 1, or to 0 where half of the
        raters or more chose "unknown" or "no face", or nobody was asked.
    """
    return _shares(votes)


def _shares(votes: np.ndarray) -> np.ndarray:
    counts = votes.astype(np.float32)
    chosen = counts[:, : len(EMOTIONS_WITH_CONTEMPT)]
    totals = chosen.sum(axis=1, keepdims=True)
    shows_a_face = 2 * totals > counts.sum(axis=1, keepdims=True)
    return np.where(shows_a_face, chosen / np.maximum(totals, 1), 0).astype(np.float32)


def by_majority(dataset: FaceDataset) -> FaceDataset:
    """FER+: the faces of FER2013 that most raters agree on, labelled by them; the authors' majority protocol.

    A single vote for something is dropped as a slip; what then has more than half of the votes is the label. A face
    without such a majority, or with one for "unknown" or "no face", is left out.

    Args:
        dataset: FER2013 with votes, all rows or some.

    Returns:
        The data set "ferplus", with eight classes and a digest of its own; its rows, splits and pictures are FER2013's.
    """
    votes = known(dataset.votes)
    counts = np.where(votes == 1, 0, votes).astype(int)
    top = counts.argmax(axis=1)
    is_agreed = (2 * counts.max(axis=1) > counts.sum(axis=1)) & (top < len(EMOTIONS_WITH_CONTEMPT))
    kept, labels = dataset.take(is_agreed), top[is_agreed].astype(np.uint8)
    return replace(
        kept,
        name=FERPLUS,
        labels=labels,
        classes=EMOTIONS_WITH_CONTEMPT,
        digest=digest_of(kept.images, labels, kept.usage),
        bad_rows=(),
    )


def one_against_the_others(votes: np.ndarray) -> np.ndarray:
    """How often one rater chose what most of the others of the same face chose, each rater against the rest.

    Args:
        votes: uint8 of shape (n, 10), as `FaceDataset.votes`.

    Returns:
        float64 of shape (n,), shares in [0, 1]; of choices with equally many votes the first counts; NaN where fewer
        than two raters were asked.
    """
    counts = votes.astype(np.int64)
    right, totals = np.zeros(len(counts)), counts.sum(axis=1)
    for choice in range(counts.shape[1]):
        others = counts.copy()
        others[:, choice] -= 1
        right += np.where((others[:, choice] >= 0) & (others.argmax(axis=1) == choice), counts[:, choice], 0)
    return np.where(totals > 1, right / np.maximum(totals, 1), np.nan)


def _words(dataset: FaceDataset) -> np.ndarray:
    return np.array(dataset.classes)[dataset.labels]


def _columns_of(dataset: FaceDataset) -> np.ndarray:
    """For every face the column of its label among the votes."""
    return np.array([VOTE_CLASSES.index(name) for name in dataset.classes])[dataset.labels]
