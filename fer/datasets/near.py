"""Which pictures are nearly the same.

Works on arrays alone; knows nothing about files, labels or pages.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

NEAR_CORRELATION = 0.98
"""Least correlation of two small patches that makes their pictures near copies."""

PATCH_SIDE = 24
"""Side of the patches that are compared, pixels."""

_WAVES = 6
_ROWS_A, _ROWS_B = 1024, 8192
_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Pictures that are nearly the same.

    Attributes:
        a, b: int64 of shape (pairs,), positions with a < b, in ascending order.
        correlation: float32 of shape (pairs,), of their patches, in [-1, 1].
    """

    a: np.ndarray
    b: np.ndarray
    correlation: np.ndarray

    def __len__(self) -> int:
        return len(self.a)


def near_pairs(images: np.ndarray, among: np.ndarray, progress: Callable[[float], None] | None = None) -> NearPairs:
    """Find all pairs of pictures whose patches of `PATCH_SIDE` pixels correlate by more than `NEAR_CORRELATION`.

    Patches of mean 0 and length 1 that correlate by c lie sqrt(2 - 2c) apart, and what they hold in slow waves (the
    first terms of a cosine transform, an orthogonal projection) no further. So a product of small matrices finds the
    candidates and misses none; those are then compared in full.

    Args:
        images: uint8 of shape (n, height, width).
        among: int64, ascending positions of the pictures to compare, all different; may be empty. A picture of one grey
            level is near to none.
        progress: called with the share that is done, in [0, 1]; what it raises ends the search.
    """
    patches = _patches(images, among)
    turns = np.outer(np.arange(_WAVES), np.arange(PATCH_SIDE) + 0.5) / PATCH_SIDE
    waves = np.cos(np.pi * turns).astype(np.float32)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    short = patches @ np.kron(waves, waves).T
    half = (short * short).sum(axis=1, keepdims=True) / 2
    ones = np.ones_like(half)
    left, right = np.hstack([short, -half, -ones]), np.hstack([short, ones, half])  # their product: -distance² / 2
    found_a, found_b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(patches), _ROWS_A):
        for other in range(start, len(patches), _ROWS_B):
            closeness = left[start : start + _ROWS_A] @ right[other : other + _ROWS_B].T
            a, b = np.nonzero(closeness > NEAR_CORRELATION - 1 - _ROUNDING)
            a, b = a + start, b + other
            found_a.append(a[a < b])
            found_b.append(b[a < b])
        if progress is not None:
            progress(1 - (1 - min(1.0, (start + _ROWS_A) / len(patches))) ** 2)
    a, b = np.concatenate(found_a), np.concatenate(found_b)
    correlation = np.einsum("ij,ij->i", patches[a], patches[b])
    near = correlation > NEAR_CORRELATION
    order = np.lexsort((b[near], a[near]))
    return NearPairs(among[a[near][order]], among[b[near][order]], correlation[near][order])


def _patches(images: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Shrink pictures to float32 of shape (n, PATCH_SIDE²), mean 0 and length 1; all zeros where one is constant."""
    patches = np.empty((len(among), PATCH_SIDE * PATCH_SIDE), np.float32)
    for patch, position in zip(patches, among, strict=True):
        patch[:] = cv2.resize(images[position], (PATCH_SIDE, PATCH_SIDE), interpolation=cv2.INTER_AREA).ravel()
        patch -= patch.mean()
        length = float(np.linalg.norm(patch))
        patch *= 1 / length if length >= 1 else 0
    return patches
