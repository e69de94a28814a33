"""What the Datasets page shows of a data set's faults: copies and leaks, noisy labels, imbalance.

Every list can be taken along as a CSV file. Whatever takes long is computed when its tab is opened, and once a session.
"""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from fer.charts.datasets import agreement_heatmap, class_counts, leak_comparison
from fer.charts.parts import percent
from fer.contact_sheet import SheetFace, beside, contact_sheet
from fer.datasets import DATASETS, FaceDataset
from fer.datasets.audit import Audit, audit
from fer.datasets.ferplus import (
    VOTE_CLASSES,
    VOTES_FILE,
    VOTES_ORIGIN,
    Votes,
    agreement_table,
    clean_labels,
    find_disputed,
    find_votes,
    load_votes,
)
from fer.emotions import emotion
from fer.errors import BudgetError, FerError
from fer.files import table_to_csv
from fer.ui.shared import draw_chart, in_turn, remember_result, take_page
from fer.ui.style import plain

PAIRS_A_PAGE = 24
DISPUTED_A_PAGE = 36


def votes_of(dataset: FaceDataset) -> Votes | None:
    """The FER+ votes on a data set's faces; None where there are none for it.

    Raises:
        DatasetError: there is a file of votes on FER2013, but it is damaged or belongs to other faces.
    """
    path = find_votes(dataset) if dataset.name == DATASETS["fer2013"].name else None
    if path is None:
        return None
    return remember_result(("votes", dataset.digest, path, path.stat().st_mtime_ns), lambda: load_votes(path, dataset))


def show_duplicates(dataset: FaceDataset) -> None:
    """Show which faces are there more than once, in which splits, and which rows to leave out."""
    try:
        votes = votes_of(dataset)
    except FerError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        votes = None
    try:
        found = _audit(dataset, votes)
    except BudgetError as error:
        st.warning(plain(str(error)), icon=":material/hourglass_disabled:")
        return
    figures, clean = found.figures, found.without_blank
    with st.grid(min_column_width=165):
        st.metric("Different pictures", f"{figures.distinct:,}", help=f"Of {figures.rows:,} rows, pixel for pixel")
        for where, n in figures.copies.items():
            st.metric(where, f"{n:,}", help=f"Exact copies; {clean.copies[where]:,} without the blank pictures")
        st.metric(
            "Conflicting groups",
            f"{figures.conflicting_groups:,}",
            help=f"Copies with different labels; {clean.conflicting_groups:,} groups without the blank pictures",
        )
        st.metric(
            "Blank pictures", f"{len(found.blank):,}", help="All pixels have one value: rows " + _rows(found.blank)
        )
        if found.no_face is not None:
            st.metric("No face", f"{len(found.no_face):,}", help="More than half of the FER+ raters saw none")
    st.caption(_in_words(found))
    if len(found.pairs):
        _pairs(dataset, found.pairs)
    else:
        st.info("No picture is there twice, and none is nearly there twice.", icon=":material/check:")
    _leave_out(found)


def _audit(dataset: FaceDataset, votes: Votes | None) -> Audit:
    key = ("audit", dataset.digest, "" if votes is None else votes.digest)
    place = st.empty()

    def report(share: float) -> None:
        place.progress(share, text=f"Comparing every picture with every other, {percent(share)}; another tab stops it.")

    found = remember_result(key, lambda: in_turn(place, lambda: audit(dataset, votes, report)))
    place.empty()
    return found


def _rows(table: pd.DataFrame) -> str:
    rows = [str(row) for row in table["row"]]
    return ", ".join(rows[:12]) + (f" and {len(rows) - 12} more" if len(rows) > 12 else "")


def _in_words(found: Audit) -> str:
    near = ", ".join(f"{n:,} {where}" for where, n in found.near_copies.items())
    sentences = [f"Near copies, beyond the exact ones: {near}." if near else "There are no near copies."]
    if found.differences is not None:
        sentences.append(
            "The counts are the published ones."
            if found.differences.empty
            else "The counts differ from the published ones: "
            + ", ".join(
                f"{d.label} {d.usage} {d.here:,} instead of {d.published:,}" for d in found.differences.itertuples()
            )
            + "."
        )
    if found.empty_classes:
        sentences.append(f"No row has the class {' or '.join(found.empty_classes)}.")
    return " ".join(sentences)


