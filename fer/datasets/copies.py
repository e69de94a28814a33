"""Which pictures are the same, byte for byte.

Works on arrays alone; knows nothing about files, labels or pages.
"""

import hashlib

import numpy as np


def copies_in(images_a: np.ndarray, images_b: np.ndarray) -> np.ndarray:
    """Find the pictures of one set that are also in another.

    Args:
        images_a: uint8 of shape (n, height, width); n may be 0.
        images_b: uint8 of shape (m, height, width); pictures of another size are never identical.

    Returns:
        bool of shape (n,): True where some picture of `images_b` has the same pixels.
    """
    if images_a.shape[1:] != images_b.shape[1:]:
        return np.zeros(len(images_a), bool)
    known = {image.tobytes() for image in images_b}
    return np.fromiter((image.tobytes() in known for image in images_a), bool, len(images_a))


def first_copies(images: np.ndarray) -> np.ndarray:
    """Find for every picture the first one with the same pixels.

    Args:
        images: uint8 of shape (n, height, width); n may be 0.

    Returns:
        int64 of shape (n,), positions: a picture's own where it comes first, so equal numbers mean equal pictures.
    """
    seen: dict[bytes, int] = {}
    # Digests, since the pixels would fill 80 MB.
    digests = (hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images)
    return np.fromiter((seen.setdefault(digest, i) for i, digest in enumerate(digests)), np.int64, len(images))


def is_constant(images: np.ndarray) -> np.ndarray:
    """Find the pictures whose pixels all have one value.

    Args:
        images: uint8 of shape (n, height, width); n may be 0.

    Returns:
        bool of shape (n,).
    """
    return images.min(axis=(1, 2), initial=255) == images.max(axis=(1, 2), initial=0)
