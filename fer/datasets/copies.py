"""Which pictures are in two sets at once, byte for byte.

Works on arrays alone; knows nothing about files, labels or pages.
"""

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
