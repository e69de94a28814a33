"""image_bgr -> FrameResult: detect, cut and judge the crops, read all faces in one batch, calibrate, name sets.

The links can be called one by one: `detect` and `cut` take a picture, `read` takes the crops of any number of pictures
together. Holds no picture and no state between calls, so one pipeline serves every visitor and thread. Knows nothing
about files, pages or drawing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from fer.crops import Crops, Framing, crop_faces
from fer.detection import MIN_SCORE, STILL_SIDES, FaceDetector, load_detector
from fer.errors import ModelError
from fer.quality import find_faults
from fer.recognition import EmotionModel, load_model
from fer.results import Averaging, BoxXYWH, Detections, Face, FrameResult, Reader, Timings

DEFAULT_MODEL = "fer2013-ferplus"
"""Of the shipped models of seven classes the one with the highest macro recall on those faces of FER2013's PublicTest
that most of FER+'s raters agree on; in a first experiment that picked what reads strangers' photos best, too."""


@dataclass(frozen=True)
class Settings:
    """What a pipeline is made of, by name: equal settings read alike, here and on another machine.

    Attributes:
        model: name of an installed model.
        detector: "auto" takes the best that can run; or one of `fer.detection.DETECTORS`.
        averaging: "flip" reads every face and its mirror image.
        min_score: least detector score, in [0, 1].
        margin: widens every crop by this share of its side; 0 frames faces as the model was trained.
        long_sides: at which sizes faces are looked for, pixels; see `FaceDetector.detect`.
    """

    model: str = DEFAULT_MODEL
    detector: str = "auto"
    averaging: Averaging = "none"
    min_score: float = MIN_SCORE
    margin: float = 0.0
    long_sides: tuple[int, ...] = STILL_SIDES

    def __post_init__(self) -> None:
        if self.averaging not in get_args(Averaging):
            raise ValueError(f"averaging must be {' or '.join(get_args(Averaging))}, but is {self.averaging}.")
        if not 0 <= self.min_score <= 1 or not self.margin >= 0:
            raise ValueError(f"min_score must lie from 0 to 1 and margin be 0 or more, but they are {self}.")
        if not self.long_sides or min(self.long_sides) < 1:
            raise ValueError(
                f"long_sides must hold a pixel or more each, one of them at least, but is {self.long_sides}."
            )

    def load(self) -> "FacePipeline":
        """Open the model and the detector, and put them together.

        Raises:
            ModelError: the model is missing or damaged.
            DetectorError: the detector is unknown or cannot run here.
        """
        return self.assemble(load_model(self.model), load_detector(self.detector))

    def assemble(self, model: EmotionModel, detector: FaceDetector) -> "FacePipeline":
        """Put a model and a detector together that are open already: those that the settings name.

        Raises:
            ModelError: the model's card does not say how this detector's boxes become crops.
        """
        return FacePipeline(
            model,
            detector,
            averaging=self.averaging,
            min_score=self.min_score,
            margin=self.margin,
            long_sides=self.long_sides,
        )


class FacePipeline:
    """A detector and a model, set up to work together.

    Attributes:
        reader: what the results will say about who read them.
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
            averaging, min_score, margin, long_sides: see `Settings`.

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
        self.reader = Reader(
            model.card.name,
            detector.name,
            detector.reason,
            averaging,
            model.card.classes,
            model.calibration.target,
            model.fault_costs,
        )

    def detect(self, image_bgr: np.ndarray) -> Detections:
        """Find every face of a picture, from the largest to the smallest.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
        """
        return self._detector.detect(image_bgr, self._min_score, self._long_sides)

    def cut(self, image_bgr: np.ndarray, found: Detections) -> Crops:
        """Cut faces out of their picture as the model was trained to see them, and judge the crops.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            found: faces of that picture; may be none.
        """
        squares_xywh = self._framing.squares(found.boxes_xywh, self._margin)
        patches = crop_faces(image_bgr, squares_xywh, self._model.card.crop_size)
        size_wh = (image_bgr.shape[1], image_bgr.shape[0])
        landmarks_xy = [None] * len(found) if found.landmarks_xy is None else found.landmarks_xy
        quality = tuple(
            find_faults(patch, tuple(square), size_wh, points)
            for patch, square, points in zip(patches, squares_xywh.tolist(), landmarks_xy, strict=True)
        )
        return Crops(found, squares_xywh, patches, quality, size_wh)

    def read(self, crops: Sequence[Crops]) -> list[tuple[Face, ...]]:
        """Read the faces of any number of pictures together, which costs less than reading them picture by picture.

        The network is given at most `fer.recognition.BATCH` faces at once, and is not called where there are none.

        Args:
            crops: of each picture those of its faces, as this pipeline cut them; may be empty.

        Returns:
            For every picture its faces, in the order of its detections.

        Examples:
            >>> from fer.samples import SAMPLES
            >>> pipeline = load_pipeline(detector="haar")
            >>> pictures = [SAMPLES[name].load() for name in ("astronaut", "admiral")]
            >>> crops = [pipeline.cut(picture, pipeline.detect(picture)) for picture in pictures]
            >>> [len(faces) for faces in pipeline.read(crops)]
            [1, 1]
        """
        if not crops:
            return []
        logits = self._model.predict(np.concatenate([one.patches for one in crops]), self.reader.averaging).logits
        calibration = self._model.calibration
        probabilities = calibration.probabilities(logits, self.reader.averaging)
        sets = calibration.prediction_sets(probabilities, self.reader.classes, self.reader.averaging)
        readings = zip(probabilities, sets, strict=True)
        return [tuple(self._face(one, i, *next(readings)) for i in range(len(one))) for one in crops]

    def _face(self, crops: Crops, i: int, probabilities: np.ndarray, prediction_set: tuple[str, ...] | None) -> Face:
        found = crops.detections
        return Face(
            box_xywh=tuple(found.boxes_xywh[i].tolist()),
            crop_xywh=tuple(crops.squares_xywh[i].tolist()),
            detector_score=float(found.scores[i]),
            probabilities=probabilities,
            classes=self.reader.classes,
            landmarks_xy=None if found.landmarks_xy is None else found.landmarks_xy[i],
            prediction_set=prediction_set,
            quality=crops.quality[i],
        )

    def analyze(self, image_bgr: np.ndarray) -> FrameResult:
        """Find and read every face of a picture.

        Args:
            image_bgr: uint8 of shape (height, width, 3).

        Returns:
            The result; without faces where none was found.

        Examples:
            >>> from fer.samples import SAMPLES
            >>> result = load_pipeline(detector="haar").analyze(SAMPLES["astronaut"].load())
            >>> [(face.emotion, face.confidence > 0.5) for face in result.faces]
            [('happy', True)]
        """
        start = time.perf_counter()
        found = self.detect(image_bgr)
        detected = time.perf_counter()
        crops = self.cut(image_bgr, found)
        (faces,) = self.read([crops])
        done = time.perf_counter()
        timings = Timings((detected - start) * 1000, (done - detected) * 1000)
        return FrameResult(*crops.size_wh, faces, self.reader, timings)

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
        sets = self._model.calibration.prediction_sets(probabilities, self.reader.classes, self.reader.averaging)
        return tuple(replace(face, prediction_set=members) for face, members in zip(faces, sets, strict=True))

    @property
    def has_maps(self) -> bool:
        """Whether `explain` shows activation maps; else it tells by covering one part of the face after the other."""
        return self._model.card.maps_size is not None

    def explain(self, image_bgr: np.ndarray, face: Face) -> np.ndarray:
        """Show where in a face's crop each class was seen, as `EmotionModel.explain` does.

        Args:
            image_bgr: the picture that the face was found in, uint8 of shape (height, width, 3).
            face: one of the faces of its result.

        Returns:
            float32 of shape (h, w, classes), in logit units, over `seen_square(face)`.
        """
        crops = crop_faces(image_bgr, np.array([face.crop_xywh]), self._model.card.crop_size)
        return self._model.explain(crops)[0]

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
    """Open an installed model and choose a detector; the arguments are those of `Settings`.

    Raises:
        ModelError: the model is missing or damaged.
        DetectorError: the detector is unknown or cannot run here.

    Examples:
        >>> pipeline = load_pipeline("fer2013-small", "haar", averaging="flip")
        >>> pipeline.reader.model, pipeline.reader.detector
        ('fer2013-small', 'haar')
        >>> pipeline.reader.classes
        ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral')
    """
    return Settings(model, detector, averaging, min_score, margin, tuple(long_sides)).load()
