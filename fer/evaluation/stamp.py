"""`Stamp`: the protocol that every figure carries, so that no number stands alone.

Turns itself into JSON and back. Knows nothing about how figures are computed or shown.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

from fer import __version__, paths
from fer.results import Averaging

AVERAGINGS: tuple[Averaging, ...] = get_args(Averaging)
JSON_KEYS: Mapping[Averaging, str] = {"none": "plain", "flip": "flip"}
"""What JSON calls figures by how faces were averaged; stored reports and `evaluate --json` have these names."""

AVERAGING_IN_WORDS = "none, and flip: the mean of the logits of each face and its mirror image"

_JSON_AVERAGING = "plain: none; flip: mean of the logits of each face and its mirror image"


@dataclass(frozen=True)
class Stamp:
    """Where figures come from.

    Attributes:
        model: name of the model.
        data: name of the data set.
        digest: SHA-256 in hex over the data set's emotion, pixel and usage arrays.
        split: which rows were read.
        n: how many.
        rows_left_out: how many were not, by reason.
        trained_on: data set and split that the network was trained on.
        seen_in_training: these rows are among them, so that the figures say nothing about new faces.
        copies_in_training: how many of the rows have an identical picture among the training rows; None where the
            training rows are of another data set or these very rows.
        selected_by: what selected the checkpoint.
        seeds: how many runs, or which, as the model's card says.
        training_device: what the network was trained on, as the card says.
        date: when the figures were computed, ISO 8601, UTC.
        code_version: the program's version and its commit.
        temperature: what calibrated the logits, by averaging; 1 where nothing was fitted, empty
            where it was not noted.
        shift: what was added to the divided logits of every class, by averaging; empty where nothing was.
        people: how many people are seen; all intervals are drawn by person then. None where that is not
            known, and they are drawn by face.
    """

    model: str
    data: str
    digest: str
    split: str
    n: int
    rows_left_out: Mapping[str, int]
    trained_on: str
    seen_in_training: bool
    copies_in_training: int | None
    selected_by: str
    seeds: int | str
    training_device: str
    date: str
    code_version: str
    temperature: Mapping[Averaging, float] = field(default_factory=dict)
    people: int | None = None
    shift: Mapping[Averaging, tuple[float, ...]] = field(default_factory=dict)

    @property
    def is_calibrated(self) -> bool:
        """Whether a fitted temperature made the probabilities."""
        return any(value != 1 for value in self.temperature.values())

    def to_dict(self) -> dict[str, Any]:
        """The stamp as JSON holds it."""
        temperature = {JSON_KEYS[averaging]: value for averaging, value in self.temperature.items()}
        values = asdict(self) | {"averaging": _JSON_AVERAGING, "temperature": temperature}
        shift = values.pop("shift")
        return values | ({"shift": {JSON_KEYS[a]: list(value) for a, value in shift.items()}} if shift else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Stamp":
        """Read what `to_dict` wrote; raises TypeError where something is missing or unknown."""
        values = {key: value for key, value in values.items() if key != "averaging"}
        noted = values.get("temperature", {})
        temperature = {averaging: noted[key] for averaging, key in JSON_KEYS.items() if key in noted}
        shifted = values.get("shift", {})
        shift = {averaging: tuple(shifted[key]) for averaging, key in JSON_KEYS.items() if key in shifted}
        return cls(**{**values, "temperature": temperature, "shift": shift})


def code_version() -> str:
    """The program's version, and in a checkout the commit, marked where files differed from it when first asked."""
    return _version_in(paths.ROOT)


@cache
def _version_in(root: Path) -> str:
    if not (root / ".git").exists():
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__} ({commit})"
