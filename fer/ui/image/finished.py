"""A folder that `python -m fer batch` wrote, as one sortable table with charts: its photos are not read again."""

from pathlib import Path

import pandas as pd
import streamlit as st

from fer.batch.finished import Finished, find_finished, read_table
from fer.batch.sources import Item
from fer.charts.counts import confidence_columns
from fer.detection import TITLES
from fer.drawing import annotate
from fer.errors import FerError
from fer.media import decode_image
from fer.paths import expanded
from fer.ui.album import shrink
from fer.ui.image.many import draw_table
from fer.ui.image.readings import count_faces, show_failures
from fer.ui.reading import draw_bars, show_headline, show_no_face
from fer.ui.shared import draw_chart
from fer.ui.shares import TURNS, Work
from fer.ui.style import plain
from fer.ui.visitor import find_share
from fer.ui.words import write_count

MAX_ROWS = 100_000
"""How many rows the table shows; more than these make a browser slow."""


def show_finished_batch() -> None:
    """Ask for a folder and show what was read into it."""
    place = st.text_input(
        "Folder that `python -m fer batch --out FOLDER` wrote",
        placeholder=str(Path.home() / "read"),
        key="batch_folder",
        persist_state="session",
    ).strip()
    if not place:
        st.caption(
            "`python -m fer batch photos/ --out read/` reads thousands of photos on all cores; its folder is opened "
            "here, on the same machine, without reading them again."
        )
        return
    try:
        finished = find_finished(expanded(place))
        table = _open(str(finished.folder), finished.version)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    _show(finished, table)


@st.cache_resource(show_spinner="Opening the table", max_entries=2)
def _open(folder: str, version: tuple) -> pd.DataFrame:
    return read_table(Path(folder))


def _show(finished: Finished, table: pd.DataFrame) -> None:
    files, faces = table["file"].nunique(), int(table["face"].notna().sum())
    st.header(f"{write_count(files, 'photo', 'photos')}, {write_count(faces, 'face', 'faces')}")
    read_by = f"Read by {finished.recipe['model']} with {TITLES[finished.recipe['detector']]}."
    videos = finished.counts["videos"]["files"]
    beside = f" The folder also holds the rows of {write_count(videos, 'video', 'videos')}." if videos else ""
    st.caption(plain(read_by + beside))
    if not finished.is_complete:
        st.info("This batch is not complete: the command that began it goes on with it.", icon=":material/pause:")
    show_failures(table["error"].dropna().tolist(), files)
    shown = table.head(MAX_ROWS)
    if len(shown) < len(table):
        st.caption(f"The table shows the first {len(shown):,} of {len(table):,} rows; what is counted are all.")
    left, right = st.columns([3, 1], gap="medium")
    with left:
        st.caption("Pick a row to see its photo below. A click on a column's head sorts.")
        row = draw_table(shown, "batch_table")
    with right:
        count_faces(table)
        st.caption("Faces by the probability of what they show most")
        draw_chart(confidence_columns(table), alt="How many faces were read with which probability")
    if row is not None and row < len(shown):
        _show_photo(finished, table[table["file"] == shown["file"].iloc[row]], shown["face"].iloc[row])


def _show_photo(finished: Finished, rows: pd.DataFrame, number: object) -> None:
    """Show the photo of a row with the boxes that were found then, and the face of that row."""
    file = rows["file"].iloc[0]
    st.header(plain(Path(file).name))
    if isinstance(error := rows["error"].iloc[0], str):
        st.error(plain(error), icon=":material/broken_image:")
        return
    try:
        with TURNS.take(Work.PHOTO, find_share()):
            image_bgr = decode_image(Item(file, file, "photo").read(), file)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    faces, target = finished.faces_of(rows), finished.recipe["target"]
    main, side = st.columns([3, 2], gap="medium")
    with main:
        st.image(shrink(annotate(image_bgr, faces)), channels="BGR", alt=f"The photo with {len(faces)} numbered boxes")
    with side:
        if not faces:
            show_no_face()
            return
        i = int(str(number)) - 1
        st.caption(f"Face {i + 1}")
        show_headline(faces[i], target)
        draw_bars(i + 1, faces[i], "batch_bars")
