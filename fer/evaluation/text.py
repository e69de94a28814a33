"""Evaluations and reports -> plain text, every figure with its protocol: a page for a terminal, a line for lists.

Knows nothing about how figures are computed or where the text goes.
"""

from collections.abc import Iterator

from fer.datasets import data_title
from fer.datasets.ferplus import FERPLUS
from fer.evaluation.evaluate import Evaluation
from fer.evaluation.matrix import MatrixCell
from fer.evaluation.metrics import BINS, Figures
from fer.evaluation.report import AGREE_POINTS, FIT_SPLIT, TEST_SPLIT, Difference, Report, compare
from fer.evaluation.stamp import AVERAGING_IN_WORDS

_LABEL = 46
_CELL = 10


def main_evaluation(report: Report) -> Evaluation | None:
    """What says best how well a model reads faces that it did not learn from; None where nobody has measured it.

    Of a model that was cross-validated, this is said of its fold networks; of one whose probabilities were fitted to
    votes of raters, on FER+'s PrivateTest; of others on FER2013's, or where that was not measured, on what was.
    """
    if report.cross_validation is not None:
        return report.cross_validation.apex
    measured = [e for e in report.evaluations if e.is_ranked and e.stamp.split != FIT_SPLIT]
    voted = report.calibration is not None and report.calibration.calibration.target == "votes"
    homes = (FERPLUS, "fer2013") if voted else ("fer2013",)
    return next(filter(None, (report.find(home, TEST_SPLIT) for home in homes)), measured[0] if measured else None)


def headline(report: Report) -> str:
    """Say the main evaluation in one line, or that there is none."""
    found, whose = main_evaluation(report), ""
    if report.cross_validation is not None:
        whose = f"of {report.cross_validation.out_of_fold.folds} networks trained like this one; "
    if found is None:
        return "Not measured yet: run `python -m fer evaluate` on FER2013."
    low, high = (f"{100 * bound:.1f}" for bound in found.figures["none"].accuracy_95)
    return (
        f"{100 * found.figures['none'].accuracy:.1f} % right on {data_title(found.stamp.data)} {found.stamp.split} "
        f"({whose}95 % interval {low} to {high}, {found.figures['none'].n:,} faces); "
        f"{100 * found.figures['flip'].accuracy:.1f} % with the mirrored face averaged in"
    )


def render_cell(cell: MatrixCell) -> str:
    """Say in one line how evenly a model reads the classes of one data set, and on what that was measured."""
    low, high = (f"{100 * bound:.1f}" for bound in cell.macro_recall_95)
    seen = "; seen in training" if cell.seen_in_training else ""
    return (
        f"{data_title(cell.data)} {cell.split}: macro recall {100 * cell.macro_recall:.1f} % "
        f"over {cell.classes} classes "
        f"(95 % interval {low} to {high}, {cell.n:,} faces{seen})"
    )


def render_calibration_error(evaluation: Evaluation, figures: Figures) -> str:
    """The calibration error of one way of averaging, marked where no temperature was fitted."""
    return f"{100 * figures.ece:.1f} %{'' if evaluation.stamp.is_calibrated else ', uncalibrated'}"


def render_evaluation(evaluation: Evaluation) -> str:
    """Write an evaluation out, ending with a line end."""
    return "\n".join(
        [*_protocol(evaluation), "", *_headline(evaluation), *_classes(evaluation), *_confusion(evaluation)]
    )


def render_comparison(evaluation: Evaluation, stored: Evaluation | None) -> str:
    """Say in a few lines whether figures agree with the stored ones; no line end at the end.

    Args:
        evaluation: measured now.
        stored: of the same model, data set and split; None where nothing is stored.

    Raises:
        ValueError: the two are of another model, data set or split.
    """
    stamp = evaluation.stamp
    if stored is None:
        return f"No figures of {stamp.model} on {stamp.data}, split {stamp.split}, are stored to compare with."
    comparison = compare(evaluation, stored)
    lines = []
    if not comparison.same_data:
        lines.append(
            f"This is another copy of {stamp.data} than the stored figures were measured on "
            f"(digest {stored.stamp.digest[:12]}, here {stamp.digest[:12]})."
        )
    measured = f"the figures stored on {stored.stamp.date} (code {stored.stamp.code_version})"
    if comparison.agrees:
        lines.append(f"All figures agree with {measured} within {AGREE_POINTS} points.")
    else:
        lines.append(f"These figures differ from {measured} by more than {AGREE_POINTS} points:")
        lines += [f"  {_difference(each)}" for each in comparison.differences if not each.agrees]
    return "\n".join(lines)


