"""What the network is shown: where the square lies, and which pixels end up in the patch."""

import numpy as np
import pytest

from fer.crops import Framing, crop_faces, cut_square


@pytest.mark.parametrize(
    ("framing", "boxes", "margin", "expected"),
    [
        pytest.param(Framing(1.2, (0, 0)), np.zeros((0, 4)), 0, np.zeros((0, 4)), id="no box"),
        pytest.param(Framing(1, (0, 0)), [[10, 20, 40, 40]], 0, [[10, 20, 40, 40]], id="square box, as it is"),
        pytest.param(Framing(1, (0, 0)), [[0, 0, 20, 80]], 0, [[-10, 20, 40, 40]], id="same area as the box"),
        pytest.param(Framing(1.5, (0, 0)), [[10, 10, 40, 40]], 0, [[0, 0, 60, 60]], id="scaled about its centre"),
        pytest.param(Framing(1, (0.1, -0.25)), [[10, 10, 40, 40]], 0, [[14, 0, 40, 40]], id="moved"),
        pytest.param(Framing(1, (0, 0)), [[10, 10, 40, 40]], 0.5, [[0, 0, 60, 60]], id="margin widens"),
    ],
)
def test_squares_follow_from_boxes(framing, boxes, margin, expected):
    np.testing.assert_allclose(framing.squares(np.array(boxes, float), margin), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        pytest.param(0, (0, 0), id="no size"),
        pytest.param(float("nan"), (0, 0), id="scale is no number"),
        pytest.param(1, (2, 0), id="beside the face"),
    ],
)
def test_impossible_framings_are_refused(scale, offset):
    with pytest.raises(ValueError, match="framing needs"):
        Framing(scale, offset)


def _ramp(height, width):
    """A picture whose blue tells the column and whose green tells the row."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.dstack([columns, rows, np.zeros_like(rows)])


def test_a_square_at_its_own_size_is_copied_pixel_by_pixel():
    image = _ramp(100, 120)
    np.testing.assert_array_equal(cut_square(image, (10, 20, 48, 48), 48), image[20:68, 10:58])


@pytest.mark.parametrize("side", [24, 60, 96, 150, 240])
def test_other_sizes_keep_the_place(side):
    """Whatever the scale, the patch's middle is the square's middle and its corners are the square's corners."""
    patch = cut_square(_ramp(250, 250), (5, 3, side, side), 48).astype(float)
    step = side / 48
    for i in (3, 24, 44):
        middle = (i + 0.5) * step - 0.5
        assert patch[24, i, 0] == pytest.approx(5 + middle, abs=1)
        assert patch[i, 24, 1] == pytest.approx(3 + middle, abs=1)


@pytest.mark.parametrize(
    "square",
    [
        pytest.param((-30, -30, 60, 60), id="past the corner"),
        pytest.param((-500, -500, 50, 50), id="wholly outside"),
        pytest.param((-40, 10, 400, 400), id="larger than the picture"),
    ],
)
def test_the_border_is_replicated(square):
    patch = cut_square(np.full((80, 80, 3), 90, np.uint8), square, 48)
    assert (patch == 90).all()


def test_shrinking_averages_instead_of_skipping_pixels():
    """A checkerboard of single pixels becomes its mean; picking single pixels would keep black and white."""
    board = np.indices((480, 480)).sum(axis=0) % 2 * 255
    patch = cut_square(np.dstack([board] * 3).astype(np.uint8), (0, 0, 480, 480), 48)
    assert np.abs(patch[2:-2, 2:-2].astype(float) - 127.5).max() < 4


def test_crops_are_grey_and_in_order():
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, 50:] = (255, 0, 0)
    crops = crop_faces(image, np.array([[50, 0, 50, 50], [0, 0, 50, 50]]), 10)
    assert crops.shape == (2, 10, 10)
    assert crops[0].min() == 29  # the weight of blue in grey
    assert crops[1].max() == 0


def test_no_square_gives_no_crop():
    assert crop_faces(_ramp(10, 10), np.zeros((0, 4)), 48).shape == (0, 48, 48)
