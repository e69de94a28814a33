"""A clip of faces whose every picture bears its number, to see which of them come back.

The number stands in a strip of black and white fields at the lower border.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from fer.samples import SAMPLES

WIDTH, HEIGHT, RATE = 640, 480, 15
PICTURES = 128
"""How many pictures the clip has before it begins again."""

STRIP = 24
"""Height of the strip with the picture's number, pixels; it lies at the lower border."""

_BITS = (PICTURES - 1).bit_length()
FIELDS = 2 + 2 * _BITS
"""White, the bits from the lowest on, the same inverted, black: it tells its direction, and a blend of two numbers is
none."""


def fields_of(number: int) -> list[int]:
    """What stands in the strip of a picture: `FIELDS` times 0 for black or 1 for white."""
    bits = [number >> i & 1 for i in range(_BITS)]
    return [1, *bits, *(1 - bit for bit in bits), 0]


def number_of(fields: Sequence[int]) -> int | None:
    """The number that a strip shows, in a mirror or not; None where it shows none."""
    fields = fields[::-1] if fields[0] == 0 else fields
    bits, inverted = fields[1 : 1 + _BITS], fields[1 + _BITS : -1]
    if fields[0] != 1 or fields[-1] != 0 or any(bit == other for bit, other in zip(bits, inverted, strict=True)):
        return None
    return sum(bit << i for i, bit in enumerate(bits))


def picture(number: int, faces: int) -> np.ndarray:
    """One picture of the clip: sample faces that sway, and the strip with its number.

    Args:
        number: from 0 to `PICTURES` - 1.
        faces: 1 or 4.

    Returns:
        uint8 of shape (HEIGHT, WIDTH, 3), blue first.
    """
    still_bgr = _still(faces)
    angle = 2 * np.pi * number / PICTURES
    shift = np.array([[1, 0, 12 * np.sin(3 * angle)], [0, 1, 6 * np.sin(5 * angle)]], np.float32)
    image_bgr = cv2.warpAffine(still_bgr, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    image_bgr[-STRIP:] = np.repeat(fields_of(number), WIDTH // FIELDS)[None, :, None] * 255
    return image_bgr


@cache
def _still(faces: int) -> np.ndarray:
    astronaut_bgr = SAMPLES["astronaut"].load()
    if faces == 1:
        still_bgr = cv2.copyMakeBorder(astronaut_bgr, 0, 0, 85, 85, cv2.BORDER_REPLICATE)
    else:
        admiral_bgr = SAMPLES["admiral"].load()[30:360, 60:500]
        pair = [cv2.resize(photo, (320, 240)) for photo in (astronaut_bgr[:330, 10:450], admiral_bgr)]
        still_bgr = cv2.vconcat([cv2.hconcat(pair), cv2.hconcat(pair[::-1])])
    return cv2.resize(still_bgr, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def write_clip(file: Path, faces: int) -> Path:
    """Write the clip as YUV4MPEG2, which Chromium plays at the rate that it states, over and over."""
    with file.open("wb") as clip:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(PICTURES):
            clip.write(b"FRAME\n" + cv2.cvtColor(picture(number, faces), cv2.COLOR_BGR2YUV_I420).tobytes())
    return file
