"""`report.json`, the only place for a model's figures: fit, measure, write, read and compare.

Knows nothing about how a network computes or how a page shows its figures.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fer.calibration import Calibration, fit_temperature
from fer.datasets import FaceDataset
from fer.errors import ModelError
from fer.evaluation.evaluate import Evaluation, Model, Progress, Readings, evaluate_readings, read_split
from fer.recognition import REPORT_FILE, read_report
from fer.results import Averaging

FIT_SPLIT = "PublicTest"
"""The rows that temperatures are fitted on; figures on PrivateTest do not depend on it."""

TEST_SPLIT = "PrivateTest"

AGREE_POINTS = 0.1
"""Two figures agree when they are at most this many percentage points apart."""

_COMPARED = ("accuracy", "accuracy_without_copies", "macro_f1", "macro_recall", "ece", "ece_raw")


@dataclass(frozen=True)
class FittedCalibration:
    """Temperatures and the rows that they were fitted on.

    Attributes:
        temperature: by averaging.
        fitted_on: data, digest, split, n and date.
    """

    temperature: Mapping[Averaging, float]
    fitted_on: Mapping[str, Any]

    @property
    def calibration(self) -> Calibration:
        """What turns logits into probabilities with these temperatures."""
        return Calibration(self.temperature)


@dataclass(frozen=True)
class Report:
    """Everything measured about one model.

    Attributes:
        calibration: what was fitted; None where nothing was.
        evaluations: figures, each under its stamp.
        framing: how crops follow from boxes, as `fer.evaluation.framing` measured it.
    """

    calibration: FittedCalibration | None = None
    evaluations: tuple[Evaluation, ...] = ()
    framing: Mapping[str, Any] = field(default_factory=dict)

    def find(self, data: str, split: str) -> Evaluation | None:
        """The evaluation on this split of this data set, or None."""
        return next((e for e in self.evaluations if (e.stamp.data, e.stamp.split) == (data, split)), None)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        fitted = self.calibration
        calibration = {} if fitted is None else {"temperature": fitted.temperature, "fitted_on": fitted.fitted_on}
        return {
            "calibration": calibration,
            "evaluations": [evaluation.to_dict() for evaluation in self.evaluations],
            "framing": self.framing,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Report":
        """Read what `to_dict` wrote; raises TypeError, KeyError or AttributeError where it does not fit."""
        fitted = values.get("calibration", {})
        return cls(
            calibration=FittedCalibration(fitted["temperature"], fitted["fitted_on"]) if fitted else None,
            evaluations=tuple(Evaluation.from_dict(evaluation) for evaluation in values.get("evaluations", ())),
            framing=values.get("framing", {}),
        )


def load_report(folder: Path) -> Report:
    """Read a model's report; an empty one where nothing has been measured.

    Raises:
        ModelError: the report is damaged.
    """
    values = read_report(folder)
    try:
        return Report.from_dict(values)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ModelError(f"The model file {folder / REPORT_FILE} is damaged; evaluate the model again.") from error


def save_report(folder: Path, report: Report) -> None:
    """Write a model's report, whole or not at all.

    Raises:
        ModelError: the folder cannot be written.
    """
    path = folder / REPORT_FILE
    unfinished = folder / f".{REPORT_FILE}-{uuid.uuid4().hex}"
    try:
        unfinished.write_text(json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise ModelError(f"The report {path} cannot be written: {error.strerror}.") from error


def calibrate(model: Model, dataset: FaceDataset, progress: Progress | None = None) -> FittedCalibration:
    """Fit a model's temperatures on the rows that were kept for choosing (PublicTest).

    Args:
        model: the model.
        dataset: all rows of the data set.
        progress: called with the share that is done, in [0, 1]; what it raises ends the fit.

    Raises:
        DatasetError: the data set holds no such rows.
    """
    return _fit(dataset, read_split(model, dataset, FIT_SPLIT, progress))


def _fit(dataset: FaceDataset, readings: Readings) -> FittedCalibration:
    labels = readings.faces.labels
    return FittedCalibration(
        temperature={way: round(fit_temperature(logits, labels), 6) for way, logits in readings.logits.items()},
        fitted_on={
            "data": dataset.name,
            "digest": dataset.digest,
            "split": readings.split,
            "n": len(labels),
            "date": datetime.now(UTC).date().isoformat(),
        },
    )


def build_report(
    model: Model,
    dataset: FaceDataset,
    others: Sequence[FaceDataset] = (),
    framing: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Fit a model's temperatures and measure everything with them.

    Args:
        model: the model.
        dataset: all rows of the data set with the rows for choosing and for testing; both are evaluated.
        others: data sets that are evaluated whole.
        framing: what was measured about crops, taken over as it is.
        progress: called with the share that is done, in [0, 1]; what it raises ends the work.

    Raises:
        DatasetError: a split holds no row that the model can be asked about.
    """
    jobs = [(dataset, FIT_SPLIT), (dataset, TEST_SPLIT), *((other, "all") for other in others)]
    readings = []
    for done, (data, split) in enumerate(jobs):
        part = None if progress is None else lambda share, done=done: progress((done + share) / len(jobs))
        readings.append(read_split(model, data, split, part))
    fitted = _fit(dataset, readings[0])
    evaluations = (
        evaluate_readings(model.card, data, read, fitted.calibration)
        for (data, _), read in zip(jobs, readings, strict=True)
    )
    return Report(fitted, tuple(evaluations), framing or {})


@dataclass(frozen=True)
class Difference:
    """One figure, measured now and stored earlier.

    Attributes:
        averaging: "plain" or "flip".
        figure: its name in `Figures`.
        measured, stored: shares in [0, 1], or None.
    """

    averaging: str
    figure: str
    measured: float | None
    stored: float | None

    @property
    def points(self) -> float | None:
        """Measured minus stored, in percentage points; None where one of the two is missing."""
        if self.measured is None or self.stored is None:
            return None
        return round((self.measured - self.stored) * 100, 4)

    @property
    def agrees(self) -> bool:
        """The two are at most `AGREE_POINTS` apart, or both missing."""
        if self.points is None:
            return self.measured is self.stored
        return abs(self.points) <= AGREE_POINTS


@dataclass(frozen=True)
class Comparison:
    """Figures measured now against stored ones.

    Attributes:
        same_data: both were measured on the same rows, by digest.
        differences: figure by figure.
    """

    same_data: bool
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Every figure agrees."""
        return all(difference.agrees for difference in self.differences)


def compare(evaluation: Evaluation, stored: Evaluation) -> Comparison:
    """Say whether figures measured now agree with stored ones of the same model, data set and split.

    Raises:
        ValueError: they are of another model, data set or split.
    """
    subjects = [(e.stamp.model, e.stamp.data, e.stamp.split) for e in (evaluation, stored)]
    if subjects[0] != subjects[1]:
        raise ValueError(
            f"Only evaluations of the same thing compare, but these are of {subjects[0]} and {subjects[1]}."
        )
    differences = tuple(
        Difference(
            averaging,
            figure,
            getattr(getattr(evaluation, averaging), figure),
            getattr(getattr(stored, averaging), figure),
        )
        for averaging in ("plain", "flip")
        for figure in _COMPARED
    )
    return Comparison(evaluation.stamp.digest == stored.stamp.digest, differences)
