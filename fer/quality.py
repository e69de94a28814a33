"""A face's crop and landmarks -> what is wrong: too small, cut off by the border, too dark or bright, blurred, turned.

Says what the picture lacks, not whether the reading is right. Where a threshold lies was measured: faces of FER2013's
PublicTest were damaged step by step, and a threshold stands where `fer2013-small`, not averaged, begins to read surely
more than 1 in 100 of them worse (the 95 % interval of the paired loss lies beyond one point). No face can be turned
afterwards; `TURNED` says what was done instead. Knows nothing about networks, detectors, files or pages.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fer.results import BoxXYWH, Face, Fault, FaultCost

SMALL = 2 / 3
"""Least side of the square in the picture, as a share of the crop's. Faces shrunk to 31 of 48 pixels and enlarged again
lose 2.8 ± 1.3 points, to 32 pixels 1.6 ± 1.3."""

CUT = 0.14
"""Most of the square's area that may lie outside the picture. At the chin, where it counts most, 15 % cost 3.5 ± 1.2
points and 12 % cost 1.6 ± 1.0."""

DARK = 100
"""Grey level that the lightest twentieth of the inner half has to reach: between 90 and 100, noise of two grey levels,
as cameras have it indoors, costs 5.7 ± 1.7 points. The one threshold that is lower than the rule asks (160), so that it
marks 1.2 % of the training faces and not 13 %. Highlights, because a mean would take dark skin for bad light."""

WHITE = 250
"""From this grey level on a pixel is taken for overexposed."""

BRIGHT = 0.4
"""Most of the inner half that may be `WHITE`: between 0.4 and 0.5 it costs 4.6 ± 1.5 points, between 0.35 and 0.4 it is
2.1 ± 2.0."""

BLURRED = 0.014
"""Least sharpness: between 0.013 and 0.014 blur costs 3.4 ± 2.2 points, between 0.014 and 0.015 it is 2.8 ± 2.5."""

TURNED = 0.3
"""Most that `turn` may be: those 154 of PublicTest's 3,540 faces that are turned further are read 9.7 points worse than
faces of the same expressions that look ahead (`turn` below 0.1), 95 % interval 1.9 to 17.7. A higher limit leaves too
few faces for a sure answer (0.35: 71 faces, -1.6 to 21.1), a lower one marks many that are hardly read worse (0.2: 475
faces, -1.2 to 8.3). The landmarks were YuNet's; on a drawn head of average measures 0.3 is reached at 56 degrees."""

MEASURED_SIDE = 48
"""Side at which crops are judged, pixels: that of FER2013's faces, which `BLURRED` comes from."""

_WORDS: Mapping[Fault, str] = {
    "small": "too small",
    "cut": "cut off by the border",
    "dark": "too dark",
    "bright": "too bright",
    "blurred": "blurred",
    "turned": "turned away",
}


def find_faults(
    crop: np.ndarray, square_xywh: BoxXYWH, size_wh: tuple[int, int], landmarks_xy: np.ndarray | None
) -> tuple[Fault, ...]:
    """Say what is wrong with how one face is seen.

    Args:
        crop: uint8 of shape (side, side), grey, as the network is shown it.
        square_xywh: where it was cut out, pixels, width equal to height.
        size_wh: of the picture that it was cut out of, pixels.
        landmarks_xy: float of shape (5, 2) as in `Detections`, pixels; None where there are none, and then nothing is
            said about where the face is turned.

    Returns:
        The faults, in the order of `fer.results.Fault`; empty where nothing is wrong. A crop that is too small is not
        called blurred as well.
    """
    low, high = len(crop) // 4, len(crop) - len(crop) // 4
    inner = crop[low:high, low:high]
    is_small = square_xywh[2] < SMALL * len(crop)
    found: dict[Fault, bool] = {
        "small": is_small,
        "cut": _share_outside(square_xywh, size_wh) > CUT,
        "dark": np.percentile(inner, 95) < DARK,
        "bright": (inner >= WHITE).mean() > BRIGHT,
        "blurred": not is_small and sharpness(crop) < BLURRED,
        "turned": landmarks_xy is not None and turn(landmarks_xy) > TURNED,
    }
    return tuple(fault for fault, is_there in found.items() if is_there)


