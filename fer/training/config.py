"""A TOML file -> one checked recipe for a training run.

Knows nothing about networks or data; it only says which values are possible. Unknown keys, missing keys and
impossible values end as one sentence.
"""

import math
import tomllib
import types
import typing
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from fer import paths
from fer.datasets.folders import SIDE
from fer.errors import FerError

RECIPES = Path(__file__).parent / "recipes"
"""The recipes that come along, each a file of its name."""

NETWORK_SUFFIX = ".keras"
"""Tells a network's file from the name of an installed model."""

SMALLEST_GRID = 5
"""The last convolution has to see at least this many cells a side, or activation maps show nothing."""

LEAST_OF_LSTM = 22
"""Side that leaves one cell after the three poolings of a network of the kind "lstm", pixels."""


def _check(name: str, holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise FerError(f"{name} must be {rule}, but is {value}.")


@dataclass(frozen=True)
class NetworkConfig:
    """A network that `fer.training.networks` builds.

    Attributes:
        widths: channels of every block of two 3x3 convolutions; pooling between the blocks halves the sides. A
            network of the kind "lstm" has widths of its own.
        dropout: share of the features that is dropped before the last dense layer while training.
        kind: "vgg" for blocks of convolutions, or "lstm" for five of them whose cells two LSTMs read one after the
            other.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    dropout: float = 0.2
    kind: Literal["vgg", "lstm"] = "vgg"

    @property
    def least_input(self) -> int:
        """The smallest side that it can be shown, pixels."""
        return LEAST_OF_LSTM if self.kind == "lstm" else 2 ** (len(self.widths) - 1)

    @property
    def least_served(self) -> int:
        """The smallest side that it may be served with, pixels."""
        return self.least_input * (1 if self.kind == "lstm" else SMALLEST_GRID)

    def __post_init__(self) -> None:
        _check("network.widths", len(self.widths) > 0 and min(self.widths) > 0, "positive numbers", self.widths)
        _check("network.dropout", 0 <= self.dropout < 1, "at least 0 and below 1", self.dropout)


@dataclass(frozen=True)
class AugmentationConfig:
    """How far a training face may be changed. Mirroring is no choice: every face alternates from epoch to epoch.

    Attributes:
        rotation_degrees: turns to either side, up to this.
        scale: smallest and largest zoom factor.
        shift_pixels: moves along either axis, up to this, in pixels of the data set's images.
        gamma: brightens or darkens with exponents of exp(-gamma) to exp(gamma); a change that the normalisation of
            every image undoes, such as plain brightness or contrast, would teach nothing.
        erase_probability: how often a rectangle of 2 to 20 percent of the face is replaced by noise.
        side_light: lights one side and darkens the other, by exponents of up to this at the edges, from any direction.
        blur_probability: how often a face is blurred, by a Gaussian of 0.3 to 1.1 pixels.
        shrink_probability: how often a face is shrunk to 0.4 to 0.9 of its side and enlarged again.
        jpeg_probability: how often a face passes through JPEG of quality 20 to 80.
        mixup: both parameters of the beta distribution that faces and targets are mixed by (Zhang et al., 2018,
            arXiv:1710.09412); 0 mixes nothing.
    """

    rotation_degrees: float = 10.0
    scale: tuple[float, float] = (0.88, 1.15)
    shift_pixels: float = 4.0
    gamma: float = 0.0
    erase_probability: float = 0.25
    side_light: float = 0.0
    blur_probability: float = 0.0
    shrink_probability: float = 0.0
    jpeg_probability: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        turn, (low, high), shift = self.rotation_degrees, self.scale, self.shift_pixels
        _check("augmentation.rotation_degrees", 0 <= turn <= 180, "between 0 and 180", turn)
        _check("augmentation.scale", 0 < low <= high, "two positive factors, the smaller first", self.scale)
        _check("augmentation.shift_pixels", shift >= 0, "at least 0", shift)
        _check("augmentation.gamma", 0 <= self.gamma <= 2, "between 0 and 2", self.gamma)
        _check("augmentation.side_light", 0 <= self.side_light <= 2, "between 0 and 2", self.side_light)
        _check("augmentation.mixup", self.mixup >= 0, "at least 0", self.mixup)
        for name in ("erase_probability", "blur_probability", "shrink_probability", "jpeg_probability"):
            _check(f"augmentation.{name}", 0 <= getattr(self, name) <= 1, "0 to 1", getattr(self, name))


@dataclass(frozen=True)
class HeadsConfig:
    """Two linear layers on the same features, one taught by the labels, one by the votes of raters.

    Attributes:
        served: weight of the votes' layer in the mean of logits that is served: 0 serves the labels' layer and 1 the
            votes' layer alone; in between, the classes that both know.
        labels: factor of the labels' cross-entropy in the loss.
        votes: factor of the votes' cross-entropy in the loss; rows without votes have none.
        rare: how far what is served leans to expressions that raters seldom see: by this times minus the logarithm of
            an expression's share of the votes, added to its logit (Menon et al., 2021, arXiv:2007.07314, after
            training).
    """

    served: float
    labels: float = 1.0
    votes: float = 1.0
    rare: float = 0.0

    def __post_init__(self) -> None:
        _check("heads.served", 0 <= self.served <= 1, "between 0 and 1", self.served)
        _check("heads.labels", self.labels >= 0, "at least 0", self.labels)
        _check("heads.votes", self.votes >= 0, "at least 0", self.votes)
        _check("heads.rare", 0 <= self.rare <= 1, "between 0 and 1", self.rare)
        _check("heads.labels", self.labels > 0 or self.served == 1, "above 0, since that head is served", self.labels)
        _check("heads.votes", self.votes > 0 or self.served == 0, "above 0, since that head is served", self.votes)


@dataclass(frozen=True)
class Stage:
    """A part of the run with one input size: small inputs first make early epochs cheap.

    Attributes:
        size: side of the network's input in pixels; the faces are shrunk to it, not cut.
        epochs: how many epochs it lasts.
    """

    size: int
    epochs: int

    def __post_init__(self) -> None:
        _check("stages.size", self.size > 0, "positive", self.size)
        _check("stages.epochs", self.epochs > 0, "positive", self.epochs)


@dataclass(frozen=True)
class DistillationConfig:
    """Learning from other networks' answers besides the labels.

    Attributes:
        teachers: networks with the same classes, named as `TrainingConfig.initial` is.
        share: weight of the teachers in the target, in [0, 1].
        temperature: the teachers' logits are divided by it.
    """

    teachers: tuple[Path, ...]
    share: float = 0.5
    temperature: float = 2.0

    def __post_init__(self) -> None:
        _check("distillation.teachers", len(self.teachers) > 0, "at least one .keras file", "an empty list")
        _check("distillation.share", 0 <= self.share <= 1, "between 0 and 1", self.share)
        _check("distillation.temperature", self.temperature > 0, "positive", self.temperature)


@dataclass(frozen=True)
class CrossValidationConfig:
    """Measuring the recipe by networks that each learn without the people of one fold.

    Attributes:
        folds: how many networks, besides the one that is kept.
    """

    folds: int = 10

    def __post_init__(self) -> None:
        _check("cross_validation.folds", self.folds >= 2, "at least 2", self.folds)


@dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Attributes:
        name: of the model; also of its folder.
        stages: input sizes and epochs, in order; the last size is the one that is served.
        network, augmentation, heads, distillation, cross_validation: see there; without heads, one layer learns the
            labels.
        seed: of the first weights, the order of the faces, the augmentation and the dropout.
        batch_size: faces a step; the rest of an epoch that fills no batch waits for the next epoch's order.
        peak_rate: learning rate after the warm-up; from there a cosine leads to 0.
        warmup_epochs: epochs of linear warm-up.
        momentum: of Nesterov's gradient descent.
        label_smoothing: share of the target that is spread over all classes.
        l2: factor of the squared kernels in the loss.
        ema: decay of the exponential average of the weights, a step; the average is what is kept.
        precision: what is computed in; weights are always float32.
        jit_compile: let the backend compile the step.
        initial: a network of the same layers whose weights the run starts from: the name of an installed model, or a
            `.keras` file, whose path is relative to the TOML file's folder; None starts afresh. Of its dense layer,
            only the outputs of classes that the data has too are taken over.
        crop_size: side that faces are brought to before anything else, pixels; the model card's `crop_size`.
        balance: "class_weights" lets rows of rare classes count more in the loss, "oversample" repeats them; both
            only ever touch the rows that are learned from.
        clean: leave out training faces whose copy is in a test split.
    """

    name: str
    stages: tuple[Stage, ...]
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    heads: HeadsConfig | None = None
    distillation: DistillationConfig | None = None
    cross_validation: CrossValidationConfig | None = None
    seed: int = 1
    batch_size: int = 128
    peak_rate: float = 0.05
    warmup_epochs: int = 2
    momentum: float = 0.9
    label_smoothing: float = 0.1
    l2: float = 2.5e-4
    ema: float = 0.999
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: bool = False
    initial: Path | None = None
    crop_size: int = SIDE
    balance: Literal["none", "class_weights", "oversample"] = "none"
    clean: bool = False

    def __post_init__(self) -> None:
        plain = self.name.replace("-", "").replace("_", "").isalnum() and self.name.isascii()
        _check("name", plain, "made of letters, digits, - and _", repr(self.name))
        _check("stages", len(self.stages) > 0, "at least one table", "missing")
        _check("seed", self.seed >= 0, "at least 0", self.seed)
        _check("batch_size", self.batch_size >= 2, "at least 2", self.batch_size)
        _check("peak_rate", self.peak_rate > 0, "positive", self.peak_rate)
        _check("warmup_epochs", 0 <= self.warmup_epochs < self.epochs, f"0 to {self.epochs - 1}", self.warmup_epochs)
        _check("momentum", 0 < self.momentum < 1, "between 0 and 1", self.momentum)
        _check("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1", self.label_smoothing)
        _check("l2", self.l2 >= 0, "at least 0", self.l2)
        _check("ema", 0 <= self.ema < 1, "at least 0 and below 1", self.ema)
        both = self.heads is not None and self.cross_validation is not None
        _check("cross_validation", not both, "left out where there are heads", "there")
        least, smallest = self.network.least_input, self.network.least_served
        _check("The last stage's size", self.input_size >= smallest, f"at least {smallest} pixels", self.input_size)
        _check("crop_size", self.input_size <= self.crop_size, f"at least {self.input_size}", self.crop_size)
        for stage in self.stages:
            _check("stages.size", stage.size >= least, f"at least {least} pixels", stage.size)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def input_size(self) -> int:
        """Side of the served network's input, pixels."""
        return self.stages[-1].size

    def size_in(self, epoch: int) -> int:
        """The input size of an epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.size
            epoch -= stage.epochs
        raise IndexError(epoch)


def load_config(path: Path) -> TrainingConfig:
    """Read and check a recipe.

    Args:
        path: its file, or the name of one in `RECIPES`, such as own-folder.

    Raises:
        FerError: the file is missing or no TOML, holds an unknown key, lacks one, or states an impossible value.
    """
    shipped = RECIPES / f"{path.name}.toml"
    if path.name == str(path) and not path.exists() and shipped.is_file():
        path = shipped
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise FerError(f"The recipe {path} is missing; name a TOML file, or one that comes along: {known}.") from error
    except (OSError, ValueError) as error:
        raise FerError(f"The recipe {path} cannot be read as TOML: {error}.") from error
    try:
        return _read(TrainingConfig, table, "", path.parent)
    except FerError as error:
        raise FerError(f"The recipe {path} cannot be used: {error}") from error


def _read(kind: type, table: object, where: str, folder: Path) -> Any:
    """Make a frozen dataclass from a TOML table."""
    if not isinstance(table, dict):
        raise FerError(f"{where} must be a table.")
    prefix = f"{where}." if where else ""
    known = {f.name: f for f in fields(kind)}
    for key in table:
        if key not in known:
            raise FerError(f"{prefix}{key} is no setting; known here are {', '.join(known)}.")
    for name, setting in known.items():
        if name not in table and setting.default is MISSING and setting.default_factory is MISSING:
            raise FerError(f"{prefix}{name} is missing.")
    hints = typing.get_type_hints(kind)
    return kind(**{key: _convert(value, hints[key], prefix + key, folder) for key, value in table.items()})


def _convert(value: object, hint: Any, where: str, folder: Path) -> Any:
    """Check one TOML value against a field's type and return it as that type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        hint = arguments[0]
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(hint, value, where, folder)
    if origin is tuple:
        if not isinstance(value, list) or (arguments[-1] is not ... and len(value) != len(arguments)):
            raise FerError(f"{where} must be a list{'' if arguments[-1] is ... else f' of {len(arguments)}'}.")
        return tuple(_convert(item, arguments[0], where, folder) for item in value)
    if origin is Literal:
        _check(where, value in arguments, " or ".join(arguments), value)
        return value
    if hint is Path and isinstance(value, str):
        path = paths.expanded(value)
        return folder / path if path.suffix == NETWORK_SUFFIX else path
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint or (isinstance(value, float) and not math.isfinite(value)):
        words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", Path: "a path"}
        raise FerError(f"{where} must be {words[hint]}, but is {value!r}.")
    return value
