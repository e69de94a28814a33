"""Reports of several models -> which model, trained on what, reads which data set how well.

Knows nothing about networks, files or pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fer.datasets.dataset import ALL
from fer.evaluation.evaluate import APEX, HELD_OUT, Evaluation
from fer.evaluation.report import TEST_SPLIT, Report

_TESTS = (TEST_SPLIT, ALL, HELD_OUT, APEX)


@dataclass(frozen=True)
class MatrixCell:
    """One model on one data set. Shares are in [0, 1] and of single readings, without the mirror image.

    Attributes:
        model: its name.
        trained_on: data set and split that it was trained on.
        data, split: what it read.
        macro_recall: mean recall over the classes that both the model and the data set know: accuracy says little where
            two thirds of the faces are neutral.
        macro_recall_95: its 95 % interval, drawn by person where people are known.
        classes: how many classes that are.
        n: number of faces.
        seen_in_training: the model learned from some of the rows, so the figure is never ranked.
        evaluation: what the figures are from, with its stamp.
    """

    model: str
    trained_on: str
    data: str
    split: str
    macro_recall: float
    macro_recall_95: tuple[float, float]
    classes: int
    n: int
    seen_in_training: bool
    evaluation: Evaluation


def cross_data_matrix(reports: Mapping[str, Report]) -> tuple[MatrixCell, ...]:
    """Set models against data sets.

    Args:
        reports: by the model's name, in the order to keep.

    Returns:
        For every model its test figures in the report's order, then those of its cross-validation. A model that was
        cross-validated has both: its own on the people that it does not know, and beside them those of fold networks
        on everyone. Empty where nothing was measured.

    Examples:
        >>> from fer.evaluation.report import load_report
        >>> from fer.paths import ROOT
        >>> cells = cross_data_matrix({name: load_report(ROOT / "models" / name) for name in ("fer2013", "ckplus")})
        >>> [(cell.model, cell.data) for cell in cells if cell.split == "PrivateTest"]
        [('fer2013', 'fer2013'), ('fer2013', 'ferplus'), ('ckplus', 'fer2013'), ('ckplus', 'ferplus')]
    """
    cells = []
    for name, report in reports.items():
        measured = [found for found in report.evaluations if found.stamp.split in _TESTS]
        if report.cross_validation is not None:
            measured += [report.cross_validation.whole, report.cross_validation.apex]
        cells += [_cell(name, found) for found in measured]
    return tuple(cells)


def _cell(name: str, found: Evaluation) -> MatrixCell:
    return MatrixCell(
        model=name,
        trained_on=found.stamp.trained_on,
        data=found.stamp.data,
        split=found.stamp.split,
        macro_recall=found.figures["none"].macro_recall,
        macro_recall_95=found.figures["none"].macro_recall_95,
        classes=sum(1 for its in found.figures["none"].per_class.values() if its.support),
        n=found.figures["none"].n,
        seen_in_training=found.stamp.seen_in_training,
        evaluation=found,
    )
