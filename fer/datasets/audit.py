"""A data set -> what is wrong with it: copies, leaks between splits, labels that disagree, rows that are no faces.

The slow part, comparing every picture with every other, is kept in the cache folder by what the pictures are. Knows
nothing about networks, formats or pages.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer import paths
from fer.datasets.copies import first_copies, is_constant
from fer.datasets.dataset import ALL, USAGES, FaceDataset
from fer.datasets.ferplus import Votes
from fer.datasets.near import NearPairs, near_pairs
from fer.datasets.registry import DATASETS
from fer.files import replace_file

FORMAT = 1
"""Goes up when the comparison changes, so that older results are not opened."""

REASONS: tuple[str, ...] = (
    "blank",
    "no face",
    "copies with different labels",
    "copy in a later split",
    "further copy in its split",
    "near copy in a later split",
)
"""Why a row is to be left out; the first that applies is given. PublicTest is later than Training, PrivateTest last."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CopyFigures:
    """How often pictures come again, pixel for pixel.

    Attributes:
        rows: how many were compared.
        distinct: how many different pictures these are.
        copies: by "PrivateTest in Training" and so on, the rows of the first split that are also in the second.
        repeated: by split, how many of its rows are further copies of another of its rows.
        conflicting_groups, conflicting_rows: sets of copies that carry more than one label, and the rows in them.
    """

    rows: int
    distinct: int
    copies: Mapping[str, int]
    repeated: Mapping[str, int]
    conflicting_groups: int
    conflicting_rows: int


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in a data set. Rows go by their number in the file, counted from 1; labels by their words.

    Attributes:
        name, digest: of the data set.
        bad_rows: how many rows of the file could not be read.
        counts: integers, a row for every split and a column for every class.
        figures: how often pictures come again.
        without_blank: the same without the pictures of one grey level, which are all each other's copies.
        near_copies: by "PrivateTest in Training" and so on, and "within Training", the rows that have a near copy there
            (of the same split: an earlier one) but no exact one.
        members: a row for every picture that comes again: group (1, 2, ...; the same for the same pixels), row, usage,
            label, blank, conflicting (whether the group has more than one label).
        pairs: a row for every pair to look at, those across splits first: where (as in `near_copies`), kind ("exact",
            "near", "blank"), row, usage, label, copy_row, copy_usage, copy_label, correlation (of patches of 24 pixels;
            1 for exact copies). An exact copy is paired with the first one of its own and of each earlier split.
        blank: pictures of one grey level: row, usage, label, level (0 to 255).
        no_face: rows in which more than half of the FER+ raters saw no face: row, usage, label; None without votes.
        shared_subjects: people in more than one split: subject, and a count for each of `USAGES`; None where the file
            does not say who is seen.
        differences: where counts differ from the published ones: usage ("all" where no split is published), label,
            published, here; None where none are known.
        rows_to_leave_out: rows without which every face comes once and in one split: row, usage, label, reason (one of
            `REASONS`), copy_of (row number; 0 where the reason is no copy), and file where rows are files of a folder.
    """

    name: str
    digest: str
    bad_rows: int
    counts: pd.DataFrame
    figures: CopyFigures
    without_blank: CopyFigures
    near_copies: Mapping[str, int]
    members: pd.DataFrame
    pairs: pd.DataFrame
    blank: pd.DataFrame
    no_face: pd.DataFrame | None
    shared_subjects: pd.DataFrame | None
    differences: pd.DataFrame | None
    rows_to_leave_out: pd.DataFrame

    def __len__(self) -> int:
        return self.figures.rows

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """The classes that no row has."""
        return tuple(name for name, count in self.counts.sum().items() if count == 0)

    def to_dict(self) -> dict[str, Any]:
        """The audit as the command line's JSON has it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "bad_rows": self.bad_rows,
            **asdict(self.figures),
            "blank_rows": len(self.blank),
            "blank": self.blank.to_dict("records"),
            "without_blank": asdict(self.without_blank),
            "near_copies": dict(self.near_copies),
            "counts": self.counts.T.to_dict(),
            "empty_classes": list(self.empty_classes),
            "no_face_rows": None if self.no_face is None else _count_by(self.no_face["usage"], USAGES),
            "shared_subjects": None if self.shared_subjects is None else self.shared_subjects.to_dict("records"),
            "differences": None if self.differences is None else self.differences.to_dict("records"),
            "rows_to_leave_out": _count_by(self.rows_to_leave_out["reason"], REASONS),
        }


