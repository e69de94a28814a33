"""image_bgr -> Detections, by YuNet, Haar cascades or MTCNN; chooses one and says why.

A `FaceDetector` may be shared by threads. Knows nothing about emotions, models or pages.
"""

import importlib.util
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from cv2.data import haarcascades

from fer import paths
from fer.errors import DetectorError
from fer.results import Detections
from fer.yunet import FaceNetwork

DETECTORS = ("yunet", "haar", "mtcnn")
"""The names of the detectors, best first."""

TITLES = {"yunet": "YuNet", "haar": "Haar cascade", "mtcnn": "MTCNN"}
"""How people write the names."""

STILL_SIDES = (320, 640, 1280)
"""Long sides, in pixels, at which a photo is searched: coarse for large faces, then finer for small ones."""

LIVE_SIDES = (320,)
"""Where time is short: one look that finds faces from about a tenth of the frame's height on."""

MIN_SCORE = 0.6
"""The least score at which a detection counts, unless the caller says otherwise."""


class FaceDetector(ABC):
    """Finds faces. One object may be called from any thread.

    Attributes:
        name: one of `DETECTORS`.
        reason: one sentence that says why this detector runs.
    """

    name: Literal["yunet", "haar", "mtcnn"]

    def __init__(self, reason: str) -> None:
        self.reason = reason

    @abstractmethod
    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        """Search one picture at the size that it has; what scores less than `min_score` may be left out already."""

    def detect(
        self, image_bgr: np.ndarray, min_score: float = MIN_SCORE, long_sides: Sequence[int] = STILL_SIDES
    ) -> Detections:
        """Find the faces of one picture.

        The picture is searched at every long side. Where two looks found the same face, the surer one counts.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            min_score: in [0, 1]; what scores less is left out.
            long_sides: pixels, coarse to fine; those beyond the picture's own long side are replaced by it.

        Returns:
            The faces from the largest to the smallest, in pixels of `image_bgr`.
        """
        own_side = max(image_bgr.shape[:2])
        sides = dict.fromkeys(min(side, own_side) for side in long_sides)
        found = _join([self._look_at(image_bgr, side / own_side, min_score) for side in sides])
        if len(found) < 2:
            return found
        areas = found.boxes_xywh[:, 2] * found.boxes_xywh[:, 3]
        return found.select(np.argsort(-areas, kind="stable"))

    def _look_at(self, image_bgr: np.ndarray, scale: float, min_score: float) -> Detections:
        height, width = image_bgr.shape[:2]
        size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        if size_wh == (width, height):
            small_bgr = np.ascontiguousarray(image_bgr)
        else:
            small_bgr = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
        seen = self._look(small_bgr, min_score)
        if (seen.scores < min_score).any():
            seen = seen.select(seen.scores >= min_score)
        ratio_xy = np.array([width / size_wh[0], height / size_wh[1]], np.float32)
        landmarks_xy = None if seen.landmarks_xy is None else seen.landmarks_xy * ratio_xy
        return Detections(seen.boxes_xywh * np.tile(ratio_xy, 2), seen.scores, landmarks_xy)


def _join(looks: Sequence[Detections]) -> Detections:
    """Put looks at one picture together: of two faces from different looks that share more than half of the smaller
    one's box, the surer stays, or that of the earlier look. What one look tells apart stays apart."""
    looks = [look for look in looks if len(look)]
    if len(looks) < 2:
        return looks[0] if looks else Detections.empty()
    landmarks = [look.landmarks_xy for look in looks if look.landmarks_xy is not None]
    found = Detections(
        np.concatenate([look.boxes_xywh for look in looks]),
        np.concatenate([look.scores for look in looks]),
        np.concatenate(landmarks) if len(landmarks) == len(looks) else None,
    )
    look_of = np.repeat(np.arange(len(looks)), [len(look) for look in looks])
    kept: list[int] = []
    for i in np.argsort(-found.scores, kind="stable"):
        others = [j for j in kept if look_of[j] != look_of[i]]
        if not others or _cover(found.boxes_xywh[others], found.boxes_xywh[i]).max() <= 0.5:
            kept.append(int(i))
    return found.select(kept)


