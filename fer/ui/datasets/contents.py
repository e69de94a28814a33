"""What the Datasets page shows of the faces themselves: counts, grids, averages, a second set beside it, people.

Every piece that a visitor turns over by itself is a fragment, so that the rest of the page stands still.
"""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from fer.charts.counts import share_comparison
from fer.charts.datasets import By, class_counts, class_shares, light_ranges, subject_columns
from fer.charts.parts import percent
from fer.contact_sheet import SheetFace, contact_sheet
from fer.datasets import USAGES, FaceDataset, KnownDataset, data_title
from fer.datasets.summary import ClassImages, class_images, light
from fer.emotions import emotion
from fer.errors import FerError
from fer.ui.data_files import open_file
from fer.ui.datasets.choice import others
from fer.ui.shared import draw_chart, explain_how_to_get, remember_result, take_page
from fer.ui.style import plain

FACES_A_PAGE = 60
MEAN_PX = 84
_COLUMNS: dict[By, str] = {"class": "By class", "row": "By Usage"}


def show_missing(known: KnownDataset) -> None:
    """Say how to get a data set, and show the counts that are published."""
    explain_how_to_get(known)
    st.header(f"{plain(known.title)}, as published")
    table = pd.DataFrame.from_dict(known.published, orient="index").rename_axis("Usage")
    st.caption(f"The published counts of {int(table.to_numpy().sum()):,} faces, not counted here.")
    show_counts(table, known.title)


def show_header(dataset: FaceDataset) -> None:
    """Name the data set, and the rows of its file that were left out."""
    st.header(plain(data_title(dataset.name)))
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


def show_counts(table: pd.DataFrame, title: str) -> None:
    """Show how many faces there are of every class in every Usage, as columns both ways round, a pie and a table."""
    columns, pie = st.columns([3, 2], gap="medium")
    with columns:
        by = st.segmented_control(
            "Columns",
            list(_COLUMNS),
            default="class",
            required=True,
            format_func=_COLUMNS.__getitem__,
            key="counts_by",
            persist_state="session",
            label_visibility="collapsed",
        )
        draw_chart(class_counts(table, by), key="counts", alt=f"How many faces {title} has: {_words(table)}")
    with pie:
        st.caption("Share of every class, all Usages together")
        draw_chart(class_shares(table), key="shares", alt=f"Shares in {title}: {_words(table)}")
    with st.expander("The counts as a table", icon=":material/table:"):
        whole = table.assign(all=table.sum(axis=1))
        whole.loc["all"] = whole.sum()
        st.table(whole.style.format("{:,}"))


def _words(table: pd.DataFrame) -> str:
    totals = table.sum()
    return ", ".join(f"{name} {n:,}" for name, n in totals.items())


