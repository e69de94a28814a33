"""image_bgr -> FrameResult: detect, crop, judge the crops, read all faces in one batch, calibrate, name sets.

Holds no picture and no state between calls, so one pipeline serves every visitor and thread. Knows nothing about
files, pages or drawing.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer.crops import Framing, crop_faces
from fer.detection import MIN_SCORE, STILL_SIDES, FaceDetector, load_detector
from fer.errors import ModelError
from fer.quality import find_faults
from fer.recognition import EmotionModel, load_model
from fer.results import Averaging, BoxXYWH, Detections, Face, FrameResult, Reader, Timings

DEFAULT_MODEL = "fer2013"
"""Of the shipped models trained on FER2013 the one that reads faces of another kind best: by macro recall on CK+'s apex
frames, of which neither saw any. It stays within the budget of a larger network, 12 ms a face."""


class FacePipeline:
    """A detector and a model, set up to work together.

    Attributes:
        reader: what the results will say about who read them.
        classes: what the model tells apart, in the order of every face's probabilities.
    """

    def __init__(
        self,
        model: EmotionModel,
        detector: FaceDetector,
        *,
        averaging: Averaging = "none",
        min_score: float = MIN_SCORE,
        margin: float = 0.0,
        long_sides: Sequence[int] = STILL_SIDES,
    ) -> None:
        """Put a detector and a model together.

        Args:
            model: reads the crops.
            detector: finds the faces.
            averaging: "flip" reads every face and its mirror image.
            min_score: least detector score, in [0, 1].
            margin: widens every crop by this share of its side; 0 frames faces as the model was trained.
            long_sides: see `FaceDetector.detect`.

        Raises:
            ModelError: the model's card does not say how this detector's boxes become crops.
        """
        if detector.name not in model.card.framing:
            known = ", ".join(model.card.framing) or "none"
            raise ModelError(
                f"The card of {model.card.name} has no crop framing for the detector {detector.name}; it has {known}."
            )
        self._model = model
        self._detector = detector
        self._framing: Framing = model.card.framing[detector.name]
        self._min_score = min_score
        self._margin = margin
        self._long_sides = tuple(long_sides)
        self.classes = model.card.classes
        self.reader = Reader(model.card.name, detector.name, detector.reason, averaging)

    def analyze(self, image_bgr: np.ndarray) -> FrameResult:
        """Find and read every face of a picture.

        Args:
            image_bgr: uint8 of shape (height, width, 3).

        Returns:
            The result; without faces where none was found.
        """
        start = time.perf_counter()
        found = self._detector.detect(image_bgr, self._min_score, self._long_sides)
        detected = time.perf_counter()
        faces = self._read(image_bgr, found)
        done = time.perf_counter()
        timings = Timings((detected - start) * 1000, (done - detected) * 1000)
        return FrameResult(image_bgr.shape[1], image_bgr.shape[0], faces, self.reader, timings)

    def _read(self, image_bgr: np.ndarray, found: Detections) -> tuple[Face, ...]:
        squares = self._framing.squares(found.boxes_xywh, self._margin)
        crops = crop_faces(image_bgr, squares, self._model.card.crop_size)
        logits = self._model.predict(crops, self.reader.averaging).logits
        calibration, classes = self._model.calibration, self._model.card.classes
        probabilities = calibration.probabilities(logits, self.reader.averaging)
        sets = calibration.prediction_sets(probabilities, classes, self.reader.averaging)
        squares_xywh = [tuple(map(float, square)) for square in squares]
        size_wh = (image_bgr.shape[1], image_bgr.shape[0])
        return tuple(
            Face(
                box_xywh=tuple(map(float, found.boxes_xywh[i])),
                crop_xywh=squares_xywh[i],
                detector_score=float(found.scores[i]),
                probabilities=probabilities[i],
                classes=classes,
                landmarks_xy=None if found.landmarks_xy is None else found.landmarks_xy[i],
                prediction_set=sets[i],
                quality=find_faults(crops[i], squares_xywh[i], size_wh),
            )
            for i in range(len(found))
        )

    def with_sets(self, faces: Sequence[Face]) -> tuple[Face, ...]:
        """Form the prediction sets of faces anew, from the probabilities that they have now.

        Args:
            faces: read by this pipeline, smoothed since; may be empty.

        Returns:
            New faces, in that order; without sets where the model has no rule for them.
        """
        if not faces:
            return ()
        probabilities = np.stack([face.probabilities for face in faces])
        sets = self._model.calibration.prediction_sets(probabilities, self._model.card.classes, self.reader.averaging)
        return tuple(replace(face, prediction_set=members) for face, members in zip(faces, sets, strict=True))

    def explain(self, image_bgr: np.ndarray, face: Face) -> np.ndarray | None:
        """Show where in a face's crop each class was seen (Zhou et al. 2016, https://arxiv.org/abs/1512.04150).

        Args:
            image_bgr: the picture that the face was found in, uint8 of shape (height, width, 3).
            face: one of the faces of its result.

        Returns:
            float32 of shape (h, w, classes), in logit units before pooling, over `seen_square(face)`; None where the
            model has no maps.
        """
        crops = crop_faces(image_bgr, np.array([face.crop_xywh]), self._model.card.crop_size)
        maps = self._model.predict(crops).maps
        return None if maps is None else maps[0]

    def seen_square(self, face: Face) -> BoxXYWH:
        """The centre of a face's crop, which is what the network sees: x, y, width, height in pixels."""
        x, y, side, _ = face.crop_xywh
        edge = side * (1 - self._model.card.input_size / self._model.card.crop_size) / 2
        return x + edge, y + edge, side - 2 * edge, side - 2 * edge


def load_pipeline(
    model: str = DEFAULT_MODEL,
    detector: str = "auto",
    *,
    averaging: Averaging = "none",
    min_score: float = MIN_SCORE,
    margin: float = 0.0,
    long_sides: Sequence[int] = STILL_SIDES,
) -> FacePipeline:
    """Open an installed model and choose a detector; the arguments are those of `FacePipeline`.

    Raises:
        ModelError: the model is missing or damaged.
        DetectorError: the detector is unknown or cannot run here.
    """
    return FacePipeline(
        load_model(model),
        load_detector(detector),
        averaging=averaging,
        min_score=min_score,
        margin=margin,
        long_sides=long_sides,
    )