def turn(landmarks_xy: np.ndarray) -> float:
    """Measure how far a face is turned to a side, however it is inclined.

    The nose stands out from the plane of eyes and mouth, so that it leaves the line from between the eyes to the middle
    of the mouth as the head turns: its distance from that line, in lengths of the line. (In widths between the eyes,
    which vanish in profile, the measure would have no end.)

    Args:
        landmarks_xy: float of shape (5, 2) as in `Detections`, pixels.

    Returns:
        At least 0: about 0 for a face that looks ahead, 0.4 and more in profile; 0 where all points are one.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = np.asarray(landmarks_xy, np.float64)
    between_eyes = (right_eye + left_eye) / 2
    x, y = (right_mouth + left_mouth) / 2 - between_eyes
    nose_x, nose_y = nose - between_eyes
    return float(abs(nose_x * y - nose_y * x) / max(x * x + y * y, 1e-9))


def sharpness(crop: np.ndarray) -> float:
    """Measure how fine the details of a crop are, whatever its contrast.

    The variance of the Laplacian, the usual measure of focus (Pech-Pacheco et al. 2000,
    https://doi.org/10.1109/ICPR.2000.903548), over the energy of the gradients: the mean square of the spatial
    frequency, weighted by how much of the picture's edges it makes. That depends far less on what the picture shows
    than the variance alone.

    Args:
        crop: uint8 of shape (side, side), grey.

    Returns:
        At least 0, as a rule below 0.2; 0 for a crop of one grey level.
    """
    size_wh = (MEASURED_SIDE, MEASURED_SIDE)
    grey = cv2.resize(crop, size_wh, interpolation=cv2.INTER_AREA).astype(np.float32)
    energy = sum(cv2.norm(cv2.Sobel(grey, cv2.CV_32F, *order), cv2.NORM_L2SQR) for order in ((1, 0), (0, 1)))
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    return float(deviation[0, 0] ** 2) / (energy / grey.size + 1)


def in_words(face: Face) -> tuple[str, ...]:
    """Put what is wrong with how a face is seen in words that complete "The face is ..."."""
    width = round(face.crop_xywh[2])
    return tuple(
        f"only {width} pixel{'' if width == 1 else 's'} wide" if fault == "small" else _WORDS[fault]
        for fault in face.quality
    )


def costliest_fault(face: Face, costs: Sequence[FaultCost]) -> FaultCost | None:
    """Of what was measured about a face's faults, the one that costs most; None where nothing was."""
    measured = [cost for cost in costs if cost.fault in face.quality]
    return max(measured, key=lambda cost: cost.right_without - cost.right, default=None)


def less_sure(face: Face, costs: Sequence[FaultCost]) -> str:
    """Say that a face with a fault is read less surely, and by how much where that was measured.

    Args:
        face: the face.
        costs: what faults cost the model that read it, as `Reader.fault_costs`; may be empty.

    Returns:
        As in "Less sure: too dark. Faces like this were read rightly 61 times in 100, others 83.", or, where the two
        do not surely differ, "Too dark, but hardly less sure: ..."; of several faults the costliest alone is put into
        numbers, since they were measured one by one. "" where nothing is wrong.

    Examples:
        >>> from fer.emotions import EMOTIONS
        >>> box = (10, 20, 90, 90)
        >>> face = Face(box, box, 0.9, np.eye(7)[3], EMOTIONS, quality=("dark",))
        >>> less_sure(face, [FaultCost("dark", 0.61, 0.83, True, 2_000, "ferplus", "PublicTest")])
        'Less sure: too dark. Faces like this were read rightly 61 times in 100, others 83.'
    """
    if not face.quality:
        return ""
    wrong, cost = ", ".join(in_words(face)), costliest_fault(face, costs)
    if cost is None:
        return f"Less sure: {wrong}. Faces like this are read worse than the figures say."
    these = "faces like this" if len(face.quality) == 1 else f"faces that were {_WORDS[cost.fault]} and nothing else"
    right, others = (round(100 * share) for share in (cost.right, cost.right_without))
    measured = f"{these} were read rightly {right} times in 100, others {others}."
    if not cost.is_sure:
        return f"{wrong.capitalize()}, but hardly less sure: {measured}"
    return f"Less sure: {wrong}. {measured[0].upper()}{measured[1:]}"


def _share_outside(square_xywh: BoxXYWH, size_wh: tuple[int, int]) -> float:
    """The share of a square's area that lies outside the picture."""
    inside = 1.0
    for start, side, limit in zip(square_xywh[:2], square_xywh[2:], size_wh, strict=True):
        inside *= max(0.0, min(start + side, limit) - max(start, 0.0)) / side
    return 1 - inside