def audit(dataset: FaceDataset, votes: Votes | None = None, progress: Callable[[float], None] | None = None) -> Audit:
    """Look for what is wrong with a data set.

    Args:
        dataset: the faces; a part of a data set is audited as if it were all.
        votes: the FER+ votes, where there are any.
        progress: called with the share that is done, in [0, 1]; what it raises ends the audit.
    """
    comparison = _compare(dataset, progress)
    blank = is_constant(dataset.images)
    faces = pd.DataFrame(
        {
            "row": dataset.rows,
            "usage": dataset.usage,
            "label": np.array(dataset.classes)[dataset.labels],
            "rank": np.array([USAGES.index(usage) for usage in dataset.usage], np.int64),
            "first": comparison.first,
            "blank": blank,
        }
    )
    if dataset.files is not None:
        faces["file"] = dataset.files
    faces["conflicting"] = faces.groupby("first")["label"].transform("nunique") > 1
    pairs, figures = _pairs(faces, comparison.near), _figures(faces)
    no_face = None if votes is None else votes.no_face(dataset)
    return Audit(
        name=dataset.name,
        digest=dataset.digest,
        bad_rows=len(dataset.bad_rows),
        counts=dataset.counts(),
        figures=figures,
        without_blank=_figures(faces[~blank]),
        near_copies=_near_copies(pairs, figures),
        members=_members(faces),
        pairs=pairs,
        blank=_named(faces[blank]).assign(level=dataset.images[blank, 0, 0].astype(int)),
        no_face=None if no_face is None else _named(faces[no_face]),
        shared_subjects=_shared_subjects(dataset),
        differences=_differences(dataset),
        rows_to_leave_out=_rows_to_leave_out(faces, pairs, no_face),
    )


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Every picture's first copy (int64, shape (n,)), and the near pairs among those first ones, by position."""

    first: np.ndarray
    near: NearPairs


def _compare(dataset: FaceDataset, progress: Callable[[float], None] | None) -> _Comparison:
    """Compare all pictures, or open the result of the last time."""
    state = f"{FORMAT} {dataset.digest} {hashlib.sha256(dataset.rows.tobytes()).hexdigest()}"
    path = paths.cache_dir() / "audits" / f"{hashlib.sha256(state.encode()).hexdigest()[:32]}.npz"
    comparison = _open_comparison(path, len(dataset))
    if comparison is None:
        first = first_copies(dataset.images)
        distinct = np.flatnonzero(first == np.arange(len(first)))
        comparison = _Comparison(first, near_pairs(dataset.images, distinct, progress))
        _write_comparison(path, comparison)
    if progress is not None:
        progress(1.0)
    return comparison


def _open_comparison(path: Path, rows: int) -> _Comparison | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            first, near = stored["first"], NearPairs(stored["a"], stored["b"], stored["correlation"])
        if len(first) != rows:
            raise ValueError(f"it holds {len(first)} rows instead of {rows}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("The stored comparison %s is damaged and will be made again: %s", path, error)
        return None
    return _Comparison(first, near)


def _write_comparison(path: Path, comparison: _Comparison) -> None:
    near, buffer = comparison.near, io.BytesIO()
    np.savez(buffer, first=comparison.first, a=near.a, b=near.b, correlation=near.correlation)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, buffer.getvalue())
    except OSError as error:
        _log.warning("The comparison %s could not be stored: %s", path, error)


def _named(faces: pd.DataFrame) -> pd.DataFrame:
    return faces[["row", "usage", "label"]].reset_index(drop=True)


def _count_by(values: pd.Series, names: tuple[str, ...]) -> dict[str, int]:
    return {name: int(count) for name, count in values.value_counts().reindex(names, fill_value=0).items()}


def _figures(faces: pd.DataFrame) -> CopyFigures:
    pictures = {usage: faces.loc[faces["usage"] == usage, "first"] for usage in USAGES}
    filled = [usage for usage in USAGES if len(pictures[usage])]
    conflicting = faces[faces["conflicting"]]
    return CopyFigures(
        rows=len(faces),
        distinct=int(faces["first"].nunique()),
        copies={
            f"{later} in {earlier}": int(pictures[later].isin(pictures[earlier]).sum())
            for position, later in enumerate(filled)
            for earlier in filled[:position]
        },
        repeated={usage: int(pictures[usage].duplicated().sum()) for usage in filled},
        conflicting_groups=int(conflicting["first"].nunique()),
        conflicting_rows=len(conflicting),
    )


def _members(faces: pd.DataFrame) -> pd.DataFrame:
    again = faces[faces["first"].duplicated(keep=False)].sort_values(["first", "row"], kind="stable")
    table = again.assign(group=again.groupby("first").ngroup() + 1)
    return table[["group", "row", "usage", "label", "blank", "conflicting"]].reset_index(drop=True)


