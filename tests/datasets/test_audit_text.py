"""The audit in words."""

from collections.abc import Callable

import numpy as np
import pytest

from fer.datasets import BadRow, FaceDataset
from fer.datasets.audit import audit
from fer.datasets.audit_text import render_audit

A, B, C = "Training", "PublicTest", "PrivateTest"


@pytest.mark.parametrize(
    ("rows", "changes", "lines"),
    [
        (
            [],
            {},
            ["drawn, 0 rows", "Distinct pictures   0 of 0", "No row at all: angry, disgust,", "Rows to leave out   0"],
        ),
        (
            [(1, 0, A), (1, 0, C), (2, 3, C)],
            {"bad_rows": (BadRow(4, "it breaks a rule"),)},
            [
                "drawn, 3 rows, digest ",
                "Rows that cannot be read: 1",
                "Distinct pictures   2 of 3",
                "Exact copies        1 PrivateTest in Training",
                "Near copies         0 PrivateTest in Training",
                "Repeated in         0 Training",
                "Conflicting labels  groups of copies: 0, rows: 0",
                "Rows to leave out   1, so that every face comes once",
                "       1  copy in a later split",
            ],
        ),
        (
            [(0, 0, A), (0, 3, A)],
            {},
            [
                "Blank pictures      2: 1, 2",
                "Without them        conflicting groups: 0",
                "groups of copies: 1, rows: 2",
            ],
        ),
        ([(0, 0, A)] * 25, {}, ["Blank pictures      25: 1, 2, 3", "19, 20, ...\n"]),
        (
            [(1, 0, A), (2, 0, B)],
            {"subjects": np.array(["S1", "S1"])},
            ["People in 2+ splits 1: S1"],
        ),
        ([(1, 0, A)], {"name": "ckplus"}, ["differ from the published ones:\n  all angry: 1 instead of 45"]),
    ],
    ids=["empty", "copies", "blank", "many blank", "people", "published"],
)
def test_every_finding_has_its_line(
    rows: list, changes: dict, lines: list[str], draw: Callable[..., FaceDataset]
) -> None:
    text = render_audit(audit(draw(*rows, **changes)))
    assert [line for line in lines if line not in text] == []
    assert "No face" not in text
