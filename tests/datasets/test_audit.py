"""What is wrong with drawn data sets: every finding by hand, and the stored comparison."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer import paths
from fer.datasets import BadRow, FaceDataset
from fer.datasets import audit as audit_module
from fer.datasets.audit import REASONS, Audit, audit
from fer.datasets.ferplus import VOTE_NAMES, Votes
from fer.emotions import EMOTIONS

A, B, C = "Training", "PublicTest", "PrivateTest"
NO_FACE = VOTE_NAMES.index("NF")


def _votes(*no_face_of_10: int) -> Votes:
    counts = np.zeros((len(no_face_of_10), len(VOTE_NAMES)), np.uint8)
    counts[:, NO_FACE] = no_face_of_10
    counts[:, 0] = 10 - counts[:, NO_FACE]
    return Votes(counts, "digest", Path("votes.csv"))


def _rows(table: pd.DataFrame, *columns: str) -> list[tuple]:
    return list(table[list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("rows", "distinct", "copies", "repeated", "conflicts"),
    [
        ([], 0, {}, {}, (0, 0)),
        ([(1, 0, A)], 1, {}, {A: 0}, (0, 0)),
        ([(1, 0, A), (2, 0, B)], 2, {"PublicTest in Training": 0}, {A: 0, B: 0}, (0, 0)),
        ([(1, 0, A), (1, 0, A), (1, 0, A)], 1, {}, {A: 2}, (0, 0)),
        ([(1, 0, A), (1, 0, B), (1, 0, B)], 1, {"PublicTest in Training": 2}, {A: 0, B: 1}, (0, 0)),
        (
            [(1, 0, A), (2, 0, B), (1, 0, C), (2, 0, C), (3, 0, C)],
            3,
            {"PublicTest in Training": 0, "PrivateTest in Training": 1, "PrivateTest in PublicTest": 1},
            {A: 0, B: 0, C: 0},
            (0, 0),
        ),
        ([(1, 0, A), (1, 3, A), (2, 5, A), (2, 5, A)], 2, {}, {A: 2}, (1, 2)),
        ([(1, 0, A), (1, 3, B), (1, 3, B)], 1, {"PublicTest in Training": 2}, {A: 0, B: 1}, (1, 3)),
    ],
    ids=["empty", "one row", "no copies", "repeated", "across", "three splits", "conflict", "conflict across"],
)
def test_figures(
    rows: list,
    distinct: int,
    copies: dict,
    repeated: dict,
    conflicts: tuple[int, int],
    draw: Callable[..., FaceDataset],
) -> None:
    found = audit(draw(*rows))
    figures = found.figures
    assert len(found) == figures.rows == len(rows)
    assert (figures.distinct, dict(figures.copies), dict(figures.repeated)) == (distinct, copies, repeated)
    assert (figures.conflicting_groups, figures.conflicting_rows) == conflicts
    assert figures == found.without_blank


def test_blank_pictures_are_named_and_counted_apart(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((0, 0, A), (1, 3, A), (0, 3, A), (1, 3, B), (0, 0, B))
    images = dataset.images.copy()
    images[0] = 7
    found = audit(replace(dataset, images=images))
    assert _rows(found.blank, "row", "usage", "label", "level") == [
        (1, A, "angry", 7),
        (3, A, "happy", 0),
        (5, B, "angry", 0),
    ]
    with_blank, without = found.figures, found.without_blank
    assert (with_blank.rows, with_blank.distinct, with_blank.conflicting_groups) == (5, 3, 1)
    assert (without.rows, without.distinct, without.conflicting_groups) == (2, 1, 0)
    assert (with_blank.copies, without.copies) == ({"PublicTest in Training": 2}, {"PublicTest in Training": 1})
    assert _rows(found.pairs, "row", "copy_row", "kind") == [(4, 2, "exact"), (5, 3, "blank")]


def test_members_of_a_group_stand_together(draw: Callable[..., FaceDataset]) -> None:
    found = audit(draw((1, 0, A), (2, 0, A), (3, 0, A), (2, 1, B), (1, 0, C)))
    assert _rows(found.members, "group", "row", "usage", "label", "blank", "conflicting") == [
        (1, 1, A, "angry", False, False),
        (1, 5, C, "angry", False, False),
        (2, 2, A, "angry", False, True),
        (2, 4, B, "disgust", False, True),
    ]


def test_pairs_lead_from_the_later_split_to_the_first_copy(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((1, 2, C), (1, 0, A), (1, 0, A), (1, 1, B), (2, 0, A), (3, 0, C))
    images = dataset.images.copy()
    images[5] = np.clip(images[4].astype(int) + np.random.default_rng(0).integers(-9, 10, (24, 24)), 0, 255)
    found = audit(replace(dataset, images=images))
    assert _rows(found.pairs, "where", "kind", "row", "label", "copy_row", "copy_label") == [
        ("PrivateTest in Training", "exact", 1, "fear", 2, "angry"),
        ("PrivateTest in Training", "near", 6, "angry", 5, "angry"),
        ("PrivateTest in PublicTest", "exact", 1, "fear", 4, "disgust"),
        ("PublicTest in Training", "exact", 4, "disgust", 2, "angry"),
        ("within Training", "exact", 3, "angry", 2, "angry"),
    ]
    assert found.pairs["correlation"].tolist() == pytest.approx([1, 0.998, 1, 1, 1], abs=0.002)
    assert {where for where, count in found.near_copies.items() if count} == {"PrivateTest in Training"}


def test_near_copies_of_copies_are_all_paired(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((1, 0, A), (1, 0, C), (2, 0, A), (2, 0, A))
    images = dataset.images.copy()
    images[2:] = images[0] // 2
    found = audit(replace(dataset, images=images))
    near = found.pairs[found.pairs["kind"] == "near"]
    assert _rows(near, "row", "copy_row") == [(2, 3), (2, 4), (3, 1), (4, 1)]
    # Row 2 has an exact copy in Training, row 4 an exact one in row 3: neither counts as near.
    assert found.near_copies == {"PrivateTest in Training": 0, "within Training": 1, "within PrivateTest": 0}


@pytest.mark.parametrize(
    ("no_face", "rows"),
    [(None, None), ((0, 0, 0), []), ((5, 6, 10), [(2, A, "happy"), (3, B, "sad")])],
    ids=["no votes", "faces", "more than half"],
)
def test_rows_without_a_face(
    no_face: tuple[int, ...] | None, rows: list | None, draw: Callable[..., FaceDataset]
) -> None:
    votes = None if no_face is None else _votes(*no_face)
    found = audit(draw((1, 0, A), (2, 3, A), (3, 4, B)), votes)
    assert (None if found.no_face is None else _rows(found.no_face, "row", "usage", "label")) == rows


@pytest.mark.parametrize(
    ("subjects", "shared"),
    [
        (None, None),
        (["", "", "", ""], []),
        (["a", "b", "a", "b"], [("a", 1, 1, 0), ("b", 1, 0, 1)]),
        (["a", "a", "b", "c"], []),
        (["a", "", "", "a"], [("a", 1, 0, 1)]),
    ],
    ids=["not said", "all unknown", "two", "none", "unknown people share nothing"],
)
def test_people_in_several_splits(
    subjects: list[str] | None, shared: list | None, draw: Callable[..., FaceDataset]
) -> None:
    named = None if subjects is None else np.array(subjects, "U5")
    found = audit(draw((1, 0, A), (2, 0, A), (3, 0, B), (4, 0, C), subjects=named)).shared_subjects
    assert (None if found is None else _rows(found, "subject", A, B, C)) == shared


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("drawn", None),
        ("fer2013", (A, "angry", 3995, 1)),
        ("ckplus", ("all", "angry", 45, 1)),
    ],
    ids=["unknown", "by split", "all together"],
)
def test_difference_from_the_published_counts(name: str, first: tuple | None, draw: Callable[..., FaceDataset]) -> None:
    found = audit(draw((1, 0, A), (2, 7, A), name=name)).differences
    assert (None if found is None else _rows(found, "usage", "label", "published", "here")[0]) == first


def test_published_counts_that_are_met(draw: Callable[..., FaceDataset], monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(audit_module.DATASETS["ckplus"], published={"all": {"angry": 1, "disgust": 0, "contempt": 1}})
    monkeypatch.setattr(audit_module, "DATASETS", {"ckplus": known})
    assert audit(draw((1, 0, A), (2, 7, A), name="ckplus")).differences.empty


def test_classes_without_rows(draw: Callable[..., FaceDataset]) -> None:
    assert audit(draw((1, 3, A), (2, 6, B))).empty_classes == ("angry", "disgust", "fear", "sad", "surprise")
    assert audit(draw(*((i + 1, i, A) for i in range(7)))).empty_classes == ()


@pytest.mark.parametrize(
    ("rows", "no_face", "out"),
    [
        ([(1, 0, A), (2, 0, B)], (), []),
        ([(0, 0, A), (0, 3, A)], (), [(1, "blank", 0), (2, "blank", 0)]),
        ([(1, 0, A), (2, 0, A)], (0, 9), [(2, "no face", 0)]),
        ([(1, 0, A), (1, 3, B)], (), [(1, REASONS[2], 0), (2, REASONS[2], 0)]),
        ([(1, 0, A), (1, 0, C), (1, 0, B)], (), [(1, REASONS[3], 2), (3, REASONS[3], 2)]),
        ([(1, 0, C), (1, 0, A), (1, 0, C)], (), [(2, REASONS[3], 1), (3, REASONS[4], 1)]),
        ([(1, 0, A), (1, 0, A)], (9, 0), [(1, "no face", 0)]),
    ],
    ids=[
        "nothing",
        "blank before conflict",
        "no face",
        "conflict",
        "the latest split keeps its row",
        "further copy",
        "what is out already keeps no copy",
    ],
)
def test_rows_to_leave_out(rows: list, no_face: tuple, out: list, draw: Callable[..., FaceDataset]) -> None:
    found = audit(draw(*rows), _votes(*no_face) if no_face else None)
    assert _rows(found.rows_to_leave_out, "row", "reason", "copy_of") == out


def test_near_copies_are_left_out_across_splits_only(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((1, 0, A), (2, 0, A), (3, 0, B), (4, 0, C))
    images = dataset.images.copy()
    images[1], images[2], images[3] = images[0] // 2, images[0] // 3, images[0] // 4
    found = audit(replace(dataset, images=images))
    assert _rows(found.rows_to_leave_out, "row", "reason", "copy_of") == [
        (1, REASONS[5], 4),
        (2, REASONS[5], 4),
        (3, REASONS[5], 4),
    ]


def test_what_is_left_comes_once_and_in_one_split(draw: Callable[..., FaceDataset]) -> None:
    rng = np.random.default_rng(1)
    numbers, splits = rng.integers(0, 40, 200).tolist(), rng.choice([A, B, C], 200).tolist()
    rows = [(number, number % 3, split) for number, split in zip(numbers, splits, strict=True)]
    dataset = draw(*rows)
    found = audit(dataset, _votes(*rng.integers(0, 8, 200)))
    out = found.rows_to_leave_out
    assert out["row"].is_unique
    left = audit(dataset.take(~np.isin(dataset.rows, out["row"])))
    assert left.figures.rows == left.figures.distinct == 200 - len(out)
    assert left.rows_to_leave_out.empty


def test_files_of_a_folder_are_named(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((1, 0, A), (1, 0, A), files=np.array(["angry/a.png", "angry/b.png"]))
    assert _rows(audit(dataset).rows_to_leave_out, "row", "file") == [(2, "angry/b.png")]


def test_dict_is_what_the_command_line_promises(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw((1, 0, A), (1, 0, B), (0, 0, A), bad_rows=(BadRow(4, "it breaks a rule"),))
    record = audit(dataset, _votes(0, 0, 10)).to_dict()
    assert json.loads(json.dumps(record)) == record
    assert {key: record[key] for key in ("rows", "distinct", "copies", "conflicting_groups", "blank_rows")} == {
        "rows": 3,
        "distinct": 2,
        "copies": {"PublicTest in Training": 1},
        "conflicting_groups": 0,
        "blank_rows": 1,
    }
    assert record["blank"] == [{"row": 3, "usage": A, "label": "angry", "level": 0}]
    assert record["bad_rows"] == 1
    assert record["counts"][A] == {name: 2 if name == "angry" else 0 for name in EMOTIONS}
    assert record["no_face_rows"] == {A: 1, B: 0, C: 0}
    assert record["rows_to_leave_out"] == dict.fromkeys(REASONS, 0) | {"blank": 1, "copy in a later split": 1}
    assert record["shared_subjects"] is record["differences"] is None


def _same(a: Audit, b: Audit) -> bool:
    return a.to_dict() == b.to_dict() and a.pairs.equals(b.pairs)


@pytest.fixture
def dataset(draw: Callable[..., FaceDataset]) -> FaceDataset:
    return draw((1, 0, A), (1, 0, B), (2, 3, A), (0, 0, A))


def _stored() -> list[Path]:
    return sorted((paths.cache_dir() / "audits").glob("*"))


def test_pictures_are_compared_once(dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first = audit(dataset)
    monkeypatch.setattr(audit_module, "near_pairs", lambda *_: pytest.fail("the pictures were compared again"))
    assert _same(audit(replace(dataset, name="drawn")), first)


def test_part_of_a_data_set_has_a_comparison_of_its_own(dataset: FaceDataset) -> None:
    whole, part = audit(dataset), audit(dataset.select(A))
    assert (len(whole), len(part), len(_stored())) == (4, 3, 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: file.write_bytes(file.read_bytes().replace(b"first.npy", b"fjrst.npy")),
        lambda file: np.savez(file, first=np.zeros(3, int), a=[], b=[], correlation=[]),
    ],
    ids=["empty", "cut off", "changed", "of other rows"],
)
def test_damaged_comparison_is_made_again(
    damage: Callable[[Path], object], dataset: FaceDataset, caplog: pytest.LogCaptureFixture
) -> None:
    first = audit(dataset)
    [file] = _stored()
    whole = file.stat().st_size
    damage(file)
    with caplog.at_level(logging.WARNING):
        assert _same(audit(dataset), first)
    assert f"The stored comparison {file} is damaged and will be made again" in caplog.text
    assert _stored() == [file]
    assert file.stat().st_size == whole


@pytest.mark.parametrize("failing", ["mkdir", "fsync", "replace"])
def test_disk_that_cannot_be_written_costs_the_store_only(
    failing: str, dataset: FaceDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    where = {"mkdir": Path, "fsync": os, "replace": Path}[failing]
    with monkeypatch.context() as full:
        full.setattr(where, failing, refuse)
        found = audit(dataset)
    assert "could not be stored" in caplog.text
    assert _stored() == []
    assert _same(audit(dataset), found)


def test_progress_rises_to_one_and_can_end_the_audit(dataset: FaceDataset) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(dataset, progress=stop)
    assert _stored() == []
    shares: list[float] = []
    audit(dataset, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
