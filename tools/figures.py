"""Reports -> docs/figures.md and the README's few lines of it, so that no figure is typed by hand: `make figures`.

In the README what stands between two markers is replaced; a test holds both files against the reports. Knows nothing of
how figures are measured.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer import paths
from fer.charts.parts import percent
from fer.datasets import DATASETS, data_title
from fer.datasets.dataset import ALL
from fer.evaluation import APEX, HELD_OUT, Evaluation, MatrixCell, Report, cross_data_matrix, load_report
from fer.evaluation.report import FIT_SPLIT, TEST_SPLIT
from fer.evaluation.text import main_evaluation, render_calibration_error
from fer.recognition import ModelCard

README = paths.ROOT / "README.md"
SPEED_FILE = paths.ROOT / "docs" / "benchmark.json"
"""What `python -m fer benchmark --json` printed on an idle machine."""

ABLATION = paths.ROOT / "docs" / "ablation.json"
"""What `python -m tools.ablation` wrote."""

FIGURES = paths.ROOT / "docs" / "figures.md"

START, END = "<!-- figures: written by `make figures` -->", "<!-- end of figures -->"


def render_figures() -> str:
    """Write all figures out as a page of Markdown."""
    reports = _reports()
    sections = {
        "How often a model reads as labelled": _accuracy(reports),
        "How each was measured": _protocol(reports),
        "How evenly each model reads each data set": _matrix(reports),
        **(
            {"What each of two heads reads by itself": _heads(reports)}
            if any(r.heads for r in reports.values())
            else {}
        ),
        "What helps to read strangers": _ablation(),
        "How often the expressions named hold the label": _sets(reports),
        "What a detector's own crops cost": _framing(reports),
        **({"What a fault of the crop costs": _faults(reports)} if any(r.faults for r in reports.values()) else {}),
        "Speed": _speed(),
        "Size": _sizes(reports),
    }
    lines = [
        "# Figures",
        "",
        "Written by `make figures` from the models' reports, the benchmark and the ablation; nothing is typed by hand.",
    ]
    for title, section in sections.items():
        lines += ["", f"## {title}", "", *section]
    return "\n".join([*lines, ""])


def render_summary() -> str:
    """Write the README's few lines: one a model, on faces that it did not learn from."""
    lines = [
        "| model | measured on | faces | read as labelled (95 % interval) | mean recall by class (95 % interval) |",
        "|---|---|---|---|---|",
    ]
    for name, report in _reports().items():
        found = main_evaluation(report)
        if found is None:
            continue
        plain = found.figures["none"]
        cells = (
            f"`{name}`",
            f"{DATASETS[found.stamp.data].title} {found.stamp.split}",
            f"{plain.n:,}",
            _share(plain.accuracy, plain.accuracy_95),
            _share(plain.macro_recall, plain.macro_recall_95),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def replaced(readme: str) -> str:
    """The README with its figures brought up to date.

    Raises:
        ValueError: it does not hold both markers.
    """
    before, _, rest = readme.partition(START)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"The README must hold the markers {START} and {END}.")
    return f"{before}{START}\n{render_summary()}{END}{after}"


def _folders() -> dict[str, Path]:
    """The models of this checkout by name."""
    return {path.parent.name: path.parent for path in sorted((paths.ROOT / "models").glob(f"*/{paths.CARD_FILE}"))}


def _reports() -> dict[str, Report]:
    return {name: load_report(folder) for name, folder in _folders().items()}


def _sizes(reports: dict[str, Report]) -> Iterator[str]:
    cards = {name: ModelCard.read(folder) for name, folder in _folders().items()}
    yield ", ".join(f"`{name}` has {cards[name].parameters:,} weights" for name in reports) + "."


def _accuracy(reports: dict[str, Report]) -> Iterator[str]:
    heads = ("model", "data, split", "faces", "accuracy (95 % interval)", "mirror averaged in", "without copies")
    yield f"| {' | '.join((*heads, 'macro-F1', 'ECE'))} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, report in reports.items():
        folds = report.cross_validation
        measured = [found for found in report.evaluations if found.stamp.split != FIT_SPLIT]
        for found in (*measured, *(() if folds is None else (folds.apex, folds.whole))):
            plain = found.figures["none"]
            clean = "" if plain.accuracy_without_copies is None else percent(plain.accuracy_without_copies, 1)
            cells = (
                f"`{name}`",
                f"{found.stamp.data}, {found.stamp.split}{'' if found.is_ranked else ' (seen in training)'}",
                f"{plain.n:,}" + ("" if found.stamp.people is None else f" of {found.stamp.people} people"),
                _share(plain.accuracy, plain.accuracy_95),
                percent(found.figures["flip"].accuracy, 1),
                clean,
                percent(plain.macro_f1, 1),
                render_calibration_error(found, plain),
            )
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield "Intervals are drawn by person where people are counted, else by face."


