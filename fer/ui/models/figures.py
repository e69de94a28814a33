"""The head of the Models page: one row of stamped figures a model, how each was measured, and measuring it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from fer.charts.parts import percent
from fer.datasets import DATASETS, FaceDataset, data_title
from fer.errors import FerError
from fer.evaluation import EVALUATION_SPLITS, Comparison, Evaluation, Figures, Stamp, compare
from fer.evaluation.report import AGREE_POINTS
from fer.evaluation.stamp import AVERAGING_IN_WORDS
from fer.evaluation.text import render_calibration_error
from fer.evaluation.votes import VoteFigures
from fer.results import Averaging
from fer.ui.loaders import open_model
from fer.ui.models.choice import Entry, Rows, data_file, open_data, split_title
from fer.ui.models.runs import Key, Run, model_digest, open_kept
from fer.ui.shared import explain_how_to_get
from fer.ui.shares import waiting_words
from fer.ui.style import plain

SEEN = "seen in training"
NOT_MEASURED = "not measured"
TICK_S = 0.5

_RUN = "_evaluation"
_MISSING = "\u2013"
_MOSTLY = 0.5
_SHOWN_DIFFERENCES = ("accuracy", "macro_f1", "macro_recall", "ece")
_RATERS = "raters"
_AGREES = "Chosen by a rater"
_CROSS_ENTROPY = "Cross-entropy"
_TERMS = (
    "*Accuracy*: the share of faces read as labelled. *Macro recall*: of the faces of each expression the share that "
    "is found, averaged so that each counts the same, however rare. *Macro-F1*: the same average, of a figure that "
    "also sinks where other faces are taken for the expression. *Calibration error*: how far the stated probabilities "
    "are off, on average, after the temperature (one number that a network's scores are divided by); where none was "
    "fitted, it says so."
)
_TERMS_OF_VOTES = (
    "*Chosen by a rater*: how often one of the people who looked at the face chose what is read; the row of raters "
    "says how often one of them chose what most of the others did. *Cross-entropy*: how badly the probabilities fit "
    "the raters' votes; the raters' own is the least there can be, since they differ among themselves."
)
_COLUMNS = (
    "Rank",
    "Accuracy",
    "95 % interval",
    "Macro-F1",
    "Macro recall",
    "Calibration error",
    "Faces",
    "Trained on",
    "Size",
    "Measured",
)


@dataclass(frozen=True)
class Ranking:
    """Models in the order to show them.

    Attributes:
        order: all of them; the best first, those that learned from the rows and those without figures last.
        ranked: those that have a rank, the best first; none where ranks would not be fair.
        note: what to say about it; may be empty.
    """

    order: tuple[Entry, ...]
    ranked: tuple[Entry, ...]
    note: str


def rank(entries: Sequence[Entry], averaging: Averaging) -> Ranking:
    """Put models in order: by accuracy, or by macro recall where most faces have one label.

    Only figures on the same rows give ranks, and only those of models that did not learn from these rows.
    """
    measured = [entry for entry in entries if entry.evaluation is not None]
    fair = [entry for entry in measured if entry.measured.is_ranked]
    seen = [entry for entry in measured if not entry.measured.is_ranked]
    largest = max((_largest_share(entry.figures(averaging)) for entry in fair), default=0.0)
    figure, words = ("macro_recall", "macro recall") if largest > _MOSTLY else ("accuracy", "accuracy")
    fair.sort(key=lambda entry: -getattr(entry.figures(averaging), figure))
    rows = {(entry.measured.stamp.digest, entry.measured.stamp.n) for entry in fair}
    notes = []
    if len(fair) > 1:
        notes.append(
            f"Ranked by {words}."
            if len(rows) == 1
            else "Not measured on the same rows, so these models are not ranked."
        )
    if largest > _MOSTLY:
        notes.append(f"{percent(largest)} of these faces have one label: accuracy says little here, macro recall more.")
    if seen:
        notes.append("A model that learned from these very faces is marked and not ranked.")
    return Ranking(
        order=(*fair, *seen, *(entry for entry in entries if entry not in measured)),
        ranked=tuple(fair) if len(fair) > 1 and len(rows) == 1 else (),
        note=" ".join(notes),
    )


def _largest_share(figures: Figures) -> float:
    return max(its.support for its in figures.per_class.values()) / figures.n


def show_table(ranking: Ranking, rows: Rows) -> None:
    """Show one line of figures a model, and under it how they were measured."""
    lines = {plain(entry.name): _line(entry, rows.averaging, ranking.ranked) for entry in ranking.order}
    votes = {entry.name: _votes(entry, rows.averaging) for entry in ranking.order}
    voted = next((found for found in votes.values() if found is not None), None)
    if voted is not None:
        for name, found in votes.items():
            lines[plain(name)] |= _cells_of_votes(found)
        raters = dict.fromkeys(_COLUMNS, _MISSING) | {"Faces": f"{voted.n:,}"}
        cells = {_AGREES: percent(voted.raters_agreement, 1), _CROSS_ENTROPY: f"{voted.entropy:.3f} at least"}
        lines[_RATERS] = raters | cells
    st.table(pd.DataFrame.from_dict(lines, orient="index").rename_axis("Model"), alt=f"Figures on {rows.title}")
    if ranking.note:
        st.caption(ranking.note)
    st.caption(_TERMS if voted is None else f"{_TERMS} {_TERMS_OF_VOTES}")
    with st.expander("How these figures were measured", icon=":material/fact_check:"):
        for entry in ranking.order:
            st.markdown(f"**{plain(entry.name)}**")
            if entry.evaluation is None:
                st.caption(f"Has no figures on {plain(rows.title)} yet.")
            else:
                st.caption(plain(write_protocol(entry.evaluation)))
        st.caption(
            "A 95 % interval is drawn in a way that, over many samples of such faces, takes in the figure of all such "
            "faces 95 times in 100: by bootstrap over people where it is known who is seen, else over faces."
        )


def _votes(entry: Entry, averaging: Averaging) -> VoteFigures | None:
    return None if entry.evaluation is None else entry.figures(averaging).votes


def _cells_of_votes(votes: VoteFigures | None) -> dict[str, str]:
    if votes is None:
        return {_AGREES: _MISSING, _CROSS_ENTROPY: _MISSING}
    return {_AGREES: percent(votes.agreement, 1), _CROSS_ENTROPY: f"{votes.cross_entropy:.3f}"}


def _line(entry: Entry, averaging: Averaging, ranked: Sequence[Entry]) -> dict[str, str]:
    place = str(ranked.index(entry) + 1) if entry in ranked else _MISSING
    size = f"{entry.model.megabytes:.1f} MB"
    if entry.evaluation is None:
        return dict.fromkeys(_COLUMNS, _MISSING) | {"Rank": place, "Faces": NOT_MEASURED, "Size": size}
    figures = entry.figures(averaging)
    low, high = figures.accuracy_95
    stamp = entry.evaluation.stamp
    where = "here" if entry.result is not None else "stored"
    return {
        "Rank": SEEN if stamp.seen_in_training else place,
        "Accuracy": percent(figures.accuracy, 1),
        "95 % interval": f"{percent(low, 1)} to {percent(high, 1)}",
        "Macro-F1": percent(figures.macro_f1, 1),
        "Macro recall": percent(figures.macro_recall, 1),
        "Calibration error": render_calibration_error(entry.evaluation, figures),
        "Faces": f"{figures.n:,}",
        "Trained on": plain(stamp.trained_on),
        "Size": size,
        "Measured": f"{where}, {plain(stamp.date)}",
    }


def write_protocol(evaluation: Evaluation) -> str:
    """Everything that figures need beside them, in sentences."""
    stamp = evaluation.stamp
    sentences = [
        f"{data_title(stamp.data)}, {split_title(stamp.split)}: {stamp.n:,} faces{_left_out(stamp)}.",
        f"Trained on {stamp.trained_on} ({stamp.training_device}, seeds: {stamp.seeds}); checkpoint selected by "
        f"{stamp.selected_by}.",
    ]
    if stamp.seen_in_training:
        sentences.append("Seen in training: these figures say nothing about new faces.")
    elif stamp.copies_in_training is not None:
        without = evaluation.figures["none"].accuracy_without_copies
        rest = "" if without is None else f"; without those {percent(without, 1)} are read as labelled, not mirrored"
        sentences.append(f"{stamp.copies_in_training:,} have an exact copy among the training faces{rest}.")
    temperatures = ", ".join(f"{averaging} {value:.3f}" for averaging, value in stamp.temperature.items())
    sentences.append(f"Temperature: {temperatures or 'not noted'}. Averaging: {AVERAGING_IN_WORDS}.")
    sentences.append(
        f"Measured {stamp.date} on the network that is served, code {stamp.code_version}, data {stamp.digest[:8]}."
    )
    return " ".join(sentences)


def _left_out(stamp: Stamp) -> str:
    if not stamp.rows_left_out:
        return ""
    return " (left out: " + ", ".join(f"{rows:,} {reason}" for reason, rows in stamp.rows_left_out.items()) + ")"


def measure_here(entries: Sequence[Entry], rows: Rows) -> None:
    """Offer to measure the models on this machine's copy of the data, or show how far that is, or how to get it."""
    if _goes_on(rows) or rows.split not in EVALUATION_SPLITS or rows.data not in DATASETS:
        return
    if data_file(rows.data) is None:
        explain_how_to_get(DATASETS[rows.data])
        return
    _offer(entries, lambda: open_data(rows.data), rows.split)