def _cover(boxes_xywh: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
    """Overlap of one box with others, as a share of the smaller one's area; float of shape (n,)."""
    low = np.maximum(boxes_xywh[:, :2], box_xywh[:2])
    high = np.minimum(boxes_xywh[:, :2] + boxes_xywh[:, 2:], box_xywh[:2] + box_xywh[2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / np.minimum(boxes_xywh[:, 2:].prod(axis=1), box_xywh[2:].prod())


class YuNet(FaceDetector):
    """The network of `fer.yunet`; gives landmarks. All threads share one."""

    name = "yunet"

    def __init__(self, file: Path, reason: str, threads: int = 0) -> None:
        """Use a downloaded model file; `threads` as for `FaceNetwork`.

        Raises:
            DetectorError: the file is not the network that it should be.
        """
        super().__init__(reason)
        try:
            self._network = FaceNetwork(file.read_bytes(), threads)
        except (OSError, ValueError) as error:
            raise DetectorError(
                f"The detector file {file} is damaged; remove it and run `python -m fer setup`."
            ) from error

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        return self._network.detect(image_bgr, min_score)


class _OneAThread(FaceDetector):
    """A detector whose library crashes or lies when two threads call the same object: every thread gets its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self._of_thread = threading.local()

    @abstractmethod
    def _make(self) -> object:
        """Make the library's own detector, for one thread."""

    def _engine(self) -> Any:
        if not hasattr(self._of_thread, "engine"):
            self._of_thread.engine = self._make()
        return self._of_thread.engine


class Haar(_OneAThread):
    """The boosted cascade of Viola and Jones (2001) that comes with OpenCV; frontal faces only.

    Its score is w / (w + 2) of the last stage's weight w, so that 0.6 stands for a weight of 3.
    """

    name = "haar"

    def _make(self) -> cv2.CascadeClassifier:
        file = Path(haarcascades) / "haarcascade_frontalface_default.xml"
        cascade = cv2.CascadeClassifier(str(file))
        if cascade.empty():
            raise DetectorError(
                f"OpenCV came without its cascade file {file.name}; install opencv-python-headless again."
            )
        return cascade

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        grey = cv2.equalizeHist(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY))
        boxes, _, weights = self._engine().detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24), outputRejectLevels=True
        )
        if not len(boxes):
            return Detections.empty()
        weights = np.maximum(np.asarray(weights).reshape(-1), 0)
        return Detections(boxes, weights / (weights + 2))


class MTCNN(_OneAThread):
    """The cascade of networks of Zhang et al. 2016 (https://arxiv.org/abs/1604.02878), from the package `mtcnn`.

    Slow, and it brings TensorFlow; offered only where that package is installed.
    """

    name = "mtcnn"

    def _make(self) -> object:
        import mtcnn

        return mtcnn.MTCNN()

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        found = self._engine().detect_faces(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB))
        if not found:
            return Detections.empty()
        names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")  # left and right as seen in the picture
        return Detections(
            np.array([f["box"] for f in found]),
            np.clip([f["confidence"] for f in found], 0, 1),
            np.array([[f["keypoints"][name] for name in names] for f in found]),
        )


def available_detectors() -> tuple[str, ...]:
    """The names of the detectors that can run here, best first."""
    usable = {
        "yunet": paths.find_detector_file() is not None,
        "haar": True,
        "mtcnn": importlib.util.find_spec("mtcnn") is not None,
    }
    return tuple(name for name in DETECTORS if usable[name])


def load_detector(choice: str = "auto", threads: int = 0) -> FaceDetector:
    """Choose a detector.

    Args:
        choice: "auto" takes YuNet where its file is found, else Haar; or one of `DETECTORS`.
        threads: how many share YuNet's work on one picture; 0 takes as many as are of use.

    Raises:
        DetectorError: the choice is unknown, or that detector cannot run here.
    """
    file = paths.find_detector_file()
    chosen = "because it was chosen"
    match choice:
        case "auto" if file is not None:
            return YuNet(file, "YuNet runs because its file was found, and it finds more faces than Haar.", threads)
        case "auto":
            return Haar("The Haar cascade runs because YuNet's file is not here; `python -m fer setup` fetches it.")
        case "yunet" if file is not None:
            return YuNet(file, f"YuNet runs {chosen}.", threads)
        case "yunet":
            folders = " and ".join(str(folder) for folder in paths.detector_dirs())
            raise DetectorError(f"YuNet's file is not in {folders}; `python -m fer setup` fetches it.")
        case "haar":
            return Haar(f"The Haar cascade runs {chosen}.")
        case "mtcnn" if "mtcnn" in available_detectors():
            return MTCNN(f"MTCNN runs {chosen}.")
        case "mtcnn":
            raise DetectorError("MTCNN is not installed; `pip install mtcnn` brings it, with TensorFlow.")
        case _:
            raise DetectorError(f"There is no detector {choice}; choose auto, {', '.join(DETECTORS)}.")
