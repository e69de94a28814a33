"""Which models a page compares, on which rows, and which figures there are for that: stored ones, or measured here.

A model that is damaged is told apart from the others, which are still shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from fer import paths
from fer.calibration import Calibration
from fer.datasets import DATASETS, FaceDataset, data_title
from fer.datasets.dataset import ALL
from fer.errors import FerError, known
from fer.evaluation import APEX, HELD_OUT, Evaluation, Figures
from fer.evaluation.installed import DamagedModel, InstalledModel, find_installed
from fer.evaluation.report import TEST_SPLIT
from fer.results import Averaging
from fer.ui.data_files import open_file
from fer.ui.loaders import put_default_first
from fer.ui.models.runs import Key, Result, model_digest, open_kept
from fer.ui.style import plain

WAYS: dict[Averaging, str] = {"none": "As they are", "flip": "Mirrored faces averaged in"}
_SPLIT_TITLES = {ALL: "all rows", APEX: "expressions at their peak", HELD_OUT: "people not learned from"}

_ABOUT_SPLITS = (
    "FER2013's makers divided its faces: *Training* is what networks learn from, *PublicTest* is for choosing between "
    "them, *PrivateTest* is put aside for one last measurement. CK+ has no such division: a model is shown everyone, "
    "or the people that it did not learn from."
)


@dataclass(frozen=True)
class Rows:
    """The rows that models are compared on, and how they are read."""

    data: str
    split: str
    averaging: Averaging

    @property
    def title(self) -> str:
        return f"{data_title(self.data)}, {split_title(self.split)}"


@dataclass(frozen=True, eq=False)
class Entry:
    """A model and what is known of it on the chosen rows.

    Attributes:
        model: the model.
        stored: the figures of its report; None where it has none on these rows.
        result: what was measured on this machine, on this copy of the data; None before that.
    """

    model: InstalledModel
    stored: Evaluation | None
    result: Result | None

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def evaluation(self) -> Evaluation | None:
        """The figures to show: those measured here, else the stored ones."""
        return self.stored if self.result is None else self.result.evaluation

    @property
    def measured(self) -> Evaluation:
        """The same, for a model that has figures on these rows."""
        return known(self.evaluation)

    @property
    def readings(self) -> Result:
        """The result, for a model that was measured here."""
        return known(self.result)

    def figures(self, averaging: Averaging) -> Figures:
        """The figures for one kind of averaging, for a model that has some on these rows."""
        return self.measured.figures[averaging]

    def probabilities(self, averaging: Averaging, calibrated: bool = True) -> np.ndarray:
        """What was measured here, as probabilities: float32 of shape (n, classes), in the order of the result's rows.

        Args:
            averaging: how faces are averaged.
            calibrated: False gives those of the network itself.
        """
        stamp = self.measured.stamp
        calibration = Calibration(stamp.temperature, shifts=stamp.shift) if calibrated else Calibration()
        return calibration.probabilities(self.readings.logits[averaging], averaging)


def split_title(split: str) -> str:
    """What to call a split."""
    return _SPLIT_TITLES.get(split, split)


def find_models() -> tuple[list[InstalledModel], list[str]]:
    """Every model that can be shown, the default first, and a sentence for every one that cannot."""
    found = find_installed()
    good = {model.name: model for model in found if isinstance(model, InstalledModel)}
    errors = [model.error for model in found if isinstance(model, DamagedModel)]
    return [good[name] for name in put_default_first(good)], errors


def choose_models(models: Sequence[InstalledModel]) -> list[InstalledModel]:
    """Offer the models, with what each is for; at first all of them."""
    names = [model.name for model in models]
    about = "\n".join(f"- **{plain(model.name)}**: {plain(model.card.purpose)}" for model in models)
    chosen = st.pills(
        "Models", names, selection_mode="multi", default=names, key="models", bind="query-params", help=about
    )
    return [model for model in models if model.name in chosen]


def choose_rows(models: Sequence[InstalledModel]) -> Rows:
    """Offer the data sets and splits that are known or that a report has figures on, and the ways of averaging."""
    splits = {
        name: [*known.published, *((APEX, HELD_OUT) if ALL in known.published else ())]
        for name, known in DATASETS.items()
    }
    for stamp in (evaluation.stamp for model in models for evaluation in model.report.evaluations):
        of_data = splits.setdefault(stamp.data, [])
        if stamp.split not in of_data:
            of_data.append(stamp.split)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        data = st.segmented_control(
            "Data set",
            list(splits),
            default=next(iter(splits)),
            required=True,
            format_func=data_title,
            key="models_data",
            bind="query-params",
        )
        offered = splits[data]
        split = st.segmented_control(
            "Rows",
            offered,
            default=TEST_SPLIT if TEST_SPLIT in offered else offered[0],
            required=True,
            format_func=split_title,
            key=f"models_rows_{data}",
            bind="query-params",
            help=_ABOUT_SPLITS,
        )
        averaging = st.segmented_control(
            "Faces are read",
            list(WAYS),
            default="none",
            required=True,
            format_func=WAYS.__getitem__,
            key="models_way",
            bind="query-params",
        )
    return Rows(data, split, averaging)


def data_file(data: str) -> Path | None:
    """The file of a known data set on this machine, or None."""
    return paths.find_data_file(DATASETS[data].file_name) if data in DATASETS else None


def open_data(data: str) -> FaceDataset | None:
    """Open a data set that was found on this machine; None where there is none, or none that can be read.

    A sentence says why it cannot be read.
    """
    file = data_file(data)
    if file is None:
        return None
    try:
        return open_file(file, data)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return None


def find_entries(models: Sequence[InstalledModel], rows: Rows) -> tuple[list[Entry], FaceDataset | None]:
    """Put the models beside their figures.

    Returns:
        An entry a model; and the data set, where something was measured on it here, else None: nothing else needs it.
    """
    dataset = open_data(rows.data) if len(open_kept()) else None
    found = []
    for model in models:
        result = None
        if dataset is not None:
            result = open_kept().get(Key(model_digest(model.name), dataset.digest, rows.split))
        found.append(Entry(model, model.report.find(rows.data, rows.split), result))
    return found, dataset
