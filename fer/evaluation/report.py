"""`report.json`, the only place for a model's figures: fit, measure, write, read and compare.

Knows nothing about how a network computes or how a page shows its figures.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fer.calibration import (
    Calibration,
    cross_entropy,
    fit_set_rule,
    fit_set_rule_to_shares,
    fit_temperature,
    fit_to_shares,
)
from fer.datasets import DATASETS, FaceDataset
from fer.datasets.dataset import ALL
from fer.datasets.ferplus import FERPLUS
from fer.errors import DatasetError, ModelError, known
from fer.evaluation.crossval import CrossValidation, OutOfFold, cross_validation
from fer.evaluation.evaluate import (
    APEX,
    HELD_OUT,
    Card,
    Evaluation,
    Model,
    Progress,
    Readings,
    evaluate_readings,
    learned_from,
    read_split,
    voted_shares,
)
from fer.evaluation.faults import FaultStudy
from fer.evaluation.metrics import Figures
from fer.evaluation.stamp import AVERAGINGS
from fer.evaluation.votes import recall_of_majority
from fer.files import replace_file
from fer.recognition import REPORT_FILE, ModelCard, read_report
from fer.results import Averaging

FIT_SPLIT = "PublicTest"
"""The rows that calibration is fitted on, temperatures on one half and prediction sets on the other; figures on
PrivateTest do not depend on it."""

COVERAGE = 0.8
"""The share of faces whose prediction set is to hold their label."""

HALVES_SEED = 0
"""Draws the two halves."""

TEST_SPLIT = "PrivateTest"

_BREAK = re.compile(r"\n\s*")

AGREE_POINTS = 0.1
"""Two figures agree when they are at most this many percentage points apart."""

_COMPARED = ("accuracy", "accuracy_without_copies", "macro_f1", "macro_recall", "ece", "ece_raw")
_COMPARED_SETS = ("coverage", "single_share")


@dataclass(frozen=True)
class FittedSets:
    """Prediction sets and the rows that they were fitted on.

    Attributes:
        coverage: the share of faces whose set is meant to hold their label.
        threshold: by averaging, the least calibrated probability of a member.
        fitted_on: data, digest, split, half, seed, n and date.
    """

    coverage: float
    threshold: Mapping[Averaging, float]
    fitted_on: Mapping[str, Any]


@dataclass(frozen=True)
class FittedCalibration:
    """Temperatures, prediction sets, and the rows that each was fitted on.

    Attributes:
        temperature: by averaging.
        fitted_on: data, digest, split, n and date, since there are prediction sets half and seed, and the target
            "votes" where probabilities were fitted to the votes of raters.
        shift: by averaging, what is added to the divided logits; empty where nothing is.
        sets: None where none were fitted.
    """

    temperature: Mapping[Averaging, float]
    fitted_on: Mapping[str, Any]
    sets: FittedSets | None = None
    shift: Mapping[Averaging, Sequence[float]] = field(default_factory=dict)

    @property
    def calibration(self) -> Calibration:
        """What turns logits into probabilities and sets with what was fitted."""
        return Calibration.from_report({"calibration": self.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON holds it."""
        values = {"temperature": self.temperature, "fitted_on": self.fitted_on}
        if self.shift:
            values["shift"] = self.shift
        return values if self.sets is None else values | {"sets": asdict(self.sets)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FittedCalibration":
        """Read what `to_dict` wrote; raises TypeError or KeyError where something is missing."""
        sets = FittedSets(**values["sets"]) if "sets" in values else None
        return cls(values["temperature"], values["fitted_on"], sets, values.get("shift", {}))


@dataclass(frozen=True)
class HeadFigures:
    """How one of two layers reads a split by itself; shares are in [0, 1].

    Attributes:
        head: "labels" or "votes", by what taught it.
        data, split, digest: what it was shown.
        n: how many faces, of classes that it knows.
        accuracy, macro_recall: as in `Figures`, each with its 95 % interval.
        code_version, date: as in `Stamp`.
    """

    head: str
    data: str
    split: str
    digest: str
    n: int
    accuracy: float
    accuracy_95: tuple[float, float]
    macro_recall: float
    macro_recall_95: tuple[float, float]
    code_version: str
    date: str

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "HeadFigures":
        """Read what a report holds; raises TypeError or KeyError where something is missing or unknown."""
        pairs = {name: tuple(values[name]) for name in ("accuracy_95", "macro_recall_95")}
        return cls(**{**values, **pairs})


@dataclass(frozen=True)
class Report:
    """Everything measured about one model.

    Attributes:
        calibration: what was fitted; None where nothing was.
        evaluations: figures, each under its stamp.
        framing: how crops follow from boxes, as `fer.evaluation.framing` measured it.
        network: SHA-256 in hex of the network file that was measured; None where nothing was, or it was not noted.
        cross_validation: figures of fold networks that were trained by the same recipe; None where there were none.
        heads: of a network of two layers, of which a mean is served, the figures of each by itself, neither
            calibrated nor averaged with the mirror image; empty where nobody measured them.
        faults: what each fault of a crop costs, without averaging; None where nobody measured it.
    """

    calibration: FittedCalibration | None = None
    evaluations: tuple[Evaluation, ...] = ()
    framing: Mapping[str, Any] = field(default_factory=dict)
    network: str | None = None
    cross_validation: CrossValidation | None = None
    heads: tuple[HeadFigures, ...] = ()
    faults: FaultStudy | None = None

    def find(self, data: str, split: str) -> Evaluation | None:
        """The evaluation on this split of this data set, or None."""
        return next((e for e in self.evaluations if (e.stamp.data, e.stamp.split) == (data, split)), None)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        values = {
            "calibration": {} if self.calibration is None else self.calibration.to_dict(),
            "evaluations": [evaluation.to_dict() for evaluation in self.evaluations],
            "framing": self.framing,
        }
        if self.network is not None:
            values = {"network": self.network} | values
        if self.cross_validation is not None:
            values["cross_validation"] = self.cross_validation.to_dict()
        if self.heads:
            values["heads"] = [asdict(head) for head in self.heads]
        if self.faults is not None:
            values["faults"] = self.faults.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Report":
        """Read what `to_dict` wrote; raises TypeError, KeyError or AttributeError where it does not fit."""
        fitted, folds = values.get("calibration", {}), values.get("cross_validation")
        faults = values.get("faults")
        return cls(
            calibration=FittedCalibration.from_dict(fitted) if fitted else None,
            evaluations=tuple(Evaluation.from_dict(evaluation) for evaluation in values.get("evaluations", ())),
            framing=values.get("framing", {}),
            network=values.get("network"),
            cross_validation=None if folds is None else CrossValidation.from_dict(folds),
            heads=tuple(HeadFigures.from_dict(head) for head in values.get("heads", ())),
            faults=None if faults is None else FaultStudy.from_dict(faults),
        )


def load_report(folder: Path) -> Report:
    """Read a model's report; an empty one where nothing has been measured.

    Raises:
        ModelError: the report is damaged, or of another model or network.
    """
    values = read_report(folder)
    path = folder / REPORT_FILE
    try:
        report = Report.from_dict(values)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ModelError(f"The model file {path} is damaged; evaluate the model again.") from error
    for evaluation in report.evaluations:
        if evaluation.stamp.model != folder.name:
            raise ModelError(
                f"The report {path} is of the model {evaluation.stamp.model}; measure {folder.name} anew with "
                f"`python -m fer evaluate {folder.name} --write-report`."
            )
    return report


def save_report(folder: Path, report: Report) -> None:
    """Write a model's report, whole or not at all.

    Raises:
        ModelError: the folder cannot be written.
    """
    path = folder / REPORT_FILE
    try:
        replace_file(path, (_layout(report.to_dict()) + "\n").encode())
    except OSError as error:
        raise ModelError(f"The report {path} cannot be written: {error.strerror}.") from error


def _layout(values: Mapping[str, Any]) -> str:
    """JSON for people: indented, but a list of plain values on one line, or predictions would take 14,000 lines."""
    text = json.dumps(values, indent=1, ensure_ascii=False)
    return re.sub(r"\[\n([^\[\]{}]*)\n\s*\]", lambda found: f"[{re.sub(_BREAK, ' ', found[1].strip())}]", text)


def store_cross_validation(folder: Path, out_of_fold: OutOfFold) -> CrossValidation:
    """Measure what fold networks said and add it to a model's report, in place of an earlier one.

    What else the report holds stays, unless it is damaged or of another network.

    Args:
        folder: the model's, with its card.
        out_of_fold: what networks trained by the model's recipe said; at least one row that is not neutral.

    Raises:
        ModelError: the card cannot be used, or the folder cannot be written.
        ValueError: there is nothing to measure.
    """
    found = cross_validation(ModelCard.read(folder), out_of_fold)
    try:
        report = load_report(folder)
    except ModelError:
        report = Report()
    save_report(folder, replace(report, cross_validation=found))
    return found


def store_heads(folder: Path, heads: Sequence[HeadFigures]) -> None:
    """Add the figures of each of two layers to a model's report, in place of earlier ones; errors as `load_report`."""
    save_report(folder, replace(load_report(folder), heads=tuple(heads)))


def store_faults(folder: Path, faults: FaultStudy) -> None:
    """Add what faults cost to a model's report, in place of an earlier measurement; errors as `load_report`."""
    save_report(folder, replace(load_report(folder), faults=faults))


def load_cross_validation(folder: Path) -> CrossValidation | None:
    """A model's cross-validation, also where the rest of its report is of another network; None where there is none."""
    try:
        values = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
        return Report.from_dict(values).cross_validation
    except (OSError, TypeError, KeyError, ValueError, AttributeError):
        return None


def calibrate(model: Model, dataset: FaceDataset, progress: Progress | None = None) -> FittedCalibration:
    """Fit a model's temperatures and prediction sets on the rows that were kept for choosing (PublicTest).

    Args:
        model: the model.
        dataset: all rows of the data set.
        progress: called with the share that is done, in [0, 1]; what it raises ends the fit.

    Raises:
        DatasetError: the data set holds fewer than two such rows.
    """
    return fit_readings(dataset, read_split(model, dataset, FIT_SPLIT, progress))


def halves(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows by chance, always the same way: positions for the temperatures, positions for the sets."""
    order = np.random.default_rng(HALVES_SEED).permutation(rows)
    return np.sort(order[: rows // 2]), np.sort(order[rows // 2 :])


def fit_readings(dataset: FaceDataset, readings: Readings) -> FittedCalibration:
    """Fit temperatures on one half of readings that are already there, and prediction sets on the other.

    Args:
        dataset: what was read from.
        readings: what the model said of the rows that were kept for choosing.

    Raises:
        DatasetError: there are fewer than two rows.
    """
    labels = readings.faces.labels
    if len(labels) < 2:
        raise DatasetError(
            f"{dataset.name} holds one {readings.split} row, but calibration needs two or more; use the whole data set."
        )
    source = {"data": dataset.name, "digest": dataset.digest, "split": readings.split}
    return _fitted(source, labels, readings.logits, *halves(len(labels)))


def fit_votes(card: Card, dataset: FaceDataset, readings: Readings) -> FittedCalibration:
    """Fit temperatures to the votes of raters on one half of readings, and prediction sets on the other.

    A shift of every class is fitted, too. It is kept where, for every way of averaging, it brings the cross-entropy on
    the other half down and what most raters see is found as often as before, every class counting the same: a shift
    towards what is frequent pays by the cross-entropy alone, and rare expressions pay for it.

    Args:
        card: the card of the model that read.
        dataset: what was read from.
        readings: what the model said of the rows that were kept for choosing; their faces have votes.

    Raises:
        DatasetError: fewer than two of the rows have votes.
    """
    shares = voted_shares(card, known(readings.faces.votes))
    asked = np.flatnonzero(shares.any(axis=1))
    if len(asked) < 2:
        raise DatasetError(
            f"{len(asked)} {readings.split} rows of {dataset.name} have votes, but calibration needs two or more; use "
            "the whole file of votes."
        )
    first, second = (asked[half] for half in halves(len(asked)))
    fits, shifted = (
        {way: _fit_to_votes(way, said[first], shares[first], kind) for way, said in readings.logits.items()}
        for kind in (False, True)
    )

    def is_better(way: Averaging, said: np.ndarray) -> bool:
        plain, other = (fit[way].probabilities(said, way) for fit in (fits, shifted))
        nearer = cross_entropy(other[second], shares[second]) < cross_entropy(plain[second], shares[second])
        before, after = (recall_of_majority(each[asked], shares[asked]) or 0.0 for each in (plain, other))
        return nearer and after >= before

    if all(is_better(way, said) for way, said in readings.logits.items()):
        fits = shifted
    thresholds = {
        way: fit_set_rule_to_shares(fits[way].probabilities(said[second], way), shares[second], COVERAGE).threshold
        for way, said in readings.logits.items()
    }
    source = {"data": dataset.name, "digest": dataset.digest, "split": readings.split, "target": "votes"}
    drawn = {"seed": HALVES_SEED, "date": datetime.now(UTC).date().isoformat()}
    return FittedCalibration(
        temperature={way: round(fit.temperature(way), 6) for way, fit in fits.items()},
        fitted_on={**source, "half": "first", "n": len(first), **drawn},
        sets=FittedSets(COVERAGE, thresholds, {**source, "half": "second", "n": len(second), **drawn}),
        shift={way: [round(v, 6) for v in fit.shifts[way]] for way, fit in fits.items() if fit.shifts},
    )


def _fit_to_votes(way: Averaging, logits: np.ndarray, shares: np.ndarray, shifted: bool) -> Calibration:
    temperature, shift = fit_to_shares(logits, shares, shifted)
    return Calibration({way: temperature}, shifts={way: shift} if shifted else {})


def fit_out_of_fold(out_of_fold: OutOfFold) -> FittedCalibration:
    """Fit temperatures on the predictions about one half of the people, prediction sets on those about the other.

    For a data set that is too small to keep rows back for choosing; the networks are not the one that is served, but
    trained alike.

    Raises:
        DatasetError: there are fewer than two people.
    """
    people = np.unique(out_of_fold.subject)
    if len(people) < 2:
        raise DatasetError(f"Calibration needs two or more people, but {out_of_fold.data} shows {len(people)}.")
    first, second = (np.flatnonzero(np.isin(out_of_fold.subject, people[half])) for half in halves(len(people)))
    source = {
        "data": out_of_fold.data,
        "digest": out_of_fold.digest,
        "split": f"all, {out_of_fold.folds} folds by person",
    }
    logits: Mapping[Averaging, np.ndarray] = {"none": out_of_fold.logits, "flip": out_of_fold.flip_logits}
    return _fitted(source, out_of_fold.label, logits, first, second)


def _fitted(
    source: Mapping[str, Any],
    labels: np.ndarray,
    logits: Mapping[Averaging, np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
) -> FittedCalibration:
    """Fit temperatures on the rows of `first` and prediction sets on those of `second`."""
    drawn = {"seed": HALVES_SEED, "date": datetime.now(UTC).date().isoformat()}
    temperatures, thresholds = {}, {}
    for way, said in logits.items():
        temperatures[way] = round(fit_temperature(said[first], labels[first]), 6)
        probabilities = Calibration(temperatures).probabilities(said[second], way)
        thresholds[way] = fit_set_rule(probabilities, labels[second], COVERAGE).threshold
    return FittedCalibration(
        temperature=temperatures,
        fitted_on={**source, "half": "first", "n": len(first), **drawn},
        sets=FittedSets(COVERAGE, thresholds, {**source, "half": "second", "n": len(second), **drawn}),
    )


def build_report(
    model: Model,
    dataset: FaceDataset,
    others: Sequence[FaceDataset] = (),
    framing: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    folds: CrossValidation | None = None,
) -> Report:
    """Fit a model's temperatures and prediction sets, and measure everything with them.

    Data sets with a test split are evaluated on it; those without one, on every row that the model did not learn from,
    and, of CK+, on the faces at the peak of an expression.

    Args:
        model: the model.
        dataset: all rows of the data set that it was trained on; the rows for choosing are evaluated, too.
        others: further data sets; of FER+ the rows for choosing are evaluated, too.
        framing: what was measured about crops, taken over as it is.
        progress: called with the share that is done, in [0, 1]; what it raises ends the work.
        folds: the model's cross-validation: measured anew from the predictions that it keeps, and fitted on instead of
            the rows for choosing.

    Raises:
        DatasetError: a split holds no row that the model can be asked about, or too few to calibrate with.
    """
    jobs = [] if folds is not None else [(dataset, FIT_SPLIT)]
    jobs += [(data, FIT_SPLIT) for data in others if data.name == FERPLUS]
    for data in (dataset, *others):
        jobs += [(data, split) for split in _test_splits(model, data, is_home=data is dataset)]
    readings = []
    for done, (data, split) in enumerate(jobs):
        part = None if progress is None else lambda share, done=done: progress((done + share) / len(jobs))
        readings.append(read_split(model, data, split, part))
    if folds is not None:
        fitted = fit_out_of_fold(folds.out_of_fold)
    elif model.card.training.get("heads", {}).get("votes") and dataset.votes is not None:
        fitted = fit_votes(model.card, dataset, readings[0])
    else:
        fitted = fit_readings(dataset, readings[0])
    evaluations = (
        evaluate_readings(model.card, data, read, fitted.calibration)
        for (data, _), read in zip(jobs, readings, strict=True)
    )
    folds = None if folds is None else cross_validation(model.card, folds.out_of_fold)
    return Report(fitted, tuple(evaluations), framing or {}, model.digest, folds)


def _test_splits(model: Model, dataset: FaceDataset, is_home: bool) -> tuple[str, ...]:
    known = DATASETS.get(dataset.name)
    has_test_split = is_home if known is None else ALL not in known.published
    if has_test_split:
        return (TEST_SPLIT,)
    whole = HELD_OUT if learned_from(model.card, dataset).any() else ALL
    return (whole,) if known is None else (whole, APEX)


@dataclass(frozen=True)
class Difference:
    """One figure, measured now and stored earlier.

    Attributes:
        averaging: how faces were averaged.
        figure: its name in `Figures`; those of the prediction sets begin with "sets.".
        measured, stored: shares in [0, 1], or None.
    """

    averaging: Averaging
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
    differences = []
    for averaging in AVERAGINGS:
        measured_figures, stored_figures = (_compared(e.figures[averaging]) for e in (evaluation, stored))
        differences += [
            Difference(averaging, figure, measured_figures[figure], stored_figures[figure])
            for figure in measured_figures
        ]
    return Comparison(evaluation.stamp.digest == stored.stamp.digest, tuple(differences))


def _compared(figures: Figures) -> dict[str, float | None]:
    """The figures that have to agree, by name."""
    sets = {name: None if figures.sets is None else getattr(figures.sets, name) for name in _COMPARED_SETS}
    return {name: getattr(figures, name) for name in _COMPARED} | {f"sets.{name}": v for name, v in sets.items()}
