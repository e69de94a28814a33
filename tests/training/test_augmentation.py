"""What a network is shown: the served view where nothing is changed, and only what was asked for where it is."""

import cv2
import numpy as np
import pytest

from fer.training.augmentation import augment, centre, normalise
from fer.training.config import AugmentationConfig

NOTHING = AugmentationConfig(rotation_degrees=0, scale=(1, 1), shift_pixels=0, gamma=0, erase_probability=0)


def draw(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 48, 48), dtype=np.uint8)


def show(
    images: np.ndarray, config: AugmentationConfig, mirrored: bool = False, size: int = 44, seed: int = 0
) -> np.ndarray:
    return augment(images, np.full(len(images), mirrored), 44, size, config, np.random.default_rng(seed))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_an_unchanged_face_is_the_served_view(n: int) -> None:
    served = centre(draw(n), 44)
    assert served.shape == (n, 44, 44, 1)
    np.testing.assert_allclose(show(draw(n), NOTHING), served, atol=1e-5)


def test_a_mirrored_face_is_the_mirror_image() -> None:
    np.testing.assert_allclose(show(draw(2), NOTHING, mirrored=True), centre(draw(2), 44)[:, :, ::-1], atol=1e-5)


def test_smaller_sizes_show_the_same_view() -> None:
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), 4) for image in draw(2)])
    small = show(smooth, NOTHING, size=22)
    shrunk = np.stack([cv2.resize(image, (22, 22), interpolation=cv2.INTER_AREA) for image in smooth[:, 2:46, 2:46]])
    np.testing.assert_allclose(small, normalise(shrunk), atol=0.1)


@pytest.mark.parametrize(
    ("config", "matrix"),
    [
        (AugmentationConfig(0, (2, 2), 0, 0, 0), cv2.getRotationMatrix2D((23.5, 23.5), 0, 2)),
        (AugmentationConfig(0, (0.5, 0.5), 0, 0, 0), cv2.getRotationMatrix2D((23.5, 23.5), 0, 0.5)),
    ],
    ids=["nearer", "farther"],
)
def test_zoom_is_about_the_middle(config: AugmentationConfig, matrix: np.ndarray) -> None:
    zoomed = cv2.warpAffine(draw(1)[0], matrix, (48, 48), borderMode=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(show(draw(1), config), centre(zoomed[None], 44), atol=0.05)


@pytest.mark.parametrize(
    "config",
    [
        AugmentationConfig(10, (1, 1), 0, 0, 0),
        AugmentationConfig(0, (0.8, 1.2), 0, 0, 0),
        AugmentationConfig(0, (1, 1), 4, 0, 0),
        AugmentationConfig(0, (1, 1), 0, 0.5, 0),
        AugmentationConfig(0, (1, 1), 0, 0, 1),
    ],
    ids=["rotation", "scale", "shift", "gamma", "erasing"],
)
def test_each_change_changes_every_face_and_comes_from_the_generator(config: AugmentationConfig) -> None:
    changed = show(draw(3), config)
    assert (np.abs(changed - show(draw(3), NOTHING)).max(axis=(1, 2, 3)) > 0.01).all()
    assert not np.array_equal(changed, show(draw(3), config, seed=1))
    np.testing.assert_array_equal(changed, show(draw(3), config))


def test_erasing_leaves_the_rest_of_the_face_alone() -> None:
    images = draw(20)
    changed = show(images, AugmentationConfig(0, (1, 1), 0, 0, 1)) != show(images, NOTHING)
    for mask in changed[..., 0]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 0.01 < mask.mean() < 0.25


@pytest.mark.parametrize("level", [0, 255], ids=["black", "white"])
def test_flat_faces_stay_finite(level: int) -> None:
    assert not normalise(np.full((1, 44, 44), level, np.uint8)).any()
