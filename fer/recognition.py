"""Grey face crops -> logits and activation maps, by ONNX Runtime, as a model's card says.

A model is a folder with `card.json` (facts), `model.onnx` (served) and `report.json` (figures and what was fitted).
Knows nothing about detectors, pages or training. A session may be called from several threads at once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime

from fer import paths
from fer.calibration import Calibration
from fer.crops import Framing
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import ModelError
from fer.files import replace_file
from fer.onnx_session import open_session
from fer.results import Averaging, FaultCost

MODEL_FILE = "model.onnx"
REPORT_FILE = "report.json"
BATCH = 64

COVERED_CELLS = 7
"""Cells a side of a map that is made by covering: with the face as it is, 50 pictures, which is one batch."""

UNKNOWN = "unknown"
"""What a card says of the data behind a network that has no card of its own."""


@dataclass(frozen=True)
class LearnedRows:
    """Rows of a data set that a network learned from.

    Attributes:
        data: name of the data set.
        split: the usage of these rows, or "all".
        pixels: the data set's `pixels_digest_of`, in hex; None where that was not noted.
        held_out_subjects: where it is known who is seen, the people who were left out; None where nobody was.
        by: the model that learned, where it is not the card's own but one that it started from, or a teacher.
    """

    data: str
    split: str
    pixels: str | None = None
    held_out_subjects: Sequence[str] | None = None
    by: str | None = None


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
        licence: of the network and the code, for people.
        data_terms: on which terms that is given out which it learned from; "" where nobody noted them.
        limits: for people.
        purpose, fails: what it is to be chosen for, and where it reads badly, each in a sentence; where a card states
            neither, its summary and its limits stand in.
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
    data_terms: str
    limits: str
    purpose: str
    fails: str

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
                data_terms=str(facts.get("data_terms", "")),
                limits=facts["limits"],
                purpose=str(facts.get("purpose") or f"{facts['summary']}."),
                fails=str(facts.get("fails") or facts["limits"]),
            )
            if card.classes not in (EMOTIONS, EMOTIONS_WITH_CONTEMPT):
                raise ValueError(f"the classes must be {', '.join(EMOTIONS)}, and contempt last where it is known")
            if not 1 <= card.input_size <= card.crop_size <= 512 or card.epsilon <= 0:
                raise ValueError("the input sizes and epsilon must be positive, the input no larger than the crop")
            if not all(isinstance(part, str) for rows in card.learned for part in (rows.data, rows.split)):
                raise ValueError("training must name its data and its split, and so must each entry of its lineage")
            if card.name != folder.name:
                raise ValueError(f"it names the model {card.name}, but its folder is {folder.name}")
        except KeyError as error:
            raise ModelError(f"The model card {path} lacks the entry {error}.") from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise ModelError(f"The model card {path} cannot be used: {error}.") from error
        return card

    @property
    def learned(self) -> tuple[LearnedRows, ...]:
        """All rows that the network, what it started from and its teachers learned from; its own come first."""
        own = LearnedRows(*self.trained_on, self.training.get("pixels"), self.training.get("held_out_subjects"))
        return (own, *(LearnedRows(**rows) for rows in self.training.get("lineage", ())))

    @property
    def trained_on(self) -> tuple[str, str]:
        """Name of the data set and of the split that the network was trained on."""
        return self.training["data"], self.training["split"]


def write_framings(folder: Path, framings: Mapping[str, Framing]) -> None:
    """Set how detectors' boxes become crops in a model's card; those of other detectors stay.

    Raises:
        ModelError: the card cannot be read or written.
    """
    path = folder / paths.CARD_FILE
    facts = _read_json(path)
    facts["framing"] |= {name: asdict(framing) for name, framing in framings.items()}
    try:
        replace_file(path, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise ModelError(f"The model card {path} cannot be written: {error.strerror}.") from error


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
        ModelError: the report is there but damaged, or says that another network was measured.
    """
    path = folder / REPORT_FILE
    if not path.exists():
        return {}
    values = _read_json(path)
    if "network" in values and values["network"] != network_digest(folder):
        raise ModelError(
            f"The report {path} is of another network than the {MODEL_FILE} beside it; "
            f"measure the model anew with `python -m fer evaluate {folder.name} --write-report`."
        )
    return values


