"""image_bgr -> Detections at the size that the picture has, by the network YuNet in ONNX Runtime.

The network is that of Wu et al. 2023 (https://doi.org/10.1007/s11633-023-1423-y) in the file that the OpenCV model zoo
publishes. Knows nothing about where that file is or at which sizes a picture is searched.
"""

import re
from functools import cached_property

import cv2
import numpy as np
import onnxruntime

from fer.onnx_session import open_session
from fer.results import Detections

_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox", "kps")]
_MAX_OVERLAP = 0.3  # of two boxes' union; of those that overlap more, the surest stays. As OpenCV has it.
_LARGEST = 20.0  # e^20 pixels; beyond every picture, and not yet beyond all numbers
_ALONE = 640  # long side up to which a second thread saves nothing: waking it takes as long as what it does

_PORTS = re.compile(
    rb"(\x0a.(?:input|(?:cls|obj|bbox|kps)_(?:8|16|32))\x12.\x0a.\x08\x01\x12.\x0a\x02\x08\x01(?:\x0a\x02\x08\x03)?)"
    rb"((?:\x0a\x03\x08[\x80-\xff][\x01-\x7f]){1,2})",
    re.DOTALL,
)
"""The input and the twelve outputs as the file declares them (ONNX is Protocol Buffers: a tag, a length, a value):
name, type, sizes that always hold, and then one or two that depend on the picture."""

_ANY_SIZE = b"\x0a\x03\x1a\x01?"
"""A size that may be anything, in as many bytes as one of 640, 6400, 1600 or 400 takes, so that no length changes."""


class FaceNetwork:
    """YuNet, opened once; may be called from any thread."""

    def __init__(self, network: bytes, threads: int = 0) -> None:
        """Open the network, and free its input from the 640 x 640 pixels that the file declares.

        Args:
            network: what the file holds.
            threads: how many share the work on a large picture, as for `open_session`.

        Raises:
            ValueError: it does not hold this network.
        """
        self._freed, ports = _PORTS.subn(lambda port: port[1] + _ANY_SIZE * (len(port[2]) // len(_ANY_SIZE)), network)
        if ports != 1 + 4 * len(_STRIDES):
            raise ValueError("This is not the network YuNet.")
        self._threads = threads
        self._small = open_session(self._freed, threads=1)
        try:
            self.detect(np.zeros((32, 64, 3), np.uint8), 0.5)
        except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
            raise ValueError("The network YuNet cannot be run.") from error

    @cached_property
    def _large(self) -> onnxruntime.InferenceSession:
        """Opened when first needed: a camera's frames never do."""
        return open_session(self._freed, self._threads)

    def detect(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        """Find the faces of about 10 to 300 pixels.

        Args:
            image_bgr: uint8 of shape (height, width, 3).
            min_score: in [0, 1]; what scores less is left out.

        Returns:
            The faces with their landmarks, the surest first.
        """
        height, width = image_bgr.shape[:2]
        session = self._small if max(height, width) <= _ALONE else self._large
        outputs = session.run(_OUTPUTS, {"input": _blob(image_bgr)})
        parts = []
        for level, stride in enumerate(_STRIDES):
            cls, obj, boxes, points = (output[0] for output in outputs[4 * level : 4 * level + 4])
            scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
            (likely,) = np.nonzero(scores >= min_score)
            if len(likely):
                columns = _padded(width) // stride
                cells_xy = np.column_stack([likely % columns, likely // columns]).astype(np.float32)
                sides = np.exp(boxes[likely, 2:].clip(max=_LARGEST)) * stride
                corners = (cells_xy + boxes[likely, :2]) * stride - sides / 2
                landmarks_xy = (cells_xy[:, None] + points[likely].reshape(-1, 5, 2)) * stride
                parts.append((np.hstack([corners, sides]), scores[likely], landmarks_xy))
        if not parts:
            return Detections.empty()
        boxes_xywh, scores, landmarks_xy = map(np.concatenate, zip(*parts, strict=True))
        (possible,) = np.nonzero(_is_possible(boxes_xywh, (width, height)))
        if not len(possible):
            return Detections.empty()
        boxes = boxes_xywh[possible].astype(int).tolist()
        kept = possible[cv2.dnn.NMSBoxes(boxes, scores[possible].tolist(), 0, _MAX_OVERLAP)]
        return Detections(boxes_xywh[kept], scores[kept], landmarks_xy[kept])


def _padded(length: int) -> int:
    """The next multiple of the coarsest stride."""
    return -(-length // _STRIDES[-1]) * _STRIDES[-1]


def _blob(image_bgr: np.ndarray) -> np.ndarray:
    """A picture as the network takes it: float32 of shape (1, 3, height, width), black added below and to the right."""
    height, width = image_bgr.shape[:2]
    blob = np.zeros((1, 3, _padded(height), _padded(width)), np.float32)
    for plane, channel in zip(blob[0], cv2.split(image_bgr), strict=True):
        plane[:height, :width] = channel
    return blob


def _is_possible(boxes_xywh: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Which boxes can be faces: on pictures of a few pixels the network makes some up, far outside or without width."""
    centres, sides = boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2, boxes_xywh[:, 2:]
    possible = (centres >= 0) & (centres <= size_wh) & (sides >= 1) & (sides <= 2 * max(size_wh))
    return np.asarray(possible.all(axis=1))
