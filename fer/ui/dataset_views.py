"""The pieces of the Datasets page: what a data set holds, in charts, faces and lists.

Every piece that a visitor turns over by itself is a fragment, so that the rest of the page stands still.
"""

from math import ceil

import numpy as np
import pandas as pd
import streamlit as st

from fer.contact_sheet import SheetFace, contact_sheet
from fer.dataset_charts import class_counts, class_shares, share_comparison
from fer.datasets import SPLITS, FaceDataset
from fer.emotions import emotion
from fer.ui.dataset_choice import open_file, others, title_of
from fer.ui.style import plain

FACES_A_PAGE = 60


def header(dataset: FaceDataset) -> None:
    """Name the data set, and the rows of its file that were left out."""
    st.subheader(plain(title_of(dataset)))
    st.caption(
        plain(
            f"{len(dataset):,} faces, {len(dataset.classes)} classes, {dataset.images.shape[1]} \u00d7 "
            f"{dataset.images.shape[2]} pixels, digest {dataset.digest[:8]}"
        )
    )
    if dataset.bad_rows:
        sentences = "\n".join(f"- {plain(bad.reason)}." for bad in dataset.bad_rows[:3])
        n = len(dataset.bad_rows)
        st.warning(
            f"{n:,} row{' was' if n == 1 else 's were'} left out:\n{sentences}"
            + (f"\n- and {n - 3:,} more" if n > 3 else ""),
            icon=":material/warning:",
        )


def counts(table: pd.DataFrame, title: str) -> None:
    """Show how many faces there are of every class in every Usage, as columns both ways round, a pie and a table."""
    columns, pie = st.columns([2, 1], gap="medium")
    with columns:
        by = st.segmented_control(
            "Columns",
            ["class", "usage"],
            default="class",
            required=True,
            format_func={"class": "By class", "usage": "By Usage"}.get,
            key="counts_by",
            persist_state="session",
            label_visibility="collapsed",
        )
        st.altair_chart(
            class_counts(table, by), width="stretch", key="counts", alt=f"How many faces {title} has: {_words(table)}"
        )
    with pie:
        st.caption("Share of every class, all Usages together")
        st.altair_chart(class_shares(table), width="stretch", key="shares", alt=f"Shares in {title}: {_words(table)}")
    with st.expander("The counts as a table", icon=":material/table:"):
        whole = table.assign(all=table.sum(axis=1))
        whole.loc["all"] = whole.sum()
        st.table(whole.style.format("{:,}"))


def _words(table: pd.DataFrame) -> str:
    totals = table.sum()
    return ", ".join(f"{name} {n:,}" for name, n in totals.items())


@st.fragment
def faces(dataset: FaceDataset) -> None:
    """Turn over the faces, all or those of one class and one Usage, in the order of the file."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        split = st.segmented_control(
            "Usage",
            ["all", *SPLITS[:-1]],
            default="all",
            required=True,
            format_func=lambda name: "All" if name == "all" else name,
            key="faces_usage",
        )
        expression = st.pills("Class", dataset.classes, key="faces_class")
    mask = np.ones(len(dataset), bool) if split == "all" else dataset.usage == split
    if expression is not None:
        mask &= dataset.labels == dataset.classes.index(expression)
    positions = np.flatnonzero(mask)
    if not len(positions):
        st.info("No face has this class and this Usage.", icon=":material/search_off:")
        return
    page = 1
    if len(positions) > FACES_A_PAGE:
        page = st.pagination(
            ceil(len(positions) / FACES_A_PAGE), key=f"faces_page_{dataset.digest[:8]}_{split}_{expression}"
        )
    shown = dataset.take(positions[(page - 1) * FACES_A_PAGE : page * FACES_A_PAGE])
    st.caption(f"{len(positions):,} faces. The number below a face is its row in the file; point at it for more.")
    st.html(contact_sheet([sheet_face(shown, i) for i in range(len(shown))]))


def sheet_face(dataset: FaceDataset, position: int) -> SheetFace:
    """One face of a data set with its row number, its label and where it belongs."""
    name = dataset.classes[dataset.labels[position]]
    who = "" if dataset.subjects is None else f", subject {dataset.subjects[position]}"
    row = dataset.rows[position]
    return SheetFace(
        dataset.images[position],
        f"{row} {name}",
        f"Row {row}: {name}, {dataset.usage[position]}{who}",
        emotion(name).colour,
    )


def side_by_side(dataset: FaceDataset) -> None:
    """Show the data set's shares beside those of another one, on one axis."""
    found = others(dataset)
    if not found:
        st.info(
            "There is no second data set on this machine to compare with; the page says how to get one when you "
            "choose it above.",
            icon=":material/compare_arrows:",
        )
        return
    title = st.selectbox("Compare with", list(found), key="compare_with", width=240)
    other = open_file(found[title])
    both = {title_of(dataset): dataset.counts(), title_of(other): other.counts()}
    st.altair_chart(
        share_comparison(both),
        width="stretch",
        key="comparison",
        alt=". ".join(f"{name}: {_words(table)}" for name, table in both.items()),
    )