def measure_on(entries: Sequence[Entry], dataset: FaceDataset, rows: Rows) -> None:
    """Offer to measure the models on a data set that is open already, or show how far that is."""
    if not _goes_on(rows):
        _offer(entries, lambda: dataset, rows.split)


def _goes_on(rows: Rows) -> bool:
    """Show how far models are that read now, or what became of those that read these rows."""
    run: Run | None = st.session_state.get(_RUN)
    if run is not None and not run.done:
        with st.container():  # what follows a ticking fragment in one container may vanish
            st.fragment(_progress, run_every=TICK_S)(run)
        return True
    if run is not None and (run.dataset.name, run.split) == (rows.data, rows.split):
        _outcome(run)
    return False


def _offer(entries: Sequence[Entry], opener: Callable[[], FaceDataset | None], split: str) -> None:
    waiting = [entry for entry in entries if entry.result is None]
    if not waiting:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Measure here", key="measure", icon=":material/play_arrow:"):
            _start(waiting, opener(), split)
        st.caption(
            "Reads the faces with the networks as they are served, and brings what a stored report does not hold: "
            "reliability curves, the faces themselves and a test between two models."
        )


def _start(waiting: Sequence[Entry], dataset: FaceDataset | None, split: str) -> None:
    if dataset is None:
        return
    models, errors = [], {}
    for entry in waiting:
        try:
            key = Key(model_digest(entry.name), dataset.digest, split)
            models.append((key, open_model(entry.name)))
        except FerError as error:
            errors[entry.name] = str(error)
    run = Run(models, dataset, split, errors)
    st.session_state[_RUN] = run
    run.start(open_kept())
    st.rerun()


