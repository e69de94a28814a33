"""What the Models page shows of figures: confusion, classes, calibration, cost, other data sets, training, cards."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from fer.charts.models import (
    ClassFigure,
    class_figures,
    confusion,
    macro_recall_matrix,
    reliability_curves,
    trade_off,
    training_curve,
)
from fer.charts.parts import percent
from fer.datasets import FaceDataset, data_title
from fer.datasets.ferplus import FERPLUS
from fer.errors import FerError, known
from fer.evaluation import Evaluation, cross_data_matrix, load_curve, reliability
from fer.evaluation.report import TEST_SPLIT
from fer.recognition import UNKNOWN, LearnedRows, ModelCard
from fer.results import Averaging
from fer.ui.loaders import open_model
from fer.ui.models.choice import Entry, Rows, split_title
from fer.ui.models.figures import SEEN, write_protocol
from fer.ui.models.runs import model_digest
from fer.ui.shared import draw_chart
from fer.ui.style import plain
from fer.ui.words import write_count

SIDE_BY_SIDE = 2

_SPEEDS = "_speeds"
_FIGURES: dict[ClassFigure, str] = {"f1": "F1", "precision": "Precision", "recall": "Recall"}


def _side_by_side(entries: Sequence[Entry]) -> Iterator[tuple[Entry, DeltaGenerator]]:
    """Every model with the column that it is shown in."""
    for start in range(0, len(entries), SIDE_BY_SIDE):
        yield from zip(entries[start:], st.columns(SIDE_BY_SIDE, gap="medium"), strict=False)


def show_confusions(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show side by side what the models take for what."""
    measured = _measured(entries)
    if not measured:
        return
    unit = st.segmented_control(
        "In the cells",
        ["share", "faces"],
        default="share",
        required=True,
        format_func={"share": "Share of the label", "faces": "Faces"}.__getitem__,
        key="confusion_unit",
        persist_state="session",
    )
    for entry, place in _side_by_side(measured):
        figures = entry.figures(rows.averaging)
        right = ", ".join(
            f"{name} {percent(its.recall)}" for name, its in figures.per_class.items() if its.recall is not None
        )
        with place:
            st.markdown(f"**{plain(entry.name)}**")
            draw_chart(
                confusion(figures, unit == "share"),
                key=f"confusion_{entry.name}",
                alt=f"How {entry.name} reads {rows.title}. Read as labelled: {right}",
            )
            st.caption(_brief(entry.measured, rows.averaging))