def show_faces(dataset: FaceDataset) -> None:
    """Turn over the faces, all or those of one class and one Usage, in the order of the file."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        usage = st.segmented_control(
            "Usage",
            ["all", *USAGES],
            default="all",
            required=True,
            format_func=lambda name: "All" if name == "all" else name,
            key="faces_usage",
            persist_state="page",
        )
        expression = st.pills("Class", dataset.classes, key="faces_class", persist_state="page")
    mask = np.ones(len(dataset), bool) if usage == "all" else dataset.usage == usage
    if expression is not None:
        mask &= dataset.labels == dataset.classes.index(expression)
    positions = np.flatnonzero(mask).tolist()
    if not positions:
        st.info("No face has this class and this Usage.", icon=":material/search_off:")
        return
    st.caption(f"{len(positions):,} faces. The number below a face is its row in the file; point at it for more.")
    shown = take_page(positions, FACES_A_PAGE, f"faces {dataset.digest[:8]} {usage} {expression}")
    st.html(contact_sheet([sheet_face(dataset, position) for position in shown]))


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


def show_averages(dataset: FaceDataset) -> None:
    """Show the mean face and the spread of every class, and how bright and rich in contrast its faces are."""
    with st.spinner("Averaging the faces"):
        averaged = remember_result(("class images", dataset.digest), lambda: class_images(dataset))
        measured = remember_result(("light", dataset.digest), lambda: light(dataset))
    st.caption("The mean face of every class: what its faces have in common at the same place.")
    st.html(contact_sheet(_mean_faces(averaged), MEAN_PX))
    widest = max(1.0, float(averaged.spread.max()))
    st.caption(f"Where they differ: the standard deviation of every pixel. Black is 0, white {widest:.0f} grey levels.")
    st.html(contact_sheet(_spreads(averaged, widest), MEAN_PX))
    st.caption("Brightness and contrast of the faces by class: 5 to 95 %, the middle half, and the median.")
    for column, place in zip(("brightness", "contrast"), st.columns(2, gap="medium"), strict=True):
        medians = measured.groupby("label")[column].median().reindex(averaged.classes)
        with place:
            draw_chart(
                light_ranges(measured, column),
                key=f"light_{column}",
                alt=f"Median {column} in grey levels: " + ", ".join(f"{name} {v:.0f}" for name, v in medians.items()),
            )


def _mean_faces(averaged: ClassImages) -> list[SheetFace]:
    return [
        SheetFace(
            np.rint(mean).astype(np.uint8), f"{name}, {n:,}", f"Mean of the {n:,} {name} faces", emotion(name).colour
        )
        for name, n, mean in zip(averaged.classes, averaged.counts, averaged.mean, strict=True)
    ]


def _spreads(averaged: ClassImages, widest: float) -> list[SheetFace]:
    return [
        SheetFace(
            np.rint(spread * (255 / widest)).astype(np.uint8),
            f"{name}, {spread.mean():.0f}",
            f"Spread of the {name} faces, {spread.mean():.0f} grey levels on average",
            emotion(name).colour,
        )
        for name, spread in zip(averaged.classes, averaged.spread, strict=True)
    ]


def show_side_by_side(dataset: FaceDataset) -> None:
    """Show the data set beside another one: shares on one axis, mean faces, and what the two are made of."""
    found = others(dataset)
    if not found:
        st.info(
            "No second data set was found on this machine. Choose one above to see how to get it.",
            icon=":material/compare_arrows:",
        )
        return
    chosen = next(iter(found))
    if len(found) > 1:
        chosen = st.selectbox("Compare with", list(found), key="compare_with", width=240)
    try:
        pair = (dataset, open_file(*found[chosen]))
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    titles = [data_title(one.name) for one in pair]
    tables = {title: one.counts() for title, one in zip(titles, pair, strict=True)}
    draw_chart(
        share_comparison(tables),
        key="comparison",
        alt=". ".join(f"{title}: {_words(table)}" for title, table in tables.items()),
    )
    with st.spinner("Averaging the faces"):
        averaged = [remember_result(("class images", one.digest), partial(class_images, one)) for one in pair]
        measured = [remember_result(("light", one.digest), partial(light, one)) for one in pair]
    facts = pd.DataFrame(
        {
            plain(title): {
                "Faces": f"{len(one):,}",
                "Classes": str(len(one.classes)),
                "Picture": f"{one.images.shape[1]} \u00d7 {one.images.shape[2]} pixels",
                "Largest class": f"{table.sum().idxmax()}, {percent(table.sum().max() / max(1, len(one)))}",
                "People": "not named" if one.subjects is None else f"{len(np.unique(one.subjects)):,}",
                "Brightness, median": f"{levels['brightness'].median():.0f} of 255",
                "Contrast, median": f"{levels['contrast'].median():.0f} grey levels",
            }
            for title, one, table, levels in zip(titles, pair, tables.values(), measured, strict=True)
        }
    )
    st.table(facts)
    for title, means in zip(titles, averaged, strict=True):
        st.caption(f"Mean faces of {plain(title)}")
        st.html(contact_sheet(_mean_faces(means), MEAN_PX))


def show_subjects(dataset: FaceDataset) -> None:
    """Show who is in the data set, how often, and in which Usages."""
    if dataset.subjects is None:
        st.info(
            "This file does not say who is seen: it has no column `subject`. Most likely the same people are in every "
            "Usage, and a figure measured on it says little about new people.",
            icon=":material/group_off:",
        )
        return
    table = pd.crosstab(
        pd.Series(dataset.subjects, name="subject"), np.array(dataset.classes)[dataset.labels], colnames=["expression"]
    )
    per_person = table.sum(axis=1)
    usages = pd.crosstab(dataset.subjects, dataset.usage)
    shared = usages[(usages > 0).sum(axis=1) > 1]
    st.markdown(
        f"**{len(table):,} people**, {per_person.min()} to {per_person.max()} faces each, {per_person.mean():.1f} on "
        f"average. "
        + (
            "Nobody is in more than one Usage, so the tests show people whom training did not."
            if shared.empty
            else f"{len(shared):,} of them are in more than one Usage, so the tests show people whom training saw."
        )
    )
    draw_chart(
        subject_columns(table.stack().rename("faces").reset_index().query("faces > 0")),
        key="subject_columns",
        alt=f"Faces of each of {len(table):,} people, from {per_person.min()} to {per_person.max()}",
    )
    person = st.selectbox("Faces of", list(table.index), key="subject", width=240)
    own = np.flatnonzero(dataset.subjects == person)
    st.html(contact_sheet([sheet_face(dataset, position) for position in own.tolist()]))
