"""`FaceDataset`: what it accepts, selects and counts, and what its digest stands for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer.datasets.dataset import USAGES, FaceDataset, digest_of
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import DatasetError


def _dataset(n: int = 4, **changes: Any) -> FaceDataset:
    images = np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2)
    labels = np.arange(n, dtype=np.uint8) % 7
    usage = np.array([("Training", "PublicTest")[i % 2] for i in range(n)], dtype="U11")
    facts = {
        "name": "drawn",
        "images": images,
        "labels": labels,
        "usage": usage,
        "classes": EMOTIONS,
        "digest": digest_of(images, labels, usage),
        "source": Path("drawn.csv"),
        "rows": np.arange(1, n + 1),
        "subjects": np.array([f"S{i}" for i in range(n)]),
    }
    return FaceDataset(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((4, 4), np.uint8)}, "images must be uint8 of 3 dimensions"),
        ({"images": np.zeros((4, 2, 2), np.float32)}, "images must be uint8 of 3 dimensions"),
        ({"labels": np.zeros(3, np.uint8)}, "labels must hold 4 rows, but holds 3"),
        ({"usage": np.array(["Training"])}, "usage must hold 4 rows, but holds 1"),
        ({"rows": np.arange(5)}, "rows must hold 4 rows, but holds 5"),
        ({"subjects": np.array(["S1"])}, "subjects must hold 4 rows, but holds 1"),
        ({"files": np.array(["a.png"])}, "files must hold 4 rows, but holds 1"),
        ({"labels": np.full(4, 7, np.uint8)}, "labels must be uint8 below 7"),
        ({"labels": np.zeros(4, np.int64)}, "labels must be uint8 below 7"),
        ({"usage": np.array(["Training", "Test", "Training", "Training"])}, "usage must hold Training, PublicTest"),
        ({"classes": ("happy", "sad")}, "classes must be those of"),
    ],
    ids=[
        "flat images",
        "float images",
        "labels short",
        "usage short",
        "rows long",
        "subjects short",
        "files short",
        "label too high",
        "labels of another type",
        "usage unknown",
        "classes unknown",
    ],
)
def test_refuses_arrays_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _dataset(**changes)


@pytest.mark.parametrize(
    ("n", "split", "rows"),
    [
        (0, "Training", []),
        (4, "Training", [1, 3]),
        (4, "PublicTest", [2, 4]),
        (4, "PrivateTest", []),
        (4, "all", [1, 2, 3, 4]),
    ],
    ids=["empty", "training", "public", "no such rows", "all"],
)
def test_select(n: int, split: str, rows: list[int]) -> None:
    whole = _dataset(n)
    selected = whole.select(split)
    assert (len(selected), selected.rows.tolist()) == (len(rows), rows)
    positions = np.array(rows, int) - 1
    for name in ("images", "labels", "usage", "subjects"):
        np.testing.assert_array_equal(getattr(selected, name), getattr(whole, name)[positions], name)
    assert (selected.name, selected.digest) == (whole.name, whole.digest)


def test_select_refuses_other_words() -> None:
    with pytest.raises(
        DatasetError, match=r"^The split must be one of Training, PublicTest, PrivateTest, all, but is test\.$"
    ):
        _dataset().select("test")


def test_select_without_subjects() -> None:
    assert _dataset(subjects=None).select("Training").subjects is None


def test_select_keeps_the_names_of_files() -> None:
    assert _dataset().files is None
    assert _dataset(files=np.array(list("abcd"))).select("PublicTest").files.tolist() == ["b", "d"]


def test_arrays_are_read_only_and_the_callers_stay_writeable() -> None:
    labels = np.zeros(4, np.uint8)
    dataset = _dataset(labels=labels, files=np.array(list("abcd")))
    for name in ("images", "labels", "usage", "rows", "subjects", "files"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 0
    labels[0] = 1


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (EMOTIONS, [0, 0, 3, 6], {"Training": [1, 0, 0, 1, 0, 0, 0], "PublicTest": [1, 0, 0, 0, 0, 0, 1]}),
        (EMOTIONS_WITH_CONTEMPT, [7, 7, 7, 0], {"Training": [0] * 7 + [2], "PublicTest": [1] + [0] * 6 + [1]}),
    ],
    ids=["seven classes", "eight classes"],
)
def test_counts(classes: tuple[str, ...], labels: list[int], expected: dict[str, list[int]]) -> None:
    counts = _dataset(classes=classes, labels=np.array(labels, np.uint8)).counts()
    assert (tuple(counts.index), tuple(counts.columns)) == (USAGES, classes)
    assert counts.T.to_dict("list") == expected | {"PrivateTest": [0] * len(classes)}


def test_counts_of_nothing() -> None:
    counts = _dataset(0).counts()
    assert counts.shape == (3, 7)
    assert counts.to_numpy().sum() == 0


def test_digest_stays_the_same_across_versions() -> None:
    assert _dataset().digest == "6c39d20c337609902b257491687d53b1acfe17bdc8ac6bd8928fe9772f01678d"


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.arange(16, dtype=np.uint8)[::-1].reshape(4, 2, 2)},
        {"images": np.arange(16, dtype=np.uint8).reshape(4, 1, 4)},
        {"labels": np.array([0, 1, 2, 4], np.uint8)},
        {"usage": np.array(["Training", "PublicTest", "Training", "PrivateTest"])},
    ],
    ids=["other pixels", "other shape", "other label", "other usage"],
)
def test_digest_tells_contents_apart(changes: dict[str, np.ndarray]) -> None:
    base = _dataset()
    arrays = {"images": base.images, "labels": base.labels, "usage": base.usage}
    assert digest_of(**(arrays | changes)) != digest_of(**arrays)


def test_digest_sees_through_memory_layout() -> None:
    base = _dataset()
    images = np.asfortranarray(base.images)
    assert digest_of(images, base.labels, base.usage.astype("U40")) == base.digest
