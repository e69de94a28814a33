"""Which pictures are the same."""

import numpy as np
import pytest

from fer.datasets import copies_in
from fer.datasets.copies import first_copies, is_constant


def _images(*values: int, side: int = 2) -> np.ndarray:
    return np.array([np.full((side, side), value) for value in values], np.uint8).reshape(-1, side, side)


@pytest.mark.parametrize(
    ("images_a", "images_b", "expected"),
    [
        (_images(), _images(), []),
        (_images(), _images(1), []),
        (_images(1, 2), _images(), [False, False]),
        (_images(1, 2, 3, 2), _images(2, 4), [False, True, False, True]),
        (_images(1), _images(1, side=4), [False]),
        (_images(7).reshape(1, 1, 4), _images(7), [False]),
        (np.array([[[0, 1], [2, 3]]], "u1"), np.array([[[0, 2], [1, 3]]], "u1"), [False]),
        (np.array([[[0, 1], [2, 3]]], "u1"), np.asfortranarray([[[0, 1], [2, 3]]]).astype("u1", order="F"), [True]),
    ],
    ids=[
        "both empty",
        "nothing to look for",
        "nothing to find",
        "some",
        "another size",
        "another shape",
        "same values turned",
        "another memory layout",
    ],
)
def test_copies_in(images_a: np.ndarray, images_b: np.ndarray, expected: list[bool]) -> None:
    found = copies_in(images_a, images_b)
    assert (found.dtype, found.tolist()) == (np.dtype(bool), expected)


@pytest.mark.parametrize(
    ("images", "first"),
    [
        (_images(), []),
        (_images(3), [0]),
        (_images(3, 4, 3, 3, 4, 5), [0, 1, 0, 0, 1, 5]),
        (np.array([[[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0, 1], [2, 3]]], "u1"), [0, 1, 0]),
    ],
    ids=["empty", "one", "several", "same values elsewhere"],
)
def test_first_copies(images: np.ndarray, first: list[int]) -> None:
    found = first_copies(images)
    assert (found.dtype, found.tolist()) == (np.int64, first)


@pytest.mark.parametrize(
    ("images", "constant"),
    [
        (_images(), []),
        (_images(0, 9, 255), [True, True, True]),
        (np.array([[[7, 7], [7, 8]], [[8, 7], [7, 7]], [[7, 7], [7, 7]]], "u1"), [False, False, True]),
    ],
    ids=["empty", "levels", "one pixel differs"],
)
def test_pictures_of_one_level(images: np.ndarray, constant: list[bool]) -> None:
    assert is_constant(images).tolist() == constant