def _pairs(faces: pd.DataFrame, near: NearPairs) -> pd.DataFrame:
    faces = faces.assign(position=np.arange(len(faces)))
    by_picture = faces[["first", "position", "rank"]]
    exact = by_picture.merge(by_picture.drop_duplicates(["first", "rank"]), on="first", suffixes=("", "_copy"))
    is_later = exact["rank"] > exact["rank_copy"]
    exact = exact[is_later | ((exact["rank"] == exact["rank_copy"]) & (exact["position"] > exact["position_copy"]))]
    close = (
        pd.DataFrame({"a": near.a, "b": near.b, "correlation": near.correlation.astype(float)})
        .merge(by_picture, left_on="a", right_on="first")
        .merge(by_picture, left_on="b", right_on="first", suffixes=("_a", "_b"))
    )
    turned = (close["rank_a"] > close["rank_b"]) | (
        (close["rank_a"] == close["rank_b"]) & (close["position_a"] > close["position_b"])
    )
    later = np.r_[exact["position"], np.where(turned, close["position_a"], close["position_b"])].astype(np.int64)
    earlier = np.r_[exact["position_copy"], np.where(turned, close["position_b"], close["position_a"])].astype(np.int64)
    correlation = np.r_[np.ones(len(exact)), close["correlation"]]
    one, other = faces.iloc[later].reset_index(drop=True), faces.iloc[earlier].reset_index(drop=True)
    is_across = one["usage"] != other["usage"]
    kind = np.where(np.arange(len(one)) >= len(exact), "near", np.where(one["blank"], "blank", "exact"))
    table = pd.DataFrame(
        {
            "where": np.where(is_across, one["usage"] + " in " + other["usage"], "within " + one["usage"]),
            "kind": kind,
            **{name: one[name] for name in ("row", "usage", "label")},
            **{f"copy_{name}": other[name] for name in ("row", "usage", "label")},
            "correlation": correlation,
        }
    )
    order = np.lexsort((table["copy_row"], table["row"], other["rank"], -one["rank"], ~is_across))
    return table.iloc[order].reset_index(drop=True)


def _near_copies(pairs: pd.DataFrame, figures: CopyFigures) -> dict[str, int]:
    is_near = pairs["kind"] == "near"
    near, exact = pairs[is_near], pairs[~is_near]
    return {
        where: len(set(near.loc[near["where"] == where, "row"]) - set(exact.loc[exact["where"] == where, "row"]))
        for where in (*figures.copies, *(f"within {usage}" for usage in figures.repeated))
    }


def _shared_subjects(dataset: FaceDataset) -> pd.DataFrame | None:
    if dataset.subjects is None:
        return None
    named = dataset.subjects != ""
    table = pd.crosstab(pd.Series(dataset.subjects[named], name="subject"), pd.Series(dataset.usage[named]))
    table = table.reindex(columns=list(USAGES), fill_value=0)
    return table[(table > 0).sum(axis=1) > 1].rename_axis(columns=None).reset_index()


def _differences(dataset: FaceDataset) -> pd.DataFrame | None:
    known = DATASETS.get(dataset.name)
    if known is None:
        return None
    here = dataset.counts()
    rows = []
    for usage, published in known.published.items():
        counted = here.sum() if usage == ALL else here.loc[usage]
        for label, count in published.items():
            found = int(counted.get(label, 0))
            if found != count:
                rows.append((usage, label, count, found))
    return pd.DataFrame(rows, columns=["usage", "label", "published", "here"])


def _rows_to_leave_out(faces: pd.DataFrame, pairs: pd.DataFrame, no_face: np.ndarray | None) -> pd.DataFrame:
    """Choose what goes: of copies, the one in the latest split stays, so that the published tests keep their rows."""
    table = faces.assign(reason="", copy_of=0)
    if no_face is not None:
        table.loc[no_face, "reason"] = "no face"
    table.loc[table["blank"], "reason"] = "blank"
    table.loc[(table["reason"] == "") & table["conflicting"], "reason"] = "copies with different labels"

    left = table[table["reason"] == ""].sort_values(["first", "rank", "row"], ascending=[True, False, True])
    stays = left.groupby("first")[["row", "rank"]].transform("first")
    goes = left["row"] != stays["row"]
    table.loc[goes.index[goes], "reason"] = np.where(
        left.loc[goes, "rank"] < stays.loc[goes, "rank"], "copy in a later split", "further copy in its split"
    )
    table.loc[goes.index[goes], "copy_of"] = stays.loc[goes, "row"]

    kept = table.loc[table["reason"] == "", "row"]
    near = pairs[(pairs["kind"] == "near") & (pairs["usage"] != pairs["copy_usage"])]
    near = near[near["row"].isin(kept) & near["copy_row"].isin(kept)].drop_duplicates("copy_row", keep="first")
    copy_of = near.set_index("copy_row")["row"]
    goes = table["row"].isin(copy_of.index)
    table.loc[goes, "reason"] = "near copy in a later split"
    table.loc[goes, "copy_of"] = table.loc[goes, "row"].map(copy_of).astype(int)
    out = table[table["reason"] != ""]
    columns = ["row", "usage", "label", "reason", "copy_of", *(["file"] if "file" in out else [])]
    return out[columns].reset_index(drop=True)
