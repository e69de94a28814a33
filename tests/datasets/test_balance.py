"""Balancing, by hand: what it does to the counts, and which faces it puts on both sides of a split."""

from collections.abc import Callable

import numpy as np
import pytest

from fer.datasets import FaceDataset
from fer.datasets.balance import TEST_SHARE, balance_counts, leak_of_oversampling, oversample, row_weights
from fer.emotions import EMOTIONS
from fer.errors import DatasetError

A = "Training"


def rows_of(*counts: int, first: int = 1) -> list[tuple[int, int, str]]:
    """Rows with pictures that are all different: so many of the first class, so many of the second, ..."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return [(first + i, int(label), A) for i, label in enumerate(labels)]


@pytest.mark.parametrize("work", [balance_counts, leak_of_oversampling], ids=["counts", "leak"])
@pytest.mark.parametrize(
    ("counts", "filled"), [((), 0), ((5,), 1), ((0, 0, 5), 1)], ids=["empty", "one", "another one"]
)
def test_one_class_cannot_be_balanced(
    work: Callable, counts: tuple[int, ...], filled: int, draw: Callable[..., FaceDataset]
) -> None:
    with pytest.raises(DatasetError, match=f"^Balancing needs rows of at least two classes, but drawn has {filled} "):
        work(draw(*rows_of(*counts)))


def test_class_of_one_row_cannot_be_split(draw: Callable[..., FaceDataset]) -> None:
    with pytest.raises(DatasetError, match="only one row of disgust, and it takes two"):
        leak_of_oversampling(draw(*rows_of(5, 1)))


@pytest.mark.parametrize(
    ("counts", "over", "under", "weights"),
    [
        ((4, 4), [4, 4], [4, 4], [1, 1]),
        ((6, 2), [6, 6], [2, 2], [8 / 12, 8 / 4]),
        ((3, 0, 1), [3, 0, 3], [1, 0, 1], [4 / 6, np.nan, 4 / 2]),
    ],
    ids=["balanced", "unbalanced", "class without rows"],
)
def test_counts(
    counts: tuple[int, ...], over: list[int], under: list[int], weights: list[float], draw: Callable[..., FaceDataset]
) -> None:
    table = balance_counts(draw(*rows_of(*counts)))
    rest = len(EMOTIONS) - len(counts)
    assert table["label"].tolist() == list(EMOTIONS)
    assert table["rows"].tolist() == [*counts] + [0] * rest
    assert table["oversampling"].tolist() == over + [0] * rest
    assert table["undersampling"].tolist() == under + [0] * rest
    np.testing.assert_allclose(table["class_weight"], weights + [np.nan] * rest)
    assert np.nansum(table["class_weight"] * table["rows"]) == pytest.approx(sum(counts))


def test_nothing_leaks_when_the_split_comes_first(draw: Callable[..., FaceDataset]) -> None:
    leak = leak_of_oversampling(draw(*rows_of(40, 10)))
    assert leak.split_first["seen"].sum() == 0
    assert leak.split_first["rows"].tolist()[:2] == [8, 2]
    assert leak.balanced_first["rows"].tolist()[:2] == [8, 8]
    # The larger class is not repeated; of the smaller one every face is there four times.
    assert leak.balanced_first["seen"].tolist()[:2] == [0, 8]
    assert leak.shares() == (0.0, 0.5)


def test_copies_in_the_data_leak_either_way(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw(*rows_of(20), *[(500, 1, A)] * 20)
    leak = leak_of_oversampling(dataset)
    assert leak.split_first["seen"].tolist()[:2] == leak.balanced_first["seen"].tolist()[:2] == [0, 20 * TEST_SHARE]


def test_seed_decides(draw: Callable[..., FaceDataset]) -> None:
    dataset = draw(*rows_of(60, 40))
    tables = [leak_of_oversampling(dataset, seed).balanced_first for seed in (1, 1, 2, 3)]
    assert tables[0].equals(tables[1])
    assert not all(table.equals(tables[0]) for table in tables[2:])


@pytest.mark.parametrize(
    ("labels", "weights"),
    [([0, 1], [1, 1]), ([0, 0, 0, 1], [2 / 3, 2 / 3, 2 / 3, 2]), ([5, 0, 5, 5], [2 / 3, 2, 2 / 3, 2 / 3])],
    ids=["balanced", "rare", "with gaps"],
)
def test_rows_of_rare_classes_weigh_more(labels: list[int], weights: list[float]) -> None:
    np.testing.assert_allclose(row_weights(np.array(labels, np.uint8)), weights, rtol=1e-6)


def test_oversampling_repeats_rows_of_rare_classes_alone() -> None:
    labels = np.array([0, 1, 0, 2, 0, 0, 2], np.uint8)
    positions = oversample(labels, seed=0)
    assert np.bincount(labels[positions]).tolist() == [4, 4, 4]
    assert np.bincount(positions)[labels == 0].tolist() == [1, 1, 1, 1]
    assert set(positions.tolist()) == set(range(7))
    np.testing.assert_array_equal(positions, oversample(labels, seed=0))
    assert not np.array_equal(positions, oversample(labels, seed=1))
