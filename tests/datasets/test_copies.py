"""Which pictures are in two sets at once."""

import numpy as np
import pytest

from fer.datasets import copies_in


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