def _progress(run: Run) -> None:
    if run.done:
        st.rerun()
    left = "" if run.left_s is None else f", {run.left_s:.0f} s left"
    what = f"{data_title(run.dataset.name)}, {split_title(run.split)}"
    text = f"{run.at or 'A model'} reads {what}: {percent(run.share)}{left}"
    if run.before is not None:
        text = waiting_words(run.before)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(run.share, text=plain(text))
        st.button("Stop", key="stop_measuring", on_click=run.stop, disabled=run.stopped)


def _outcome(run: Run) -> None:
    for sentence in run.errors.values():
        st.warning(plain(sentence), icon=":material/warning:")
    if run.stopped:
        st.info("Stopped. What was measured until then is kept.", icon=":material/pause:")


def compare_with_stored(entries: Sequence[Entry], averaging: Averaging) -> None:
    """Say of models that were measured here whether their stored figures hold, and on which copy of the data."""
    pairs = [
        (entry, compare(entry.result.evaluation, entry.stored)) for entry in entries if entry.result and entry.stored
    ]
    agreeing = [entry.name for entry, comparison in pairs if comparison.same_data and comparison.agrees]
    if agreeing:
        st.caption(f"Measured here, every figure agrees with the stored report: {plain(', '.join(agreeing))}.")
    others = [(entry, comparison) for entry, comparison in pairs if entry.name not in agreeing]
    if not others:
        return
    here = others[0][0].readings.evaluation.stamp
    is_other_copy = any(not comparison.same_data for _, comparison in others)
    title = (
        f"This machine's copy of {data_title(here.data)} (digest {here.digest[:8]}) is another one than the reports'."
        if is_other_copy
        else f"On the same rows, figures are more than {AGREE_POINTS} points from the stored ones."
    )
    lines = "\n".join(
        f"- {plain(f'{entry.name}: {_difference(comparison, averaging)}.')}" for entry, comparison in others
    )
    st.warning(f"{plain(title)}\n{lines}", icon=":material/difference:")


def _difference(comparison: Comparison, averaging: Averaging) -> str:
    """The chosen figures that differ, as in "accuracy 62.1% here, 67.4% stored"."""
    differing = [each for each in comparison.differences if not each.agrees and each.averaging == averaging]
    words = [
        f"{each.figure.replace('_', ' ').replace('ece', 'calibration error')} "
        f"{_percent(each.measured)} here, {_percent(each.stored)} stored"
        for each in differing
        if each.figure in _SHOWN_DIFFERENCES
    ]
    return "; ".join(words) or f"no figure of the table is more than {AGREE_POINTS} points apart"


def _percent(share: float | None) -> str:
    return "none" if share is None else percent(share, 1)
