"""Splits that are missing are drawn class by class, and nothing that belongs together is divided."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fer.datasets import USAGES, FaceDataset
from fer.datasets.split import LEAST, PARTS, draw_missing_splits
from fer.errors import DatasetError

A, B, C = USAGES


def rows_of(**counts: int) -> list[tuple[int, int, str]]:
    """So many different pictures of each usage, their labels 0 and 1 in turn."""
    usage = [name for name, count in counts.items() for _ in range(count)]
    return [(1 + i, i % 2, name) for i, name in enumerate(usage)]


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [({A: 70}, {B, C}), ({A: 70, B: 4}, {C}), ({A: 70, C: 4}, {B}), ({A: 7, B: 4, C: 4}, set())],
    ids=["both", "PrivateTest", "PublicTest", "none"],
)
def test_missing_splits_come_from_the_training_rows(
    counts: dict[str, int], drawn: set[str], draw: Callable[..., FaceDataset]
) -> None:
    faces = draw(*rows_of(**counts))
    before = replace(faces, usage=np.array(faces.usage.tolist()))
    after = draw_missing_splits(before, seed=1)
    sizes = {usage: int((after.usage == usage).sum()) for usage in USAGES}
    part = counts[A] // PARTS
    assert sizes == counts | dict.fromkeys(drawn, part) | {A: counts[A] - part * len(drawn)}
    given = before.usage != A
    np.testing.assert_array_equal(after.usage[given], before.usage[given])
    np.testing.assert_array_equal(after.images, before.images)
    assert (after.digest == before.digest) == (not drawn)
    for usage in drawn:
        assert np.bincount(after.labels[after.usage == usage]).tolist() == [part // 2, part // 2]


def test_the_seed_draws(draw: Callable[..., FaceDataset]) -> None:
    faces = draw(*rows_of(Training=70))
    first, again, other = (draw_missing_splits(faces, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.usage, again.usage)
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize("chained", [False, True], ids=["each", "chained"])
def test_people_and_copies_stay_together(chained: bool, draw: Callable[..., FaceDataset]) -> None:
    faces = draw(*rows_of(Training=140))
    subjects = np.array([f"S{i % 70 // 2 * 2 + i % 2:03}" for i in range(140)])
    images = faces.images.copy()
    images[10], images[12] = images[41], images[41 if chained else 43]
    after = draw_missing_splits(replace(faces, images=images, subjects=subjects), seed=1)
    for subject in np.unique(subjects):
        assert len(set(after.usage[subjects == subject])) == 1
    assert after.usage[10] == after.usage[41]
    assert after.usage[12] == after.usage[41 if chained else 43]


@pytest.mark.parametrize(
    ("different", "subjects", "sentence"),
    [
        (LEAST, False, None),
        (LEAST - 1, False, f"drawn has {LEAST - 1} different pictures of disgust to divide .* {LEAST} a class"),
        (LEAST, True, "drawn has 2 people of angry to divide"),
    ],
    ids=["enough", "too few pictures", "too few people"],
)
def test_classes_that_cannot_be_divided_are_named(
    different: int, subjects: bool, sentence: str | None, draw: Callable[..., FaceDataset]
) -> None:
    rows = [(1 + i, 0, A) for i in range(20)] + [(50 + i % different, 1, A) for i in range(20)]
    faces = draw(*rows)
    if subjects:
        faces = replace(faces, subjects=np.array([f"S{i % 2}" for i in range(40)]))
    if sentence is None:
        drawn = draw_missing_splits(faces, seed=1)
        assert set(drawn.usage) == set(USAGES)
        assert ((drawn.labels == 1) & (drawn.usage == A)).sum() >= 5
    else:
        with pytest.raises(DatasetError, match=sentence):
            draw_missing_splits(faces, seed=1)