def _home(report: Report) -> Evaluation | None:
    """The figures on rows of the training data that the model did not learn from; None where none were measured."""
    for found in report.evaluations:
        stamp = found.stamp
        if found.is_ranked and stamp.split != FIT_SPLIT and stamp.trained_on.split()[0] == stamp.data:
            return found
    return None


def _protocol(reports: dict[str, Report]) -> Iterator[str]:
    paragraphs = []
    for name, report in reports.items():
        found = _home(report)
        if found is None:
            continue
        stamp, folds = found.stamp, report.cross_validation
        words = [
            f"`{name}`: trained on {stamp.trained_on} ({stamp.training_device}, seeds: {stamp.seeds}); checkpoint "
            f"selected by {stamp.selected_by}."
        ]
        if folds is None:
            words.append(f"The temperature was fitted on {FIT_SPLIT}; {stamp.split} chose nothing.")
        else:
            words.append(
                f"The figures by {folds.out_of_fold.folds} folds are those of as many networks trained like it, each "
                "on faces of people whom it had not learned from, with intervals drawn by person; at the apex, neutral "
                f"is no answer. The other figures are of the network that is served; {HELD_OUT} are the people whom "
                "it did not learn from. The temperature was fitted on what the fold networks said."
            )
        if stamp.copies_in_training:
            words.append(f"{stamp.copies_in_training} of its faces have an exact copy among the training faces.")
        paragraphs.append(f"{' '.join(words)} Measured on the ONNX file that is served, {stamp.date}.")
    yield "\n\n".join(paragraphs)


def _matrix(reports: dict[str, Report]) -> Iterator[str]:
    yield "Macro recall over the classes that both know, without averaging:"
    yield ""
    cells = cross_data_matrix(reports)
    columns = list(dict.fromkeys((cell.data, _kind(cell)) for cell in cells))
    yield f"| model | {' | '.join(f'{DATASETS[data].title} {kind}' for data, kind in columns)} |"
    yield f"|{'---|' * (len(columns) + 1)}"
    for name in reports:
        read = [
            "; ".join(_recall(cell) for cell in cells if (cell.model, cell.data, _kind(cell)) == (name, *column))
            for column in columns
        ]
        yield f"| `{name}` | {' | '.join(read)} |"


def _kind(cell: MatrixCell) -> str:
    """The column of a cell: people held out, and folds, stand beside the whole that they are of."""
    return APEX if cell.split.startswith(APEX) else TEST_SPLIT if cell.split == TEST_SPLIT else ALL


def _recall(cell: MatrixCell) -> str:
    low, high = cell.macro_recall_95
    _, comma, folds = cell.split.partition(", ")
    notes = [
        f"{percent(cell.macro_recall, 1)} ({percent(low, 1)} to {percent(high, 1)})",
        f"{cell.n:,} faces of {cell.classes} classes",
        *([folds] if comma else []),
        *([HELD_OUT] if cell.split == HELD_OUT else []),
        *(["seen in training"] if cell.seen_in_training else []),
    ]
    return ", ".join(notes)


def _heads(reports: dict[str, Report]) -> Iterator[str]:
    yield "Of the networks whose mean of two layers is served, without averaging, over the seven classes of both:"
    yield ""
    yield "| model | head taught by | data, split | faces | accuracy (95 % interval) | macro recall (95 % interval) |"
    yield "|---|---|---|---|---|---|"
    for name, report in reports.items():
        for head in report.heads:
            shares = (_share(head.accuracy, head.accuracy_95), _share(head.macro_recall, head.macro_recall_95))
            cells = (f"`{name}`", head.head, f"{head.data}, {head.split}", f"{head.n:,}", *shares)
            yield f"| {' | '.join(cells)} |"


def _ablation() -> Iterator[str]:
    stored = json.loads(ABLATION.read_text(encoding="utf-8"))
    budget, lines = stored["budget"], stored["lines"]
    widths = "-".join(map(str, budget["network"]["widths"]))
    stages = " and ".join(f"{stage['epochs']} epochs at {stage['size']} pixels" for stage in budget["stages"])
    augmentation = "; ".join(
        f"{name}: zoom {how['scale'][0]:g} to {how['scale'][1]:g}, rotation ±{how['rotation_degrees']:g}°, shift "
        f"±{how['shift_pixels']:g} pixels, gamma exp(±{how['gamma']:g}), shrunk with p {how['shrink_probability']:g}, "
        f"blurred with p {how['blur_probability']:g}, erased with p {how['erase_probability']:g}"
        for name, how in budget["augmentation"].items()
    )
    yield (
        f"{len(lines)} of 12 networks of one short budget: widths {widths}, {stages}, seed {budget['seed']}, one "
        "run each, so that differences within the intervals say nothing. Nothing was chosen by these figures; of both "
        "heads the mean with 0.6 of the votes' is read. CK+'s people are those of its Training rows, the others are "
        "held out. "
        f"Augmentation: {augmentation}. Measured {stored['date']}, code "
        f"{stored['code_version']}, by `python -m tools.ablation`."
    )
    yield ""
    tests = list(lines[0]["figures"])
    heads = [f"{test}: {what}" for test in tests for what in ("accuracy", "macro recall of 7")]
    yield f"| augmentation | taught by | CK+'s people | {' | '.join(heads)} |"
    yield f"|{'---|' * (len(heads) + 3)}"
    for line in lines:
        cells = [line["augmentation"], line["taught_by"], "learned too" if line["with_ckplus"] else "no"]
        for test in tests:
            found = line["figures"][test]
            cells += [_share(found[name], found[f"{name}_95"]) for name in ("accuracy", "macro_recall")]
        yield f"| {' | '.join(cells)} |"
    yield ""
    shown = (
        f"{test} {found['n']:,}" + ("" if found["people"] is None else f" of {found['people']} people")
        for test, found in lines[0]["figures"].items()
    )
    yield f"Faces: {', '.join(shown)}. Intervals of 95 % are drawn by person where people are counted, else by face."


