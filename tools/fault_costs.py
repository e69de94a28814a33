"""What a fault of a crop costs the default model: faces damaged, and faces turned -> the model's report.

    python -m tools.fault_costs

From there readings take it, and `make figures` a table. Measured, without averaging, are those faces of FER2013's
PublicTest that YuNet finds and most of FER+'s raters agree on; PrivateTest is neither read nor damaged. Those with
nothing wrong are damaged in one way after the other, as far as it happens in photos, and count where `fer.quality` then
finds that fault alone. No face can be turned afterwards: those that are turned are held against the others, expression
by expression.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import cv2
import numpy as np

from fer import paths
from fer.crops import crop_faces
from fer.datasets import FaceDataset, load_dataset
from fer.detection import FaceDetector, load_detector
from fer.evaluation.faults import CostFigures, FaultStudy, other_faces_cost, same_faces_cost
from fer.evaluation.framing import find_given_face
from fer.evaluation.metrics import accuracy_interval
from fer.evaluation.report import FIT_SPLIT, store_faults
from fer.evaluation.stamp import code_version
from fer.pipeline import DEFAULT_MODEL
from fer.quality import BLURRED, BRIGHT, DARK, WHITE, find_faults, sharpness
from fer.recognition import EmotionModel, load_model
from fer.results import BoxXYWH, Fault

SEED = 0

NOISE = 2.0
"""Standard deviation of what a camera adds to a dark picture, grey levels."""

SIGMAS = tuple(np.arange(0.3, 4, 0.05).tolist())
"""Of the blurs that are tried until one is a fault, pixels of the face."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture, and where in it the face lies.

    Attributes:
        image: uint8 of shape (height, width), grey.
        square_xywh: of the face, pixels; may reach past the border.
    """

    image: np.ndarray
    square_xywh: BoxXYWH

    def crop(self, size: int) -> np.ndarray:
        """What the network is shown: uint8 of shape (size, size), cut out as serving does it."""
        return crop_faces(cv2.cvtColor(self.image, cv2.COLOR_GRAY2BGR), np.array([self.square_xywh]), size)[0]

    def faults(self, size: int, landmarks_xy: np.ndarray | None) -> tuple[Fault, ...]:
        """What is wrong with it."""
        height, width = self.image.shape
        return find_faults(self.crop(size), self.square_xywh, (width, height), landmarks_xy)


Damage = Callable[[np.ndarray, np.random.Generator], Shot]
"""A sound face, uint8 of shape (side, side), and what draws how strongly -> the shot that it might have been."""


def undamaged(face: np.ndarray) -> Shot:
    """The face fills its picture."""
    return Shot(face, (0.0, 0.0, float(len(face)), float(len(face))))


def farther(face: np.ndarray, rng: np.random.Generator) -> Shot:
    """From so far away that it is a third to two thirds as wide as the network wants it."""
    side = int(rng.integers(len(face) // 3, 2 * len(face) // 3))
    return undamaged(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA))


def beyond_the_border(face: np.ndarray, rng: np.random.Generator) -> Shot:
    """With 15 to 40 % beyond one of the four borders."""
    side = len(face)
    lost = round(side * rng.uniform(0.15, 0.4))
    turns = int(rng.integers(4))
    kept = np.ascontiguousarray(np.rot90(np.rot90(face, turns)[lost:], -turns))
    x, y = ((0, -lost), (0, 0), (0, 0), (-lost, 0))[turns]
    return Shot(kept, (float(x), float(y), float(side), float(side)))


def in_the_dark(face: np.ndarray, rng: np.random.Generator) -> Shot:
    """In so little light that its highlights reach 30 to 95 grey levels, with a camera's noise."""
    highlights = np.percentile(_inner(face), 95)
    darker = face * (rng.uniform(30, DARK - 5) / max(highlights, 1)) + rng.normal(0, NOISE, face.shape)
    return undamaged(darker.round().clip(0, 255).astype(np.uint8))


def overexposed(face: np.ndarray, rng: np.random.Generator) -> Shot:
    """In so much light that 40 to 70 % of its inner half are white."""
    whitened = np.quantile(_inner(face), 1 - rng.uniform(BRIGHT, 0.7))
    return undamaged(np.ceil(face * (WHITE / max(whitened, 1))).clip(0, 255).astype(np.uint8))


