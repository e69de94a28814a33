"""Reports of several models -> who reads whose faces how well: everyday photos and posed ones, rows new to the model.

Knows nothing about networks, files or pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fer.datasets import DATASETS, FaceKind
from fer.datasets.dataset import ALL
from fer.datasets.ferplus import FERPLUS
from fer.emotions import EMOTIONS
from fer.errors import known
from fer.evaluation.evaluate import HELD_OUT
from fer.evaluation.matrix import MatrixCell, cross_data_matrix
from fer.evaluation.metrics import macro_recall_interval
from fer.evaluation.report import TEST_SPLIT, Report

Protocol = Literal["votes", "labels", "folds", "everyone", "held-out"]

TITLES: Mapping[FaceKind, str] = {"everyday": "Everyday photos", "posed": "Posed faces in a studio"}
"""What to call each kind of faces."""

PROTOCOLS: Mapping[FaceKind, Sequence[Protocol]] = {
    "everyday": ("votes", "labels"),
    "posed": ("folds", "everyone", "held-out"),
}
"""What tells most first: most of ten raters before one label; everyone in the data set before a few people of it."""


@dataclass(frozen=True)
class StrangersRead:
    """How well one model reads one kind of faces, none of which it or its ancestors learned from.

    Shares are in [0, 1] and of single readings, without the mirror image.

    Attributes:
        model: its name.
        faces: what kind of faces these are.
        protocol: by the majority of raters ("votes") or by the data set's own "labels"; "everyone" in the data set,
            everyone in turn by networks that were trained alike without them ("folds"), or the people "held-out".
        macro_recall: mean recall; over the seven expressions that every model knows, where faces are drawn one by one.
        macro_recall_95: its 95 % interval.
        classes: over how many expressions the mean is.
        cell: what the figures are from.
    """

    model: str
    faces: FaceKind
    protocol: Protocol
    macro_recall: float
    macro_recall_95: tuple[float, float]
    classes: int
    cell: MatrixCell


def strangers_read(reports: Mapping[str, Report]) -> tuple[StrangersRead, ...]:
    """Keep of all stored figures those on known data sets, on whole test splits, on rows new to the model.

    Args:
        reports: by the model's name, in the order to keep.

    Returns:
        Model by model, kind by kind, what tells most first; empty where nothing was measured.
    """
    found = []
    for cell in cross_data_matrix(reports):
        protocol = _protocol(cell)
        if protocol is not None and not cell.seen_in_training:
            found.append(_read(cell, protocol))
    order = [(kind, protocol) for kind, protocols in PROTOCOLS.items() for protocol in protocols]
    models = list(reports)
    return tuple(sorted(found, key=lambda one: (models.index(one.model), order.index((one.faces, one.protocol)))))


def main_reading(read: Sequence[StrangersRead], model: str, faces: FaceKind) -> StrangersRead | None:
    """Of one model on one kind of faces, the figure that tells most; None where there is none."""
    return next((one for one in read if (one.model, one.faces) == (model, faces)), None)


def in_short(name: str, report: Report) -> str:
    """How well one model reads either kind of faces, in a sentence; it says so where nobody has measured that."""
    read = strangers_read({name: report})
    found = {kind: main_reading(read, name, kind) for kind in TITLES}
    parts = [
        f"{100 * one.macro_recall:.0f} % on {TITLES[kind].lower()}" for kind, one in found.items() if one is not None
    ]
    if not parts:
        return "How well it reads faces that it does not know was not measured yet."
    return f"Of each expression it finds, on average, {' and '.join(parts)}, on people that it does not know."


def _protocol(cell: MatrixCell) -> Protocol | None:
    data = DATASETS.get(cell.data)
    if data is None:
        return None
    if data.faces == "everyday":
        return None if cell.split != TEST_SPLIT else "votes" if cell.data == FERPLUS else "labels"
    if cell.split in (ALL, HELD_OUT):
        return "everyone" if cell.split == ALL else "held-out"
    return "folds" if cell.split.startswith(f"{ALL}, ") else None


def _read(cell: MatrixCell, protocol: Protocol) -> StrangersRead:
    """Take a cell's figures; where faces are drawn one by one, over the seven expressions that every model knows."""
    recall, interval, classes = cell.macro_recall, cell.macro_recall_95, cell.classes
    per_class = cell.evaluation.figures["none"].per_class
    if cell.evaluation.stamp.people is None:
        shared = {name: per_class[name] for name in EMOTIONS if name in per_class and per_class[name].support}
        if 0 < len(shared) < classes:
            recall = sum(known(its.recall) for its in shared.values()) / len(shared)
            interval, classes = macro_recall_interval(shared), len(shared)
    return StrangersRead(cell.model, DATASETS[cell.data].faces, protocol, recall, interval, classes, cell)