def _difference(difference: Difference) -> str:
    measured, stored = _percent(difference.measured), _percent(difference.stored)
    points = "" if difference.points is None else f" ({difference.points:+.2f} points)"
    return f"{difference.averaging} {difference.figure}: {measured} %, stored {stored} %{points}"


def _protocol(evaluation: Evaluation) -> Iterator[str]:
    stamp = evaluation.stamp
    left_out = ", ".join(f"{rows:,} {reason}" for reason, rows in stamp.rows_left_out.items()) or "no rows"
    people = "" if stamp.people is None else f" of {stamp.people:,} people, by whom the intervals are drawn"
    yield f"{stamp.model} on {stamp.data}, split {stamp.split}: {stamp.n:,} faces{people}"
    if stamp.seen_in_training:
        yield "Seen in training: the model was trained on these rows, so the figures say nothing about new faces."
    yield f"Data digest   {stamp.digest}"
    yield f"Left out      {left_out}"
    yield f"Trained on    {stamp.trained_on}; seeds: {stamp.seeds}; device: {stamp.training_device}"
    yield f"Selected by   {stamp.selected_by}"
    yield f"Averaging     {AVERAGING_IN_WORDS}"
    temperature = (
        ", ".join(f"{averaging}: {value:.3f}" for averaging, value in stamp.temperature.items()) or "not noted"
    )
    yield f"Temperature   {temperature}"
    yield f"Measured      {stamp.date}, code {stamp.code_version}"


def _headline(evaluation: Evaluation) -> Iterator[str]:
    copies = evaluation.stamp.copies_in_training

    def line(label: str, *cells: str) -> str:
        return f"{label:<{_LABEL}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)

    def both(label: str, name: str) -> str:
        return line(label, *(_percent(getattr(figures, name)) for figures in evaluation.figures.values()))

    yield line("Averaging", *evaluation.figures)
    yield both("Accuracy, %", "accuracy")
    for label, end in (("from, %", 0), ("to, %", 1)):
        ends = (_percent(figures.accuracy_95[end]) for figures in evaluation.figures.values())
        yield line(f"  95 % interval {label}", *ends)
    if copies is not None:
        yield both(f"  without copies of training faces ({copies:,}), %", "accuracy_without_copies")
    yield both("Macro-F1, %", "macro_f1")
    yield both("Macro recall, %", "macro_recall")
    yield both(f"Calibration error ({BINS} bins), %", "ece")
    yield both("  before the temperature, %", "ece_raw")
    yield line("Negative log likelihood, nats", *(f"{figures.nll:.4f}" for figures in evaluation.figures.values()))
    rules = [figures.sets for figures in evaluation.figures.values() if figures.sets is not None]
    if len(rules) < len(evaluation.figures):
        yield "Prediction sets: none fitted"
        return
    asked = f"{100 * rules[0].asked:.0f} %"
    yield line(f"Prediction sets for {asked}: label inside, %", *(_percent(r.coverage) for r in rules))
    yield line("  sets of one class, %", *(_percent(r.single_share) for r in rules))
    yield line("  classes a set, mean", *(f"{r.mean_size:.2f}" for r in rules))
    yield line("  least probability of a member, %", *(_percent(r.threshold) for r in rules))


def _classes(evaluation: Evaluation) -> Iterator[str]:
    for averaging, figures in evaluation.figures.items():
        heads = ("precision", "recall", "F1", "in set", "faces")
        in_set = {} if figures.sets is None else figures.sets.coverage_by_class
        yield ""
        yield f"{'By class, averaging ' + averaging + ', %':<{_LABEL}}" + "".join(f"{head:>{_CELL}}" for head in heads)
        for name, its in figures.per_class.items():
            cells = (*map(_percent, (its.precision, its.recall, its.f1, in_set.get(name))), f"{its.support:,}")
            yield f"  {name:<{_LABEL - 2}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _confusion(evaluation: Evaluation) -> Iterator[str]:
    for averaging, figures in evaluation.figures.items():
        yield ""
        yield f"{'':<16}{'read as':>{_CELL}}"
        head = f"Labelled, {averaging}"
        yield f"{head:<16}" + "".join(f"{name:>{_CELL}}" for name in figures.per_class)
        for name, row in zip(figures.per_class, figures.confusion, strict=True):
            yield f"  {name:<14}" + "".join(f"{count:>{_CELL},}" for count in row)
    yield ""


def _percent(share: float | None) -> str:
    """Percent with two digits; a dash where there is no figure."""
    return "-" if share is None else f"{share * 100:.2f}"
