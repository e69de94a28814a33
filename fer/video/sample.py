"""A short video that is always there, made of the sample photos: two people, a gap, a cut, and both together.

Knows nothing about what is done with it.
"""

import io
from collections.abc import Iterable
from typing import BinaryIO

import cv2
import numpy as np

from fer.samples import SAMPLES
from fer.video.encoding import VideoWriter

SAMPLE_NAME = "sample.mp4"
SAMPLE_WH = (640, 360)
SAMPLE_RATE = 15
SAMPLE_S = 12.0


def sample_video() -> bytes:
    """The sample video, an MP4 without sound; takes about a second.

    The astronaut until 4 s, an empty room until 5 s, after a cut the admiral until 8 s, and then both.

    Raises:
        MediaError: a sample photo is missing.
    """
    astronaut, admiral, both = (SAMPLES[name].load() for name in ("astronaut", "admiral", "two-faces"))

    def draw(time_s: float) -> np.ndarray:
        if time_s < 4:
            return _window(astronaut, 0.8 - 0.04 * time_s, (0.44, 0.24))
        if time_s < 5:
            return np.full((SAMPLE_WH[1], SAMPLE_WH[0], 3), (200, 190, 180), np.uint8)
        if time_s < 8:
            return _window(admiral, 0.95 + 0.01 * (time_s - 5), (0.5, 0.3))
        return _window(both, 0.95, (0.495 + 0.0025 * (time_s - 8), 0.5))

    file = io.BytesIO()
    times_s = np.arange(round(SAMPLE_S * SAMPLE_RATE)) / SAMPLE_RATE
    write_video(file, SAMPLE_WH, map(draw, times_s.tolist()), SAMPLE_RATE)
    return file.getvalue()


def write_video(file: BinaryIO, size_wh: tuple[int, int], pictures_bgr: Iterable[np.ndarray], rate: float) -> None:
    """Encode pictures at a constant rate, for samples and measurements; the file is opened "w+b" and stays open."""
    with VideoWriter(file, size_wh) as writer:
        for i, image_bgr in enumerate(pictures_bgr):
            writer.write(image_bgr, i / rate)


def _window(photo_bgr: np.ndarray, share: float, centre_xy: tuple[float, float]) -> np.ndarray:
    """A part of a photo in the sample's shape: so much of its width, around a place given in shares of the photo."""
    height, width = photo_bgr.shape[:2]
    scale = SAMPLE_WH[0] / (share * width)
    x, y = (centre * side for centre, side in zip(centre_xy, (width, height), strict=True))
    matrix = np.array([[scale, 0, SAMPLE_WH[0] / 2 - scale * x], [0, scale, SAMPLE_WH[1] / 2 - scale * y]])
    return cv2.warpAffine(photo_bgr, matrix, SAMPLE_WH, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
