"""A detector's boxes -> the squares that a network is shown, and the pixels under a square -> a patch.

How tightly a face is framed moves accuracy by many points, so the framing is derived from the training faces
(`fer.evaluation.framing`) and kept in the model's card. Knows nothing about networks or detectors.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from fer.results import BoxXYWH, Detections, Fault


@dataclass(frozen=True)
class Framing:
    """How the square that a network is shown follows from a detector's box.

    The side is `scale` times the square root of the box's area; the centre is the box's centre, moved by `offset_xy`
    times that square root.
    """

    scale: float
    offset_xy: tuple[float, float]

    def __post_init__(self) -> None:
        if not 0.2 <= self.scale <= 5 or not all(-1 <= v <= 1 for v in self.offset_xy):
            raise ValueError(f"A framing needs a scale of 0.2 to 5 and offsets of -1 to 1, but has {self}.")

    def squares(self, boxes_xywh: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Turn boxes into the squares to cut out.

        Args:
            boxes_xywh: float of shape (n, 4), pixels.
            margin: widens every side by this share; 0 frames a face as the training faces were framed.

        Returns:
            float32 of shape (n, 4), pixels; may reach past the border.
        """
        boxes = np.asarray(boxes_xywh, np.float64).reshape(-1, 4)
        reach = np.sqrt(boxes[:, 2] * boxes[:, 3])
        centres = boxes[:, :2] + boxes[:, 2:] / 2 + reach[:, None] * np.asarray(self.offset_xy)
        sides = reach * self.scale * (1 + margin)
        return np.column_stack([centres - sides[:, None] / 2, sides, sides]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Crops:
    """The faces of one picture, cut out and judged: all that a network and its reading need, without the picture.

    A few kilobytes a face, so those of many pictures can wait until a network reads them together.

    Attributes:
        detections: the faces, n of them; may be none.
        squares_xywh: float32 of shape (n, 4), pixels of the picture: where each was cut out; may reach past the border.
        patches: uint8 of shape (n, size, size), grey, in the order of the detections.
        quality: what is wrong with each of them; empty where nothing is.
        size_wh: of the picture, pixels.
    """

    detections: Detections
    squares_xywh: np.ndarray
    patches: np.ndarray
    quality: tuple[tuple[Fault, ...], ...]
    size_wh: tuple[int, int]

    def __post_init__(self) -> None:
        counts = {len(part) for part in (self.detections, self.squares_xywh, self.patches, self.quality)}
        if len(counts) != 1:
            raise ValueError(f"Crops need a square, a patch and a judgement a face, but have {counts} of them.")

    def __len__(self) -> int:
        return len(self.patches)


def cut_square(image_bgr: np.ndarray, square_xywh: BoxXYWH, size: int) -> np.ndarray:
    """Cut one square out of a picture, at a size of one's own.

    Shrinking averages over the pixels that fall together, so that a large face looks as smooth as the small ones that
    networks are trained on; growing interpolates.

    Args:
        image_bgr: uint8 of shape (height, width, 3).
        square_xywh: pixels, width equal to height; may reach past the border, which is replicated.
        size: side of the patch in pixels.

    Returns:
        uint8 of shape (size, size, 3), blue first.
    """
    x, y, side, _ = square_xywh
    height, width = image_bgr.shape[:2]
    reach = side * 0.1
    left, right = _span(x, side, reach, width)
    top, bottom = _span(y, side, reach, height)
    part = image_bgr[top:bottom, left:right]
    step = side / size
    ratio_x = ratio_y = 1.0
    if step > 2:
        small_wh = (max(1, round(part.shape[1] * 2 / step)), max(1, round(part.shape[0] * 2 / step)))
        ratio_x, ratio_y = part.shape[1] / small_wh[0], part.shape[0] / small_wh[1]
        part = cv2.resize(part, small_wh, interpolation=cv2.INTER_AREA)
    fine = 2 if step > 1 else 1
    step /= fine
    matrix = np.array(
        [
            [step / ratio_x, 0, (x - left + step / 2) / ratio_x - 0.5],
            [0, step / ratio_y, (y - top + step / 2) / ratio_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(part, matrix, (size * fine, size * fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return patch if fine == 1 else cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)


def _span(start: float, side: float, reach: float, limit: int) -> tuple[int, int]:
    """The whole pixels of one axis that a square needs; at least one, inside the picture."""
    low = min(max(math.floor(start - reach), 0), limit - 1)
    return low, min(max(math.ceil(start + side + reach), low + 1), limit)


def crop_faces(image_bgr: np.ndarray, squares_xywh: np.ndarray, size: int) -> np.ndarray:
    """Cut every face out as a square grey patch.

    Args:
        image_bgr: uint8 of shape (height, width, 3).
        squares_xywh: float of shape (n, 4), pixels, width equal to height; may reach past the border, which is
            replicated.
        size: side of the patches in pixels; the model card's `crop_size`.

    Returns:
        uint8 of shape (n, size, size); n may be 0.
    """
    crops = np.empty((len(squares_xywh), size, size), np.uint8)
    for crop, square in zip(crops, np.asarray(squares_xywh, np.float64), strict=True):
        cv2.cvtColor(cut_square(image_bgr, tuple(square), size), cv2.COLOR_BGR2GRAY, dst=crop)
    return crops