def _share(value: float, interval_95: Sequence[float]) -> str:
    low, high = interval_95
    return f"{percent(value, 1)} ({percent(low, 1)} to {percent(high, 1)})"


def _sets(reports: dict[str, Report]) -> Iterator[str]:
    yield "Prediction sets, mirror averaged in:"
    yield ""
    yield "| model | data, split | asked | held | one word | mean size | by class |"
    yield "|---|---|---|---|---|---|---|"
    for name, report in reports.items():
        found = _home(report)
        if found is None or found.figures["flip"].sets is None:
            continue
        sets = found.figures["flip"].sets
        by_class = ", ".join(
            f"{label} {percent(share)}" for label, share in sets.coverage_by_class.items() if share is not None
        )
        cells = (percent(sets.asked), percent(sets.coverage, 1), percent(sets.single_share), f"{sets.mean_size:.2f}")
        yield f"| `{name}` | {found.stamp.data}, {found.stamp.split} | {' | '.join(cells)} | {by_class} |"


def _framing(reports: dict[str, Report]) -> Iterator[str]:
    yield "Against the given crops, on the same faces, without averaging:"
    yield ""
    yield "| model | detector | faces | found | own minus given (95 % interval) |"
    yield "|---|---|---|---|---|"
    for name, report in reports.items():
        for detector, measured in report.framing.items():
            for faces, study in measured["own_crops_against_given"].items():
                difference = study["difference"]
                low, high = (f"{100 * bound:+.1f}" for bound in difference["interval_95"])
                points = f"{100 * difference['difference']:+.1f} points ({low} to {high})"
                yield f"| `{name}` | {detector} | {faces} | {study['found']:,} of {study['n']:,} | {points} |"


def _faults(reports: dict[str, Report]) -> Iterator[str]:
    studies = {name: report.faults for name, report in reports.items() if report.faults is not None}
    yield "Without averaging; against the same faces undamaged, where the fault was done to them:"
    yield ""
    yield "| model | fault | how | faces | read rightly (95 % interval) | others | difference (95 % interval) |"
    yield "|---|---|---|---|---|---|---|"
    for name, study in studies.items():
        share = _share(study.right, study.right_95)
        yield f"| `{name}` | none | as they were found | {study.n:,} | {share} | | |"
        for cost in study.costs:
            low, high = (f"{100 * bound:+.1f}" for bound in cost.difference_95)
            points = f"{100 * cost.difference:+.1f} points ({low} to {high})"
            share = _share(cost.right, cost.right_95)
            cells = (f"`{name}`", cost.fault, cost.how, f"{cost.n:,}", share, percent(cost.right_without, 1), points)
            yield f"| {' | '.join(cells)} |"
    for name, study in studies.items():
        yield ""
        yield (
            f"`{name}`: {data_title(study.data)} {study.split} (digest {study.digest[:12]}), {study.date}, code "
            f"{study.code_version}, seed {study.seed}, by `python -m tools.fault_costs`; how strong a fault is was "
            "drawn evenly from what is stated."
        )


def _speed() -> Iterator[str]:
    yield "| speed on 2 cores, no GPU, nothing else running | median | 95 % below | budget | how |"
    yield "|---|---|---|---|---|"
    for row in json.loads(SPEED_FILE.read_text(encoding="utf-8")):
        median, most, budget = "not measured", "", ""
        if row["p50"] is not None:
            median, most = (f"{_short(row[p])} {row['unit']}" for p in ("p50", "p95"))
        if row["budget"] is not None:
            budget = f"{row['budget']:g} {row['unit']}"
        if row["at_least"]:
            most = f"above {most}" if row["n"] > 1 else ""
            budget = budget and f"at least {budget}"
        yield f"| {row['name']} | {median} | {most} | {budget} | {row['note']} |"


def _short(value: float) -> str:
    """Three digits, or all of them where there are more before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(readme: Path = README, figures: Path = FIGURES) -> None:
    """Bring both files up to date."""
    readme.write_text(replaced(readme.read_text(encoding="utf-8")), encoding="utf-8")
    figures.write_text(render_figures(), encoding="utf-8")


if __name__ == "__main__":
    main()