def show_classes(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show one figure of every class, the models beside each other."""
    measured = _measured(entries)
    if not measured:
        return
    which = st.segmented_control(
        "Figure",
        list(_FIGURES),
        default="f1",
        required=True,
        format_func=_FIGURES.__getitem__,
        key="class_figure",
        persist_state="session",
        help="Precision: how many of the faces read as a class are of it. Recall: how many of a class's faces are "
        "read as it. F1: their harmonic mean.",
    )
    figures = {entry.name: entry.figures(rows.averaging) for entry in measured}
    words = "; ".join(
        f"{model}: "
        + ", ".join(
            f"{name} {percent(getattr(its, which))}"
            for name, its in of_model.per_class.items()
            if getattr(its, which) is not None
        )
        for model, of_model in figures.items()
    )
    draw_chart(class_figures(figures, which), key="classes", alt=f"{_FIGURES[which]} by class. {words}")
    sources = {entry.name: _brief(entry.measured, rows.averaging) for entry in measured}
    if len(set(sources.values())) == 1:
        st.caption(next(iter(sources.values())))
        return
    for name, source in sources.items():
        st.caption(f"{plain(name)}: {source}")


def show_calibration(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show whether a stated probability means what it says, before and after the temperature."""
    measured = _measured(entries)
    if not measured:
        return
    st.markdown(
        "A reading of 80 % should be right four times out of five. Dots on the dashed line keep that promise, dots "
        "below it are too sure of themselves. The larger a dot, the more faces. The temperature is one number, fitted "
        "on faces kept for choosing, that the network's scores are divided by: above 1 it makes readings less sure."
    )
    for entry, place in _side_by_side(measured):
        with place:
            _calibrated(entry, rows, dataset)


def _calibrated(entry: Entry, rows: Rows, dataset: FaceDataset | None) -> None:
    figures = entry.figures(rows.averaging)
    errors = (
        f"calibration error {percent(figures.ece_raw, 1)} before the temperature, {percent(figures.ece, 1)} after it"
    )
    st.markdown(f"**{plain(entry.name)}**")
    if entry.result is None:
        st.caption(f"{errors.capitalize()}. The curves need the readings themselves: measure the model here.")
    else:
        labels = entry.result.faces(known(dataset)).labels
        temperature = entry.measured.stamp.temperature.get(rows.averaging, 1.0)
        curves = {
            "before the temperature": reliability(entry.probabilities(rows.averaging, calibrated=False), labels),
            f"after, at {temperature:.3f}": reliability(entry.probabilities(rows.averaging), labels),
        }
        draw_chart(
            reliability_curves(curves),
            key=f"reliability_{entry.name}",
            alt=f"Reliability of {entry.name} on {rows.title}: {errors}",
        )
        st.caption(f"{errors.capitalize()}.")
    fitted = entry.model.report.calibration
    if fitted is None:
        st.caption("No temperature was fitted for this model, so its probabilities are those of the network itself.")
    else:
        source = fitted.fitted_on
        st.caption(
            plain(
                f"Fitted on {source['n']:,} faces of {data_title(source['data'])} {source['split']}, "
                f"{source['date']}. On other faces it is a guide."
            )
        )
    st.caption(_brief(entry.measured, rows.averaging))
    _of_ten(entry, rows.averaging)


def _of_ten(entry: Entry, averaging: Averaging) -> None:
    """Show whether "n of 10 people" is so, for a model whose probabilities were fitted to the votes of raters."""
    fitted = entry.model.report.calibration
    if fitted is None or fitted.calibration.target != "votes":
        return
    voted = [entry.evaluation, entry.model.report.find(FERPLUS, TEST_SPLIT), *entry.model.report.evaluations]
    found = next((e for e in voted if e is not None and e.figures[averaging].votes is not None), None)
    if found is None:
        st.caption('Whether "7 of 10 people" is so was not measured for this model: that takes the votes of raters.')
        return
    votes = known(found.figures[averaging].votes)
    st.markdown("Its probabilities were fitted to raters' votes, so that they say what people would say:")
    lines = {
        f"{row.said} of 10 people": {
            "Faces": f"{row.faces:,}",
            "Raters who said it": percent(row.voted),
            "Off by, points": f"{100 * (row.predicted - row.voted):+.1f}",
        }
        for row in votes.said_of_ten
    }
    st.table(
        pd.DataFrame.from_dict(lines, orient="index").rename_axis("The app says"),
        alt=f'What raters said of faces where {entry.name} says "n of 10 people"',
    )
    st.caption(f"{_brief(found, averaging)}. Off by: the mean stated probability less the raters' share.")


def show_cost(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show accuracy against size, and against speed once that was measured on this machine."""
    measured = _measured(entries)
    ranked = [entry for entry in measured if entry.measured.is_ranked]
    if measured and not ranked:
        st.info(
            "These models were all trained on these rows: there is no accuracy to weigh.", icon=":material/balance:"
        )
    if not ranked:
        return
    speeds: dict[str, float] = st.session_state.setdefault(_SPEEDS, {})
    table = pd.DataFrame(
        [
            {
                "model": entry.name,
                "accuracy": figures.accuracy,
                "low": figures.accuracy_95[0],
                "high": figures.accuracy_95[1],
                "megabytes": entry.model.megabytes,
                "ms": speeds.get(model_digest(entry.name)),
            }
            for entry, figures in ((entry, entry.figures(rows.averaging)) for entry in ranked)
        ]
    )
    size, speed = st.columns(SIDE_BY_SIDE, gap="medium")
    with size:
        draw_chart(
            trade_off(table, "megabytes", "size of the network's file, MB"),
            key="by_size",
            alt="Accuracy against size: "
            + ", ".join(
                f"{row.model} {percent(row.accuracy, 1)} at {row.megabytes:.1f} MB" for row in table.itertuples()
            ),
        )
        weights = ", ".join(f"{entry.name} {entry.model.card.parameters:,}" for entry in ranked)
        st.caption(plain(f"Weights: {weights}."))
    with speed:
        timed = table.dropna(subset="ms")
        if len(timed) < len(table) and st.button("Measure speed here", key="time_models", icon=":material/timer:"):
            _time(ranked, speeds)
        if timed.empty:
            st.caption("How long a face takes depends on the machine, so it is measured on this one: about a second.")
        else:
            draw_chart(
                trade_off(timed, "ms", "one face, milliseconds"),
                key="by_speed",
                alt="Accuracy against time a face: "
                + ", ".join(f"{row.model} {percent(row.accuracy, 1)} in {row.ms:.2f} ms" for row in timed.itertuples()),
            )
            st.caption(
                "From a face's place in a frame to calibrated probabilities, one face at a time, not mirrored; median "
                "of 200 on this machine, beside whatever else it does now."
            )
    st.caption(
        f"Accuracy on {plain(rows.title)} with its 95 % interval; how it was measured stands above."
        + (" Models seen in training are left out." if len(ranked) < len(measured) else "")
    )


def _time(entries: Sequence[Entry], speeds: dict[str, float]) -> None:
    from fer.benchmark import time_reading  # the rest of the benchmark takes half a second to import

    with st.spinner("Reading one face, again and again"):
        for entry in entries:
            try:
                speeds[model_digest(entry.name)] = known(time_reading(open_model(entry.name)).p50)
            except FerError as error:
                st.warning(plain(str(error)), icon=":material/warning:")
                return
    st.rerun()


def show_other_data(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show what every model reaches on every data set it has figures on, its own and the others."""
    cells = cross_data_matrix({entry.name: entry.model.report for entry in entries})
    if not cells:
        st.info("None of these models has stored figures.", icon=":material/grid_on:")
        return
    table = pd.DataFrame(
        [
            {
                "model": cell.model,
                "rows": f"{data_title(cell.data)}, {split_title(cell.split)}",
                "macro_recall": cell.macro_recall,
                "low": cell.macro_recall_95[0],
                "high": cell.macro_recall_95[1],
                "classes": cell.classes,
                "n": cell.n,
                "seen": SEEN if cell.seen_in_training else "",
            }
            for cell in cells
        ]
    )
    st.markdown("Macro recall by model and by the rows that it was measured on, from the stored reports.")
    draw_chart(
        macro_recall_matrix(table),
        key="across",
        alt="Macro recall: "
        + "; ".join(
            f"{row.model} on {row.rows} {percent(row.macro_recall)} {row.seen}".strip() for row in table.itertuples()
        ),
    )
    st.caption(
        "Every expression counts the same, because CK+ is two thirds neutral and its accuracy says little. Point at a "
        "cell for its interval, its number of faces and how many expressions were asked for. Not mirrored. "
        f"* {SEEN}."
    )
    with st.expander("How these figures were measured", icon=":material/fact_check:"):
        for cell in cells:
            st.caption(plain(f"{cell.model}: {write_protocol(cell.evaluation)}"))
    for entry in entries:
        if entry.model.report.cross_validation is not None:
            _cross_validated(entry, rows.averaging)


def _cross_validated(entry: Entry, averaging: Averaging) -> None:
    crossed = known(entry.model.report.cross_validation)
    folds = crossed.out_of_fold.folds
    st.markdown(f"**{plain(entry.name)} in a {folds}-fold cross-validation by person**")
    parts = {"Expressions at their peak": crossed.apex, "All rows": crossed.whole}
    lines = {}
    for title, evaluation in parts.items():
        figures = evaluation.figures[averaging]
        low, high = figures.accuracy_95
        lines[title] = {
            "Accuracy": percent(figures.accuracy, 1),
            "95 % interval": f"{percent(low, 1)} to {percent(high, 1)}",
            "Macro recall": percent(figures.macro_recall, 1),
            "Expressions": str(sum(its.support > 0 for its in figures.per_class.values())),
            "Faces": f"{figures.n:,}",
        }
    st.table(pd.DataFrame.from_dict(lines, orient="index"), alt=f"Cross-validation of {entry.name}")
    st.caption(
        f"These are the figures of {folds} networks, each measured on people whom it had not seen, not of the one that "
        "is served. Intervals are drawn by person. At the peak, neutral is neither asked for nor a possible answer."
    )
    for evaluation in parts.values():
        st.caption(plain(write_protocol(evaluation)))


def show_curves(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show how training went, epoch by epoch, where the model brought its log along."""
    for entry in entries:
        st.markdown(f"**{plain(entry.name)}**")
        try:
            epochs = load_curve(entry.model.folder)
        except FerError as error:
            st.warning(plain(str(error)), icon=":material/warning:")
            continue
        if not epochs:
            st.caption("This model came without the log of its training.")
            continue
        parts = [("loss", "training loss"), ("public_accuracy", "accuracy on the rows for choosing")]
        shown = [part for part in parts if any(epoch.get(part[0]) is not None for epoch in epochs)]
        for (figure, title), place in zip(shown, st.columns(SIDE_BY_SIDE, gap="medium"), strict=False):
            last = [epoch[figure] for epoch in epochs if epoch.get(figure) is not None][-1]
            with place:
                draw_chart(
                    training_curve(epochs, figure, title),
                    key=f"curve_{figure}_{entry.name}",
                    alt=f"{title} of {entry.name} over {len(epochs)} epochs, {last:.3f} at the end",
                )
        st.caption(
            plain(
                f"{len(epochs)} epochs. The loss is of augmented training faces and holds the penalty on large "
                f"weights. Checkpoint selected by {entry.model.card.training.get('selected_by', 'not stated')}."
            )
        )


def show_cards(entries: Sequence[Entry], rows: Rows, dataset: FaceDataset | None) -> None:
    """Show the facts that every model comes with."""
    for entry in entries:
        card = entry.model.card
        told = ("data", "split", "lineage", "heads", "held_out_subjects", "pixels", "recipe")
        training = {name: value for name, value in card.training.items() if name not in told}
        with st.container(border=True):
            st.markdown(f"**{plain(card.name)}**")
            st.markdown(plain(" ".join(dict.fromkeys((f"{card.summary}.", card.purpose, card.fails, card.limits)))))
            facts = {
                "Expressions": ", ".join(card.classes),
                "Weights": f"{card.parameters:,}, {entry.model.megabytes:.1f} MB as ONNX",
                "Sees": f"{card.input_size} \u00d7 {card.input_size} grey pixels, from a crop of {card.crop_size}",
                "Activation maps": "none" if card.maps_size is None else f"{card.maps_size} \u00d7 {card.maps_size}",
                "Detectors with a framing": ", ".join(card.framing) or "none",
                "Licence of code and network": card.licence,
                "Terms of the data": card.data_terms or "nobody noted them",
                "Learned from": learned_in_words(card),
                "Taught by": heads_in_words(card.training.get("heads") or {}),
                **{f"Training: {name.replace('_', ' ')}": _fact(value) for name, value in training.items()},
                "Files": f"digest {model_digest(card.name)[:12]}",
            }
            st.table(pd.DataFrame({"": {name: plain(value) for name, value in facts.items()}}), hide_header=True)
            for part in filter(None, str(card.training.get("recipe", "")).split(" | ")):
                st.caption(plain(f"Recipe: {part}"))


def learned_in_words(card: ModelCard) -> str:
    """All rows that a model and its ancestors learned from, and which of them did."""
    by_rows: dict[str, list[str]] = {}
    for rows in card.learned:
        learners = by_rows.setdefault(_rows_in_words(rows), [])
        name = "itself" if rows.by is None else rows.by
        if name not in learners:
            learners.append(name)
    return "; ".join(f"{rows} ({', '.join(learners)})" for rows, learners in by_rows.items())


def _rows_in_words(rows: LearnedRows) -> str:
    if rows.data == UNKNOWN:
        return "nobody noted what"
    words = f"{data_title(rows.data)} {rows.split}"
    if rows.held_out_subjects is not None:
        words += f", without {write_count(len(rows.held_out_subjects), 'person', 'people')} held out"
    return words


def heads_in_words(heads: Mapping[str, Any]) -> str:
    """Who taught a network: labels, the votes of raters, or both; and whose answer is served."""
    if not heads:
        return "labels"
    served, labels, votes = (float(heads.get(name, 1)) for name in ("served", "labels", "votes"))
    taught = [name for name, factor in (("labels", labels), ("raters' votes", votes)) if factor]
    words = " and ".join(taught)
    if len(taught) == 2 and labels != votes:
        words += f", the votes counting {votes / labels:.2g} times as much"
    if served in (0, 1):
        return f"{words}; answers as the {'raters' if served else 'labels'} would"
    leans = ", leaning to what they seldom see" if heads.get("rare") else ""
    return f"{words}; answers with the mean of both, {percent(served)} of it the raters'{leans}"


def _fact(value: object) -> str:
    """A value of a card in words; of digests, the beginning."""
    if value is None:
        return "none"
    if isinstance(value, Mapping) and set(value) == {"name", "digest"}:
        return f"{value['name']} ({_fact(value['digest'])})"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(its)}" for name, its in value.items()) or "none"
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"digest {value[:12]}"
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"{', '.join(map(_fact, value[:8]))} and {len(value) - 8:,} more"
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _measured(entries: Sequence[Entry]) -> list[Entry]:
    """The models that have figures on the chosen rows; without any, it says so."""
    found = [entry for entry in entries if entry.evaluation is not None]
    if not found:
        st.info("None of these models has figures on these rows yet.", icon=":material/query_stats:")
    return found


def _brief(evaluation: Evaluation, averaging: Averaging) -> str:
    """Where figures come from, in a line."""
    stamp = evaluation.stamp
    seen = f", {SEEN}" if stamp.seen_in_training else ""
    mirrored = "mirrored faces averaged in" if averaging == "flip" else "not mirrored"
    return plain(
        f"{data_title(stamp.data)}, {split_title(stamp.split)}, {stamp.n:,} faces{seen}, {mirrored}, "
        f"measured {stamp.date}"
    )
