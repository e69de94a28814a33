"""The order of names and of faces in the table of many photos."""

import numpy as np
import pytest

from fer.emotions import EMOTIONS
from fer.results import Face
from fer.ui.image.many import natural_key, reading_order


def _face(x: float, y: float, side: float = 20) -> Face:
    shares = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)
    return Face((x, y, side, side), (x, y, side, side), 1.0, shares, EMOTIONS)


@pytest.mark.parametrize(
    ("faces", "order"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param([_face(50, 0), _face(0, 5), _face(100, 8)], [1, 0, 2], id="one row"),
        pytest.param([_face(50, 60), _face(0, 0), _face(0, 65), _face(60, 4)], [1, 3, 2, 0], id="two rows"),
        pytest.param([_face(0, 0, 100), _face(200, 40), _face(150, 150)], [0, 1, 2], id="large and small"),
    ],
)
def test_faces_are_read_row_by_row(faces: list[Face], order: list[int]) -> None:
    assert reading_order(faces) == order


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["a1", "a2", "a10", "B1"], id="numbers"),
        pytest.param(["IMG 9.png", "img 10.png"], id="case"),
        pytest.param(["7", "10.png", "x"], id="numbers first"),
        pytest.param(["x/2.png", "x/10.png", "y/1.png"], id="folders"),
        pytest.param(["", "1" * 5000], id="nothing and much"),
        pytest.param(["\u00b2", "\u0665"], id="digits of other scripts"),
    ],
)
def test_names_stand_as_people_count(names: list[str]) -> None:
    keys = [natural_key(name) for name in names]
    assert keys == sorted(keys)
    assert len({str(key) for key in keys}) == len(names)
