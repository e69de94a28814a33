"""Reports -> the figures in the README, so that none is typed by hand: `make figures`.

Replaces what stands between two markers; a test holds the README against it. Knows nothing of how figures are measured.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from fer import paths
from fer.evaluation.report import FIT_SPLIT, TEST_SPLIT, Report, load_report
from fer.recognition import ModelCard

README = paths.ROOT / "README.md"
SPEED_FILE = paths.ROOT / "docs" / "benchmark.json"
"""What `python -m fer benchmark --json` printed on an idle machine."""

START, END = "<!-- figures: written by `make figures` -->", "<!-- end of figures -->"


def figures() -> str:
    """Write the section out as Markdown, ending with a line end."""
    shipped = {path.parent.name: path.parent for path in sorted((paths.ROOT / "models").glob(f"*/{paths.CARD_FILE}"))}
    reports = {name: load_report(folder) for name, folder in shipped.items()}
    parts = (_accuracy(reports), _protocol(reports), _sets(reports), _framing(reports), _speed())
    lines = [line for part in parts for line in (*part, "")]
    sizes = ", ".join(f"`{name}` has {ModelCard.read(folder).parameters:,} weights" for name, folder in shipped.items())
    return "\n".join([*lines, f"{sizes}.", ""])


def replaced(readme: str) -> str:
    """The README with its figures brought up to date.

    Raises:
        ValueError: it does not hold both markers.
    """
    before, _, rest = readme.partition(START)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"The README must hold the markers {START} and {END}.")
    return f"{before}{START}\n{figures()}{END}{after}"


def _accuracy(reports: dict[str, Report]) -> Iterator[str]:
    heads = ("model", "data, split", "faces", "accuracy (95 % interval)", "mirror averaged in", "without copies")
    yield f"| {' | '.join((*heads, 'macro-F1', 'ECE'))} |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, report in reports.items():
        for found in report.evaluations:
            if found.stamp.split == FIT_SPLIT:
                continue
            plain, (low, high) = found.plain, found.plain.accuracy_95
            clean = "" if plain.accuracy_without_copies is None else f"{plain.accuracy_without_copies:.1%}"
            cells = (
                f"`{name}`",
                f"{found.stamp.data}, {found.stamp.split}",
                f"{plain.n:,}",
                f"{plain.accuracy:.1%} ({low:.1%} to {high:.1%})",
                f"{found.flip.accuracy:.1%}",
                clean,
                f"{plain.macro_f1:.1%}",
                f"{plain.ece:.1%}",
            )
            yield f"| {' | '.join(cells)} |"


def _protocol(reports: dict[str, Report]) -> Iterator[str]:
    for name, report in reports.items():
        found = report.find("fer2013", TEST_SPLIT)
        if found is None:
            continue
        stamp = found.stamp
        yield (
            f"`{name}`: trained on {stamp.trained_on} ({stamp.training_device}, seeds: {stamp.seeds}); checkpoint "
            f"selected by {stamp.selected_by}; temperature fitted on {FIT_SPLIT}; {TEST_SPLIT} chose nothing. "
            f"{stamp.copies_in_training} of its faces have an exact copy among the training faces. Measured on the "
            f"ONNX file that is served, {stamp.date}."
        )


def _sets(reports: dict[str, Report]) -> Iterator[str]:
    yield f"How often the expressions named hold the label (prediction sets, FER2013 {TEST_SPLIT}, mirror averaged in):"
    yield ""
    yield "| model | asked | held | one word | mean size | by class |"
    yield "|---|---|---|---|---|---|"
    for name, report in reports.items():
        found = report.find("fer2013", TEST_SPLIT)
        if found is None or found.flip.sets is None:
            continue
        sets = found.flip.sets
        by_class = ", ".join(f"{label} {share:.0%}" for label, share in sets.coverage_by_class.items())
        cells = (f"{sets.asked:.0%}", f"{sets.coverage:.1%}", f"{sets.single_share:.0%}", f"{sets.mean_size:.2f}")
        yield f"| `{name}` | {' | '.join(cells)} | {by_class} |"


def _framing(reports: dict[str, Report]) -> Iterator[str]:
    yield "What a detector's own crops cost against the given ones (paired, no averaging):"
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


def _speed() -> Iterator[str]:
    yield "| speed on 2 cores, no GPU, nothing else running | median | 95 % below | budget | how |"
    yield "|---|---|---|---|---|"
    for row in json.loads(SPEED_FILE.read_text(encoding="utf-8")):
        seen = (
            ("not measured", "") if row["p50"] is None else (f"{_short(row[p])} {row['unit']}" for p in ("p50", "p95"))
        )
        median, most = seen
        yield f"| {row['name']} | {median} | {most} | {row['budget']:g} {row['unit']} | {row['note']} |"


def _short(value: float) -> str:
    """Three digits, or all of them where there are more before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(readme: Path = README) -> None:
    """Bring the README's figures up to date."""
    readme.write_text(replaced(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