@st.fragment
def _pairs(dataset: FaceDataset, pairs: pd.DataFrame) -> None:
    """Turn over the pairs, copy beside copy."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        where = st.selectbox("Pairs", list(dict.fromkeys(pairs["where"])), key="pairs_where", width=260)
        kind = st.segmented_control(
            "Alike",
            ["all", "exact", "near"],
            default="all",
            required=True,
            format_func={"all": "All", "exact": "Exactly", "near": "Nearly"}.__getitem__,
            key="pairs_kind",
        )
        conflicting = st.toggle("Different labels only", key="pairs_conflicting")
    shown = pairs[pairs["where"] == where]
    if kind != "all":
        shown = shown[(shown["kind"] == "near") == (kind == "near")]
    if conflicting:
        shown = shown[shown["label"] != shown["copy_label"]]
    if shown.empty:
        st.info("No pair is like that.", icon=":material/search_off:")
        return
    st.caption(f"{len(shown):,} pairs. The numbers are rows of the file, in the order of the two pictures.")
    page = take_page(range(len(shown)), PAIRS_A_PAGE, f"pairs {dataset.digest[:8]} {where} {kind} {conflicting}")
    st.html(contact_sheet([_pair(dataset, pair) for pair in shown.iloc[list(page)].itertuples()], 150))


def _pair(dataset: FaceDataset, pair: Any) -> SheetFace:
    one, other = np.searchsorted(dataset.rows, (pair.row, pair.copy_row))
    how = "exact copies" if pair.kind != "near" else f"near copies, correlation {pair.correlation:.3f}"
    return SheetFace(
        beside(dataset.images[one], dataset.images[other]),
        f"{pair.row} {pair.label}, {pair.copy_row} {pair.copy_label}",
        f"Row {pair.row}, {pair.usage}, {pair.label}, beside row {pair.copy_row}, {pair.copy_usage}, "
        f"{pair.copy_label}: {how}",
        emotion(pair.label).colour if pair.label == pair.copy_label else "",
    )


def _leave_out(found: Audit) -> None:
    table = found.rows_to_leave_out
    if table.empty:
        return
    st.markdown(f"**{len(table):,} rows to leave out**, so that every face comes once, in one split and with one label")
    st.table(table["reason"].value_counts().rename_axis("reason").rename("rows").to_frame())
    st.download_button(
        "Rows to leave out (CSV)",
        lambda: table_to_csv(table),
        f"{found.name}-leave-out.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def show_label_noise(dataset: FaceDataset) -> None:
    """Show what ten raters saw in the faces, where FER+ votes are there; else how to get them."""
    try:
        votes = votes_of(dataset)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    if votes is None:
        st.info(
            f"For FER2013, ten people looked at every face again: that is FER+. Get `{VOTES_FILE}` from {VOTES_ORIGIN} "
            "and put it beside `fer2013.csv`; this tab then shows where they disagree with the labels.",
            icon=":material/how_to_vote:",
        )
        return
    agreement = remember_result(("agreement", dataset.digest, votes.digest), lambda: agreement_table(dataset, votes))
    agreed = sum(int(agreement.loc[name, name]) for name in agreement.index)
    voted = int(agreement.to_numpy().sum())
    st.markdown(
        f"**Most raters chose the label for {percent(agreed / max(1, voted), 1)}** of the {voted:,} faces with votes. "
        "A row is a label of FER2013, its cells say what most raters chose instead."
    )
    draw_chart(
        agreement_heatmap(agreement),
        key="agreement",
        alt="Raters chose the label for "
        + ", ".join(
            f"{name} {percent(agreement.loc[name, name] / agreement.loc[name].sum())}"
            for name in agreement.index
            if agreement.loc[name].sum()
        ),
    )
    _disputed(
        dataset, remember_result(("disputed", dataset.digest, votes.digest), lambda: find_disputed(dataset, votes))
    )
    cleaned = remember_result(("cleaned", dataset.digest, votes.digest), lambda: clean_labels(dataset, votes))
    kept = cleaned["left_out"] == ""
    st.caption(
        f"A cleaned list after the authors of FER+: {int(kept.sum()):,} faces get the label of their majority, "
        f"{int(cleaned['changed'].sum()):,} of them another one than in FER2013; {int((~kept).sum()):,} have none."
    )
    st.download_button(
        "Cleaned labels (CSV)",
        lambda: table_to_csv(cleaned),
        f"{dataset.name}-cleaned-labels.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


@st.fragment
def _disputed(dataset: FaceDataset, table: pd.DataFrame) -> None:
    """Turn over the faces whose label the fewest raters share."""
    label = st.pills("Most disputed first, of class", dataset.classes, key="disputed_class")
    shown = table if label is None else table[table["label"] == label]
    if shown.empty:
        st.info("No face of this class has votes.", icon=":material/search_off:")
        return
    page = take_page(shown.to_dict("records"), DISPUTED_A_PAGE, f"disputed {dataset.digest[:8]} {label}")
    st.html(contact_sheet([_voted(dataset, row) for row in page], 120))


def _voted(dataset: FaceDataset, face: dict) -> SheetFace:
    votes = sorted(((face[name], name) for name in VOTE_CLASSES if face[name]), key=lambda vote: -vote[0])
    words = ", ".join(f"{n} {name}" for n, name in votes)
    return SheetFace(
        dataset.images[np.searchsorted(dataset.rows, face["row"])],
        f"{face['row']} {face['label']}; votes: {words}",
        f"Row {face['row']}, labelled {face['label']}, {face['usage']}. Votes: {words}",
        emotion(face["label"]).colour,
    )


def show_balancing(dataset: FaceDataset) -> None:
    """Show what balancing does to the counts, and what goes wrong when it is done before the split."""
    from fer.datasets.balance import TEST_SHARE, balance_counts, leak_of_oversampling  # a second that few tabs need

    training = dataset.select("Training")
    rows = training if len(training) else dataset
    which = "Training rows" if len(training) else "rows"
    try:
        table = remember_result(("balance", dataset.digest), lambda: balance_counts(rows))
        leak = remember_result(("leak", dataset.digest), lambda: leak_of_oversampling(rows))
    except FerError as error:
        st.info(plain(str(error)), icon=":material/balance:")
        return
    st.markdown(f"**What three ways of balancing make of the {len(rows):,} {which}**")
    counts = table.set_index("label")[["rows", "oversampling", "undersampling"]].T.rename_axis("balancing")
    counts.index = pd.Index(["as is", "oversampled", "undersampled"], name="balancing")
    totals = counts.sum(axis=1)
    draw_chart(
        class_counts(counts),
        key="balanced",
        alt="Faces in all: " + ", ".join(f"{name} {n:,}" for name, n in totals.items()),
    )
    weights = ", ".join(f"{row.label} {row.class_weight:.2f}" for row in table.itertuples() if row.rows)
    st.caption(
        f"Oversampling repeats faces until every class is as large as the largest: {totals['oversampled']:,} rows. "
        f"Undersampling throws faces away until every class is as small as the smallest: {totals['undersampled']:,} "
        f"rows. Class weights leave the rows alone and let a rare face count more: {weights}."
    )

    first, late = leak.shares()
    st.markdown("**Balanced before the split, a test is worth nothing**")
    st.markdown(
        f"Split first: **{percent(first, 1)}** of the test rows have a copy in training, which the data set brought "
        f"along. Oversample first and split then: **{percent(late, 1)}**, because the copies of one face fall on both "
        "sides."
    )
    seen = int(leak.balanced_first["seen"].sum())
    orders = {"balanced first": leak.balanced_first, "split first": leak.split_first}
    draw_chart(
        leak_comparison(orders),
        key="leak",
        alt=f"Share of test rows seen in training: {percent(late)} when balanced first, {percent(first)} when split "
        "first",
    )
    st.caption(
        f"Counted on these rows, with {percent(TEST_SHARE)} drawn as a test: {seen:,} of "
        f"{int(leak.balanced_first['rows'].sum()):,} test rows were seen, pixel for pixel."
    )
