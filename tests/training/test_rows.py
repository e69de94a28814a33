"""Which rows are learned from, and that every other one is counted."""

import numpy as np
import pytest

from fer.training.rows import training_rows
from tests.training.conftest import draw_faces


def test_no_rows_are_no_rows() -> None:
    assert len(training_rows(draw_faces({}), clean=True)) == 0


@pytest.mark.parametrize(
    ("copies", "clean", "kept", "counts"),
    [
        ({}, False, [0, 1, 2, 3, 4, 5, 6, 7], (0, 0, 0, 0)),
        ({7: 0}, False, [0, 1, 2, 3, 4, 5, 6], (0, 0, 1, 0)),
        ({1: 0}, False, [2, 3, 4, 5, 6, 7], (0, 2, 0, 0)),
        ({1: 0, 7: 0}, False, [2, 3, 4, 5, 6], (0, 3, 0, 0)),
        ({3: None}, False, [0, 1, 2, 4, 5, 6, 7], (1, 0, 0, 0)),
        ({8: 2, 9: 2}, False, [0, 1, 2, 3, 4, 5, 6, 7], (0, 0, 0, 0)),
        ({8: 2, 9: 2}, True, [0, 1, 3, 4, 5, 6, 7], (0, 0, 0, 1)),
        ({8: 7, 7: 0}, True, [1, 2, 3, 4, 5, 6], (0, 0, 1, 1)),
    ],
    ids=["all differ", "copy", "conflict", "conflict and copy", "blank", "test copies", "clean", "clean copy"],
)
def test_rows_left_out_are_counted(
    copies: dict[int, int | None], clean: bool, kept: list[int], counts: tuple[int, int, int, int]
) -> None:
    faces = draw_faces({"Training": 8, "PublicTest": 1, "PrivateTest": 1})
    images = faces.images.copy()
    for target, source in sorted(copies.items()):
        images[target] = 9 if source is None else images[source]
    rows = training_rows(type(faces)(**{**vars(faces), "images": images}), clean)
    np.testing.assert_array_equal(rows.index, kept)
    assert (rows.blank, rows.conflicting, rows.repeated, rows.in_tests) == counts
