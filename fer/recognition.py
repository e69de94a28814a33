"""Grey face crops -> logits and activation maps, by ONNX Runtime, as a model's card says.

A model is a folder with `card.json` (facts), `model.onnx` (served) and `report.json` (figures and what was fitted).
Knows nothing about detectors, pages or training. A session may be called from several threads at once.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from fer import paths
from fer.calibration import Calibration
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import ModelError
from fer.results import Averaging

MODEL_FILE = "model.onnx"
REPORT_FILE = "report.json"
BATCH = 64


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


@dataclass(frozen=True)
class ModelCard:
    """The facts of one model, as its `card.json` holds them.

    Attributes:
        name: the folder's name.
        summary: one line for lists.
        classes: what the network tells apart, in the order of its outputs.
        crop_size: side of the grey crop that the network's faces are cut to, pixels.
        input_size: side of the centre of that crop which the network sees, pixels.
        epsilon: added to the standard deviation when a crop is normalised, grey levels.
        maps_size: side of the activation maps; None where the network has none.
        parameters: number of weights.
        framing: by detector, how its boxes become crops.
        training: data, split, rows, recipe: free facts, shown as they stand.
        licence, limits: for people.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    crop_size: int
    input_size: int
    epsilon: float
    maps_size: int | None
    parameters: int
    framing: Mapping[str, Framing]
    training: Mapping
    licence: str
    limits: str

    @classmethod
    def read(cls, folder: Path) -> "ModelCard":
        """Read and check a model's card.

        Raises:
            ModelError: the card is missing, is no JSON, lacks a fact or states an impossible one.
        """
        path = folder / paths.CARD_FILE
        facts = _read_json(path)
        try:
            shape = facts["input"]
            if (shape["channels"], shape["normalisation"]) != (1, "per-image"):
                raise ValueError("only one grey channel, normalised per image, is served")
            card = cls(
                name=facts["name"],
                summary=facts["summary"],
                classes=tuple(facts["classes"]),
                crop_size=int(shape["crop_size"]),
                input_size=int(shape["size"]),
                epsilon=float(shape["epsilon"]),
                maps_size=facts["maps_size"],
                parameters=int(facts["parameters"]),
                framing={
                    name: Framing(float(f["scale"]), (float(f["offset_xy"][0]), float(f["offset_xy"][1])))
                    for name, f in facts["framing"].items()
                },
                training=facts["training"],
                licence=facts["licence"],
                limits=facts["limits"],
            )
            if card.classes not in (EMOTIONS, EMOTIONS_WITH_CONTEMPT):
                raise ValueError(f"the classes must be {', '.join(EMOTIONS)}, and contempt last where it is known")
            if not 1 <= card.input_size <= card.crop_size <= 512 or card.epsilon <= 0:
                raise ValueError("the input sizes and epsilon must be positive, the input no larger than the crop")
            if card.name != folder.name:
                raise ValueError(f"it names the model {card.name}, but its folder is {folder.name}")
        except KeyError as error:
            raise ModelError(f"The model card {path} lacks the entry {error}.") from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise ModelError(f"The model card {path} cannot be used: {error}.") from error
        return card

    @property
    def trained_on(self) -> tuple[str, str]:
        """Name of the data set and of the split that the network was trained on."""
        return self.training["data"], self.training["split"]


def _read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"The model file {path} is missing; install the model again.") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"The model file {path} is damaged; install the model again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"The model file {path} is damaged: it must hold one JSON object.")
    return value


