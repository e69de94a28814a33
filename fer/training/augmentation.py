"""Grey faces -> what a network is shown: normalised, and while training changed at random.

Arrays in, arrays out; knows nothing about networks. The centre of every face is shown, as a model card's `input`
says; the same random generator gives the same result.
"""

import cv2
import numpy as np

from fer.training.config import AugmentationConfig

EPSILON = 8.0
"""Added to the standard deviation, in grey levels, so that flat images do not blow up; a model card's `epsilon`."""


def normalise(images: np.ndarray) -> np.ndarray:
    """Shift and scale every image by its own mean and deviation.

    Args:
        images: uint8 or float of shape (n, size, size), grey levels.

    Returns:
        float32 of shape (n, size, size, 1): (image - mean) / (standard deviation + `EPSILON`).
    """
    images = images.astype(np.float32)
    means, deviations = images.mean(axis=(1, 2), keepdims=True), images.std(axis=(1, 2), keepdims=True)
    return ((images - means) / (deviations + EPSILON))[..., None]


def centre(images: np.ndarray, size: int) -> np.ndarray:
    """Show faces as they are served: the centre of side `size`, normalised.

    Args:
        images: uint8 of shape (n, side, side), grey, side at least `size`.

    Returns:
        float32 of shape (n, size, size, 1).
    """
    edge = (images.shape[1] - size) // 2
    return normalise(images[:, edge : edge + size, edge : edge + size])


def augment(
    images: np.ndarray,
    mirrored: np.ndarray,
    view: int,
    size: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Show faces turned, zoomed, shifted and mirrored in one resampling, then in worse light and quality, and covered.

    Args:
        images: uint8 of shape (n, side, side), grey.
        mirrored: bool of shape (n,), which to mirror.
        view: side of the centre that an unchanged face would show, pixels.
        size: side of the result, pixels; smaller than `view` shrinks.
        config: how far.
        rng: where chance comes from.

    Returns:
        float32 of shape (n, size, size, 1), normalised.
    """
    n, middle = len(images), (images.shape[1] - 1) / 2
    angles = np.deg2rad(rng.uniform(-config.rotation_degrees, config.rotation_degrees, n))
    steps = view / size / rng.uniform(*config.scale, n)
    shifts = rng.uniform(-config.shift_pixels, config.shift_pixels, (n, 2))
    exponents = np.exp(rng.uniform(-config.gamma, config.gamma, n))
    cosines, sines = np.cos(angles) * steps, np.sin(angles) * steps
    turns = np.stack([np.stack([cosines, -sines], -1), np.stack([sines, cosines], -1)], 1)
    turns[mirrored, :, 0] *= -1
    offsets = middle + shifts - turns @ np.full(2, (size - 1) / 2)
    patches = np.empty((n, size, size), np.uint8)
    for patch, image, turn, offset in zip(patches, images, turns, offsets, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        matrix = np.column_stack([turn, offset])
        cv2.warpAffine(image, matrix, (size, size), patch, flags, borderMode=cv2.BORDER_REPLICATE)
    _degrade(patches, config, rng)
    exponents = exponents[:, None, None]
    if config.side_light:
        exponents = exponents * np.exp(_light(n, size, config.side_light, rng))
    has_light = config.gamma or config.side_light
    shades = 255 * (patches.astype(np.float32) / 255) ** exponents if has_light else patches
    shown = normalise(shades)
    for index in np.flatnonzero(rng.random(n) < config.erase_probability):
        _erase(shown[index], rng)
    return shown


def _light(n: int, size: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """float32 (n, size, size): slopes across the pictures, each in its own direction, `strength` at most."""
    across = np.linspace(-1, 1, size, dtype=np.float32)
    angles, heights = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, strength, n)
    slope_x, slope_y = (heights * np.cos(angles)).astype(np.float32), (heights * np.sin(angles)).astype(np.float32)
    return slope_x[:, None, None] * across + slope_y[:, None, None] * across[:, None]


def _degrade(patches: np.ndarray, config: AugmentationConfig, rng: np.random.Generator) -> None:
    """Let some pictures look as if a worse camera had taken them, in place."""
    n, size = len(patches), patches.shape[1]
    if config.shrink_probability:
        for index in np.flatnonzero(rng.random(n) < config.shrink_probability):
            side = max(8, round(size * rng.uniform(0.4, 0.9)))
            small = cv2.resize(patches[index], (side, side), interpolation=cv2.INTER_AREA)
            cv2.resize(small, (size, size), patches[index], interpolation=cv2.INTER_LINEAR)
    if config.blur_probability:
        for index in np.flatnonzero(rng.random(n) < config.blur_probability):
            cv2.GaussianBlur(patches[index], (0, 0), rng.uniform(0.3, 1.1), patches[index])
    if config.jpeg_probability:
        for index in np.flatnonzero(rng.random(n) < config.jpeg_probability):
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 81))]
            patches[index] = cv2.imdecode(cv2.imencode(".jpg", patches[index], quality)[1], cv2.IMREAD_GRAYSCALE)


def mix(
    shown: np.ndarray, targets: np.ndarray, weights: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mix every face of a batch, its target and its weight with another's, by one share for the batch (mixup)."""
    share, other = np.float32(rng.beta(alpha, alpha)), rng.permutation(len(shown))
    faces, aims, counts = (share * array + (1 - share) * array[other] for array in (shown, targets, weights))
    return faces, aims, counts


def _erase(image: np.ndarray, rng: np.random.Generator) -> None:
    """Replace a rectangle of 2 to 20 % by noise, in place (Zhong et al., 2017, arXiv:1708.04896)."""
    size = len(image)
    area, ratio = rng.uniform(0.02, 0.2) * size**2, np.exp(rng.uniform(-1.2, 1.2))
    height, width = (int(np.clip(round(side), 1, size)) for side in (np.sqrt(area * ratio), np.sqrt(area / ratio)))
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    image[top : top + height, left : left + width] = rng.normal(size=(height, width, 1))
