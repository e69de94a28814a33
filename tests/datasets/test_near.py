"""Which pictures are nearly the same, against comparing every two."""

import cv2
import numpy as np
import pytest

from fer.datasets import near
from fer.datasets.near import NEAR_CORRELATION, PATCH_SIDE, near_pairs


def _every_pair(images: np.ndarray) -> dict[tuple[int, int], float]:
    """All near pairs, by correlating every two patches."""
    patches = [cv2.resize(image, (PATCH_SIDE, PATCH_SIDE), interpolation=cv2.INTER_AREA).ravel() for image in images]
    varied = [i for i, patch in enumerate(patches) if np.ptp(patch) > 0]
    pairs = {(a, b): float(np.corrcoef(patches[a], patches[b])[0, 1]) for a in varied for b in varied if a < b}
    return {pair: correlation for pair, correlation in pairs.items() if correlation > NEAR_CORRELATION}


@pytest.mark.parametrize("side", [24, 48, 30, 8], ids=["as large", "halved", "shrunk", "enlarged"])
@pytest.mark.parametrize("rows_a", [1, 7, 1024], ids=["a row a block", "small blocks", "one block"])
def test_near_pairs_are_those_of_comparing_all(rows_a: int, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_ROWS_A", rows_a)
    monkeypatch.setattr(near, "_ROWS_B", 2 * rows_a + 1)
    rng = np.random.default_rng(side)
    # Smooth pictures, whose correlations reach close to the limit from both sides.
    coarse = rng.integers(0, 256, (6, 5, 5)).astype(np.float32)
    smooth = [cv2.resize(coarse[i % 6], (side, side)) + rng.normal(0, 1 + i / 2, (side, side)) for i in range(24)]
    images = np.clip([*smooth, np.full((side, side), 9)], 0, 255).astype(np.uint8)
    expected = _every_pair(images)
    found = near_pairs(images, np.arange(len(images)))
    assert 6 < len(expected) < 100
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(found.correlation, [expected[pair] for pair in sorted(expected)], atol=1e-5)


@pytest.mark.parametrize("levels", [[], [3], [3, 4, 5]], ids=["empty", "one constant", "several constant"])
def test_pictures_without_near_pairs(levels: list[int]) -> None:
    images = np.full((len(levels), 4, 4), 0, np.uint8) + np.array(levels, np.uint8)[:, None, None]
    assert len(near_pairs(images, np.arange(len(images)))) == 0


def test_negative_and_brighter_picture() -> None:
    picture = np.random.default_rng(0).integers(50, 150, (24, 24), np.uint8)
    found = near_pairs(np.stack([picture, 255 - picture, picture + 100]), np.arange(3))
    assert (found.a.tolist(), found.b.tolist()) == ([0], [2])


def test_search_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_ROWS_A", 2)
    images = np.random.default_rng(0).integers(0, 256, (9, 24, 24), np.uint8)
    shares: list[float] = []
    near_pairs(images, np.arange(9), shares.append)
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (5, 1.0)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        near_pairs(images, np.arange(9), stop)


def test_only_some_pictures_are_compared() -> None:
    picture = np.random.default_rng(0).integers(50, 150, (24, 24), np.uint8)
    images = np.stack([picture, picture + 1, 255 - picture, picture + 9])
    found = near_pairs(images, np.array([1, 2, 3]))
    assert (found.a.tolist(), found.b.tolist()) == ([1], [3])