def read_report(folder: Path) -> dict:
    """A model's stored figures; an empty dict where nothing has been measured yet.

    Raises:
        ModelError: the report is there but damaged.
    """
    path = folder / REPORT_FILE
    return _read_json(path) if path.exists() else {}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says of n crops.

    Attributes:
        logits: float32 of shape (n, classes).
        maps: float32 of shape (n, h, w, classes), where in the crop (never in its mirror image) each class was seen,
            in logit units before pooling; None for a network that has no maps.
    """

    logits: np.ndarray
    maps: np.ndarray | None

    def __len__(self) -> int:
        return len(self.logits)


class EmotionModel:
    """One installed model, ready to be called.

    Attributes:
        card: its facts.
        calibration: what was fitted for it.
    """

    def __init__(self, folder: Path) -> None:
        """Open a model's folder.

        Raises:
            ModelError: a file is missing or damaged, or the network does not fit its card.
        """
        self.card = ModelCard.read(folder)
        try:
            self.calibration = Calibration.from_report(read_report(folder))
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"The report of the model {self.card.name} is damaged: {error}") from error
        self._session = _open_session(folder / MODEL_FILE)
        self._check_network()

    def _check_network(self) -> None:
        size, classes, maps_size = self.card.input_size, len(self.card.classes), self.card.maps_size
        try:
            outputs = self._session.run(None, {self._session.get_inputs()[0].name: np.zeros((1, size, size, 1), "f4")})
        except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
            raise ModelError(f"The network of {self.card.name} does not take the input that its card states.") from error
        shapes = [output.shape for output in outputs]
        expected = [(1, classes)] + ([] if maps_size is None else [(1, maps_size, maps_size, classes)])
        if shapes != expected:
            raise ModelError(f"The network of {self.card.name} gives {shapes}, but its card asks for {expected}.")

    def predict(self, crops: np.ndarray, averaging: Averaging = "none") -> Predictions:
        """Read faces.

        Args:
            crops: uint8 of shape (n, crop_size, crop_size), grey; n may be 0, which never reaches the network.
            averaging: "flip" averages the logits of every crop and its mirror image, for twice the time.

        Returns:
            The predictions, in the order of the crops.
        """
        logits, maps = [], []
        for start in range(0, len(crops), BATCH):
            block = self._normalise(crops[start : start + BATCH])
            outputs = self._run(block)
            if averaging == "flip":
                logits.append((outputs[0] + self._run(block[:, :, ::-1])[0]) / 2)
            else:
                logits.append(outputs[0])
            maps.extend(outputs[1:])
        classes = len(self.card.classes)
        if not logits:
            side = self.card.maps_size
            empty_maps = None if side is None else np.zeros((0, side, side, classes), np.float32)
            return Predictions(np.zeros((0, classes), np.float32), empty_maps)
        return Predictions(np.concatenate(logits), np.concatenate(maps) if maps else None)

    def _run(self, block: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {self._session.get_inputs()[0].name: np.ascontiguousarray(block)})

    def _normalise(self, crops: np.ndarray) -> np.ndarray:
        """uint8 (n, crop_size, crop_size) -> float32 (n, input_size, input_size, 1), as the card says."""
        edge = (self.card.crop_size - self.card.input_size) // 2
        centres = crops[:, edge : edge + self.card.input_size, edge : edge + self.card.input_size].astype(np.float32)
        means = centres.mean(axis=(1, 2), keepdims=True)
        deviations = centres.std(axis=(1, 2), keepdims=True)
        return ((centres - means) / (deviations + self.card.epsilon))[..., None]


def _open_session(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(f"The model file {path} is missing; install the model again.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
        raise ModelError(f"The model file {path} is damaged or no ONNX network; install the model again.") from error


def load_model(name: str) -> EmotionModel:
    """Open an installed model by its name.

    Raises:
        ModelError: no such model is installed, or it is damaged.
    """
    installed = paths.find_models()
    if name not in installed:
        raise ModelError(f"The model {name} is not installed; installed are: {', '.join(installed) or 'none'}.")
    return EmotionModel(installed[name])


def crop_faces(image_bgr: np.ndarray, squares_xywh: np.ndarray, size: int) -> np.ndarray:
    """Cut every face out as a square grey patch.

    Shrinking averages over the pixels that fall together, so that a large face looks as smooth as the small ones
    that networks are trained on; growing interpolates.

    Args:
        image_bgr: uint8 of shape (height, width, 3).
        squares_xywh: float of shape (n, 4), pixels, width equal to height; may reach past the border, which is
            replicated.
        size: side of the patches in pixels; the model card's `crop_size`.

    Returns:
        uint8 of shape (n, size, size); n may be 0.
    """
    crops = np.empty((len(squares_xywh), size, size), np.uint8)
    for crop, (x, y, side, _) in zip(crops, np.asarray(squares_xywh, np.float64), strict=True):
        crop[...] = _grey_patch(image_bgr, x, y, side, size)
    return crops


def _grey_patch(image_bgr: np.ndarray, x: float, y: float, side: float, size: int) -> np.ndarray:
    """One patch: the part of the picture under the square is shrunk by averaging to about twice the size, then warped."""
    height, width = image_bgr.shape[:2]
    pad = side * 0.1
    left, top = (int(np.clip(math.floor(v - pad), 0, limit - 1)) for v, limit in ((x, width), (y, height)))
    right, bottom = (
        int(np.clip(math.ceil(v + side + pad), low + 1, limit))
        for v, low, limit in ((x, left, width), (y, top, height))
    )
    grey = cv2.cvtColor(image_bgr[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    step = side / size
    if step > 2:
        shrunk = (max(1, round(grey.shape[1] * 2 / step)), max(1, round(grey.shape[0] * 2 / step)))
        ratio_xy = (grey.shape[1] / shrunk[0], grey.shape[0] / shrunk[1])
        grey = cv2.resize(grey, shrunk, interpolation=cv2.INTER_AREA)
    else:
        ratio_xy = (1.0, 1.0)
    fine = 2 if step > 1 else 1
    step_xy = [step / ratio / fine for ratio in ratio_xy]
    start_xy = [(v - low + step / fine / 2) / ratio - 0.5 for v, low, ratio in ((x, left, ratio_xy[0]), (y, top, ratio_xy[1]))]
    matrix = np.array([[step_xy[0], 0, start_xy[0]], [0, step_xy[1], start_xy[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(grey, matrix, (size * fine, size * fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return patch if fine == 1 else cv2.resize(patch, (size, size), interpolation=cv2.INTER_AREA)