def network_digest(folder: Path) -> str:
    """SHA-256 of a model's network file, in hex: a report names it, so that figures stay with what they are of.

    Raises:
        ModelError: the file is missing or cannot be read.
    """
    path = folder / MODEL_FILE
    try:
        state = path.stat()
        return _digest(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise ModelError(f"The model file {path} is missing or unreadable; install the model again.") from error


@lru_cache(maxsize=32)
def _digest(path: Path, mtime_ns: int, size: int) -> str:
    """Of a file that looks like this, so that pages may ask at every turn."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
        digest: SHA-256 of its network file, in hex.
        calibration: what was fitted for it.
        fault_costs: what faults of a crop cost it; empty where nobody measured that.
    """

    def __init__(self, folder: Path, calibrated: bool = True, threads: int = 0) -> None:
        """Open a model's folder.

        Args:
            folder: the model's.
            calibrated: False leaves the report unread, for measuring anew; nothing is calibrated then.
            threads: how many share one call's work, as for `open_session`.

        Raises:
            ModelError: a file is missing or damaged, or the network does not fit its card or its report.
        """
        self.card = ModelCard.read(folder)
        self._session = _open_network(folder / MODEL_FILE, threads)
        self._check_network()
        self.digest = network_digest(folder)
        try:
            report = read_report(folder) if calibrated else {}
            self.calibration = Calibration.from_report(report)
            self.fault_costs = _fault_costs(report)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise ModelError(f"The report of the model {self.card.name} is damaged: {error}") from error

    def _check_network(self) -> None:
        size, classes, maps_size = self.card.input_size, len(self.card.classes), self.card.maps_size
        try:
            outputs = self._run(np.zeros((1, size, size, 1), np.float32))
        except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
            raise ModelError(f"The network of {self.card.name} cannot take the input that its card states.") from error
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

    def explain(self, crops: np.ndarray) -> np.ndarray:
        """Show where in each crop every class was seen.

        These are the network's activation maps. Where it has none, a part of the face after the other is covered by
        the face's mean grey, two cells wide and high, and the map says how much lower that brings each logit
        (Zeiler and Fergus, 2014, arXiv:1311.2901).

        Args:
            crops: uint8 of shape (n, crop_size, crop_size), grey; n may be 0.

        Returns:
            float32 of shape (n, h, w, classes), in logit units, over the centre that the network sees.
        """
        maps = self.predict(crops).maps
        if maps is not None:
            return maps
        cells, size = COVERED_CELLS, self.card.input_size
        covered = np.empty((len(crops), cells, cells, len(self.card.classes)), np.float32)
        middles = (np.arange(cells) + 0.5) * size / cells
        spans = [slice(max(0, round(at - size / cells)), round(at + size / cells)) for at in middles]
        for of_face, face in zip(covered, self._normalise(crops), strict=True):
            block = np.repeat(face[None], cells * cells + 1, axis=0)
            for place in range(cells * cells):
                block[place, spans[place // cells], spans[place % cells]] = 0  # normalised, so the mean
            logits = self._run(block)[0]
            of_face[:] = (logits[-1] - logits[:-1]).reshape(of_face.shape)
        return covered

    def _run(self, block: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {self._session.get_inputs()[0].name: np.ascontiguousarray(block)})

    def _normalise(self, crops: np.ndarray) -> np.ndarray:
        """uint8 (n, crop_size, crop_size) -> float32 (n, input_size, input_size, 1), as the card says."""
        edge = (self.card.crop_size - self.card.input_size) // 2
        centres = crops[:, edge : edge + self.card.input_size, edge : edge + self.card.input_size].astype(np.float32)
        means = centres.mean(axis=(1, 2), keepdims=True)
        deviations = centres.std(axis=(1, 2), keepdims=True)
        return ((centres - means) / (deviations + self.card.epsilon))[..., None]


def _fault_costs(report: Mapping) -> tuple[FaultCost, ...]:
    """What `fer.evaluation.faults` measured, as far as a reading has to know it."""
    study = report.get("faults", {})
    return tuple(
        FaultCost(
            fault=cost["fault"],
            right=cost["right"],
            right_without=cost["right_without"],
            is_sure=cost["difference_95"][1] < 0,
            n=cost["n"],
            data=study["data"],
            split=study["split"],
        )
        for cost in study.get("costs", ())
    )


def _open_network(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(f"The model file {path} is missing; install the model again.")
    try:
        return open_session(path, threads)
    except ValueError as error:
        raise ModelError(f"The model file {path} is damaged or no ONNX network; install the model again.") from error


def load_model(name: str, calibrated: bool = True, threads: int = 0) -> EmotionModel:
    """Open an installed model by its name; `calibrated` and `threads` as for `EmotionModel`.

    Raises:
        ModelError: no such model is installed, or it is damaged.
    """
    installed = paths.find_models()
    if name not in installed:
        raise ModelError(f"The model {name} is not installed; installed are: {', '.join(installed) or 'none'}.")
    return EmotionModel(installed[name], calibrated, threads)
