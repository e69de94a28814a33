"""A detector's boxes against the frames that a data set gave its faces: derive the framing, measure what is lost.

FER2013's faces were cut out before anyone could choose how, so a detector never sees the photos behind them. Here
every face is laid on a grey surround and enlarged, the detector is run on that, and the box that it gives is compared
with the frame of the face. Knows nothing about pages.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from fer.crops import Framing, crop_faces
from fer.datasets import FaceDataset
from fer.detection import LIVE_SIDES, FaceDetector
from fer.evaluation.evaluate import APEX, select_rows
from fer.evaluation.metrics import PairedDifference, paired_difference
from fer.recognition import EmotionModel
from fer.results import Detections

ENLARGE = 4
"""Faces of 48 pixels are shown to the detector at this many times their size."""

SURROUND = 0.5
"""Width of the surround on every side, as a share of the face's frame."""

LEAST_SCORE = 0.3
"""Low, since there is a face in every frame."""

DERIVED_FROM = 3_000
"""How many training faces a framing is derived from, drawn with `SEED`."""

SEED = 0


def find_given_faces(
    detector: FaceDetector, images: np.ndarray, progress: Callable[[float], None] = lambda share: None
) -> np.ndarray:
    """Look for the face of every given frame.

    Args:
        detector: finds it.
        images: uint8 of shape (n, side, side), grey, each filled by one face.
        progress: told the share done, 0 to 1.

    Returns:
        float32 of shape (n, 4), boxes `x, y, width, height` in pixels of the given frame; NaN where no face was found.
    """
    boxes_xywh = np.full((len(images), 4), np.nan, np.float32)
    for i, image in enumerate(images):
        found = find_given_face(detector, image)
        if len(found):
            boxes_xywh[i] = found.boxes_xywh[0]
        progress((i + 1) / len(images))
    return boxes_xywh


def find_given_face(detector: FaceDetector, image: np.ndarray) -> Detections:
    """Look for the face of one given frame, on a grey surround and enlarged.

    Args:
        detector: finds it.
        image: uint8 of shape (side, side), grey, filled by one face.

    Returns:
        What was found, from the largest to the smallest, in pixels of the given frame; may be none.
    """
    surround = round(image.shape[0] * SURROUND)
    sides = (surround,) * 4
    on_grey = cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=int(image.mean()))
    large = cv2.resize(on_grey, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
    found = detector.detect(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), LEAST_SCORE, LIVE_SIDES)
    boxes_xywh = found.boxes_xywh / ENLARGE - (surround, surround, 0, 0)
    landmarks_xy = None if found.landmarks_xy is None else found.landmarks_xy / ENLARGE - surround
    return Detections(boxes_xywh, found.scores, landmarks_xy)


def derive_framing(boxes_xywh: np.ndarray, side: int) -> Framing:
    """Find the framing that turns boxes into the given frames, by medians, so that stray boxes do not matter.

    Args:
        boxes_xywh: float of shape (n, 4), as `find_given_faces` returns them.
        side: of the given frames, pixels.

    Raises:
        ValueError: no face was found in any frame.
    """
    boxes = boxes_xywh[~np.isnan(boxes_xywh[:, 0])]
    if not len(boxes):
        raise ValueError("No face was found, so no framing can be derived.")
    reach = np.sqrt(boxes[:, 2] * boxes[:, 3])
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    offset_x, offset_y = np.median((side / 2 - centres) / reach[:, None], axis=0)
    return Framing(round(float(np.median(side / reach)), 3), (round(float(offset_x), 3), round(float(offset_y), 3)))


@dataclass(frozen=True)
class CropStudy:
    """What a detector's own crops cost on faces whose frames are given.

    Attributes:
        n: faces shown.
        found: faces in which the detector found one; all that follows is about these.
        difference: own minus given, paired, with its 95 % interval.
    """

    n: int
    found: int
    difference: PairedDifference


def study_crops(model: EmotionModel, framing: Framing, faces: FaceDataset, boxes_xywh: np.ndarray) -> CropStudy:
    """Read faces from the given frames and from a detector's own crops, and compare.

    The own crops are cut out of the given frame with its border replicated, as serving does at a photo's border.

    Args:
        model: reads both.
        framing: how the detector's boxes become crops.
        faces: of the model's classes; where they say who is seen, the difference is drawn by person.
        boxes_xywh: float of shape (n, 4), as `find_given_faces` returns them; at least one is not NaN.
    """
    images = faces.images
    found = ~np.isnan(boxes_xywh[:, 0])
    size = model.card.crop_size
    side = images.shape[1]
    squares = framing.squares(boxes_xywh[found])
    frame = np.array([[0, 0, side, side]])
    pictures = [cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) for image in images[found]]
    given = np.concatenate([crop_faces(picture, frame, size) for picture in pictures])
    own = np.concatenate(
        [crop_faces(picture, square[None], size) for picture, square in zip(pictures, squares, strict=True)]
    )
    right_given, right_own = (
        model.predict(crops).logits.argmax(axis=1) == faces.labels[found] for crops in (given, own)
    )
    return CropStudy(
        n=len(images),
        found=int(found.sum()),
        difference=paired_difference(right_own, right_given, None if faces.subjects is None else faces.subjects[found]),
    )


def measure_framing(
    model: EmotionModel,
    detectors: Sequence[FaceDetector],
    fer2013: FaceDataset,
    ckplus: FaceDataset | None,
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[dict[str, Framing], dict[str, Any]]:
    """Derive each detector's framing on FER2013's training faces and measure what its crops cost on other faces.

    Args:
        model: reads the crops.
        detectors: whose boxes are to be framed.
        fer2013: all its rows.
        ckplus: all its rows; only the faces at the peak of an expression that the model knows are read, of people
            whom it did not learn from.
        progress: told the share done, 0 to 1.

    Returns:
        The framing of every detector by name, and what `report.json` says about them.

    Raises:
        ValueError: a detector found no face.
    """
    training = fer2013.select("Training")
    rows = np.sort(np.random.default_rng(SEED).permutation(len(training))[:DERIVED_FROM])
    tests = {"FER2013 PrivateTest": fer2013.select("PrivateTest")}
    if ckplus is not None:
        apex, _ = select_rows(model.card, ckplus, APEX)
        tests["CK+ apex faces"] = apex.take(apex.labels < len(model.card.classes))
    total = len(detectors) * (len(rows) + sum(map(len, tests.values())))
    done = 0

    def find(detector: FaceDetector, images: np.ndarray) -> np.ndarray:
        nonlocal done
        boxes = find_given_faces(detector, images, lambda share: progress((done + share * len(images)) / total))
        done += len(images)
        return boxes

    framings: dict[str, Framing] = {}
    measured: dict[str, Any] = {}
    for detector in detectors:
        boxes = find(detector, training.images[rows])
        framing = derive_framing(boxes, training.images.shape[1])
        studies = {
            name: study_crops(model, framing, faces, find(detector, faces.images)) for name, faces in tests.items()
        }
        framings[detector.name] = framing
        measured[detector.name] = {
            "derived_from": {
                "data": fer2013.name,
                "digest": fer2013.digest,
                "split": "Training",
                "n": len(rows),
                "found": int((~np.isnan(boxes[:, 0])).sum()),
            },
            "own_crops_against_given": {name: asdict(study) for name, study in studies.items()},
        }
    return framings, measured