def out_of_focus(face: np.ndarray, rng: np.random.Generator) -> Shot:
    """Blurred up to half as much again as makes it a fault."""
    sigma = next((sigma for sigma in SIGMAS if sharpness(cv2.GaussianBlur(face, (0, 0), sigma)) < BLURRED), SIGMAS[-1])
    return undamaged(cv2.GaussianBlur(face, (0, 0), sigma * rng.uniform(1, 1.5)))


DAMAGES: Mapping[Fault, tuple[str, Damage]] = MappingProxyType(
    {
        "small": ("shrunk to 16 to 31 of 48 pixels", farther),
        "cut": ("15 to 40 % beyond one border", beyond_the_border),
        "dark": ("highlights at 30 to 95 grey levels, noise of 2", in_the_dark),
        "bright": ("40 to 70 % of the inner half overexposed", overexposed),
        "blurred": ("1 to 1.5 times the least blur that is a fault", out_of_focus),
    }
)
"""How each fault is done to a face of 48 pixels, in words and in deed; what is stated is drawn evenly."""

TURNED_HOW = "as they were found, against others of the same expressions"


def _inner(face: np.ndarray) -> np.ndarray:
    """The half of a face by whose light `fer.quality` judges it."""
    low, high = len(face) // 4, len(face) - len(face) // 4
    return face[low:high, low:high]


def measure_faults(model: EmotionModel, detector: FaceDetector, faces: FaceDataset) -> FaultStudy:
    """Measure what each fault costs a model.

    Args:
        model: reads the faces, without averaging, as it is served.
        detector: gives landmarks, by which faces are turned.
        faces: of classes that the model knows; those that the detector does not find are left out, and nothing must
            be wrong with some of the others.
    """
    size = model.card.crop_size
    found = [find_given_face(detector, image) for image in faces.images]
    is_found = np.array([len(one) > 0 and one.landmarks_xy is not None for one in found], bool)
    faces = faces.take(is_found)
    landmarks_xy = [one.landmarks_xy[0] for one in found if len(one) and one.landmarks_xy is not None]
    shots = [undamaged(image) for image in faces.images]
    wrong = [shot.faults(size, points) for shot, points in zip(shots, landmarks_xy, strict=True)]
    right = _read_rightly(model, shots, faces.labels)
    is_sound, is_turned = (np.array([faults == only for faults in wrong], bool) for only in ((), ("turned",)))
    sound = np.flatnonzero(is_sound)
    costs: list[CostFigures] = []
    for fault, (how, damage) in DAMAGES.items():
        rng = np.random.default_rng(SEED)
        damaged = [damage(faces.images[i], rng) for i in sound]
        has_it = [shot.faults(size, landmarks_xy[i]) == (fault,) for i, shot in zip(sound, damaged, strict=True)]
        rows = sound[has_it]
        if len(rows):
            kept = [shot for shot, has in zip(damaged, has_it, strict=True) if has]
            read = _read_rightly(model, kept, faces.labels[rows])
            costs.append(same_faces_cost(fault, how, read, right[rows]))
    if is_turned.any():
        turned, others = ((right[group], faces.labels[group]) for group in (is_turned, is_sound))
        costs.append(other_faces_cost("turned", TURNED_HOW, *turned, *others))
    return FaultStudy(
        data=faces.name,
        split=FIT_SPLIT,
        digest=faces.digest,
        n=len(sound),
        right=round(float(right[sound].mean()), 6),
        right_95=accuracy_interval(right[sound]),
        costs=tuple(costs),
        seed=SEED,
        code_version=code_version(),
        date=datetime.now(UTC).date().isoformat(),
    )


def _read_rightly(model: EmotionModel, shots: Sequence[Shot], labels: np.ndarray) -> np.ndarray:
    """Which shots are read as labelled: bool of shape (n,)."""
    crops = np.stack([shot.crop(model.card.crop_size) for shot in shots])
    return model.calibration.probabilities(model.predict(crops).logits, "none").argmax(axis=1) == labels


def main() -> None:
    """Measure the default model and write its report."""
    model = load_model(DEFAULT_MODEL)
    faces = load_dataset("ferplus").select(FIT_SPLIT)
    faces = faces.take(faces.labels < len(model.card.classes))
    store_faults(paths.find_models()[DEFAULT_MODEL], measure_faults(model, load_detector("yunet"), faces))


if __name__ == "__main__":
    main()
