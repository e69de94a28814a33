"""Many photos at once: a table with small pictures, which of its rows are shown in which order, and what is picked."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import pandas as pd
import streamlit as st

from fer.contact_sheet import data_uri
from fer.emotions import EMOTIONS_WITH_CONTEMPT, UNSURE
from fer.errors import known
from fer.results import JOINED_BY, Face, Fault, to_table
from fer.ui.album import Reading, shrink

THUMBNAIL_SIDE = 48
"""Side of the table's pictures, pixels; as JPEG in the page about 3 kB each."""

MOST_THUMBNAILS = 400
"""So many rows have a picture: less than a megabyte for a table."""

NO_FACE, NOT_READ = "no face", "not read"

PHOTO_ANCHOR = "photo"
"""Of the heading that stands above the photo which is looked at."""

_PICKED, _SELECTED, _MOVES = "_picked", "_selected_rows", "_moves"

_ORDER = "face_order"
_ORDERS = {"size": "Largest first", "reading": "As one reads"}

_move = st.components.v2.component(
    "fer_move",
    js="""
export default function ({ data }) {
    const heading = document.getElementById(data.anchor);
    if (!heading) return;
    heading.tabIndex = -1;
    heading.style.scrollMarginTop = "4rem";
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "start" });
}
""",
)
"""Brings what was picked into view, and the focus with it, so that the keyboard goes on from there."""

_THUMBNAILS: "WeakKeyDictionary[Reading, tuple[str, ...]]" = WeakKeyDictionary()
"""The small pictures of every reading that a visitor still holds."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """What names are sorted by so that "a 10" stands behind "a 9".

    Examples:
        >>> sorted(["b1", "a10.png", "A9.png"], key=natural_key)
        ['A9.png', 'a10.png', 'b1']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name.casefold())
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts]


def reading_order(faces: Sequence[Face]) -> list[int]:
    """The positions of faces as one reads: row by row from the top, in a row from the left.

    Two stand in one row where the middle of the lower one is not below the upper one's box.
    """
    left = sorted(range(len(faces)), key=lambda i: _middle(faces[i])[1])
    order: list[int] = []
    while left:
        _, y, _, h = faces[left[0]].box_xywh
        row = [i for i in left if _middle(faces[i])[1] <= y + h]
        order += sorted(row, key=lambda i: _middle(faces[i])[0])
        left = [i for i in left if i not in row]
    return order


def _middle(face: Face) -> tuple[float, float]:
    x, y, w, h = face.box_xywh
    return x + w / 2, y + h / 2


def face_numbers(faces: Sequence[Face]) -> list[int]:
    """The numbers of a photo's faces in the order that the visitor chose; they are numbered by size."""
    order = reading_order(faces) if st.session_state.get(_ORDER) == "reading" else range(len(faces))
    return [position + 1 for position in order]


def choose_face_order() -> None:
    """Offer the orders in which the faces of a photo may stand."""
    st.segmented_control(
        "Faces of a photo",
        list(_ORDERS),
        default="size",
        required=True,
        format_func=_ORDERS.__getitem__,
        key=_ORDER,
        persist_state="session",
    )


def show_table(read: Sequence[Reading]) -> int:
    """Show many photos as one table, a row a face, in the natural order of their names, all or those of a kind.

    Returns:
        The position of the photo that was picked, now or before a look at another page, as long as the table shows it;
        else of the first good one that it shows.
    """
    table = to_table([reading.result for reading in read])
    shown = _filtered(table, table["label"].fillna(NO_FACE).where(table["error"].isna(), NOT_READ))
    places = [(i, number) for i, one in enumerate(read) for number in range(1, len(one.result.faces) + 1) or (0,)]
    ranks = {
        (i, number): (natural_key(one.photo.name), i, rank)
        for i, one in enumerate(read)
        for rank, number in enumerate(face_numbers(one.result.faces) or [0])
    }
    rows = sorted(np.flatnonzero(shown).tolist(), key=lambda row: ranks[places[row]])
    chosen = [places[row] for row in rows]
    if rows:
        pictures = [_thumbnail(read[i], number) for i, number in chosen[:MOST_THUMBNAILS]]
        row = draw_table(table.iloc[rows], "photo_table", pictures)
        if row is not None and row != st.session_state.get(_SELECTED):  # other filters may put another face there
            _pick(read, *chosen[row])
        st.session_state[_SELECTED] = row
    else:
        st.info("No face is like that. Take a filter away.", icon=":material/filter_alt_off:")
    order = [i for i, _ in chosen] or range(len(read))
    picked = [i for i in order if read[i].photo.digest == st.session_state.get(_PICKED)]
    return picked[0] if picked else _first_good(read, order)


def draw_table(table: pd.DataFrame, key: str, pictures: Sequence[str] = ()) -> int | None:
    """Draw a table of faces that can be sorted, and of which a row can be picked.

    Args:
        table: as `fer.results.to_table` lays it out.
        key: the element's.
        pictures: of the first rows, as addresses.

    Returns:
        The position of the row that is picked, if any.
    """
    columns = ["file", "face", "label", "confidence", "set", "quality"]
    if table["error"].notna().any():
        columns.append("error")
    shown = table[columns].assign(
        confidence=table["confidence"] * 100,
        set=table["set"].str.replace(JOINED_BY, ", "),
        quality=table["quality"].str.replace(JOINED_BY, ", ").replace("", None),
    )
    if pictures:
        shown.insert(0, "picture", [*pictures, *[""] * (len(table) - len(pictures))])
    event = st.dataframe(
        shown,
        hide_index=True,
        row_height=THUMBNAIL_SIDE if pictures else None,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        placeholder="\u2013",
        alt="The reading of every face of every photo",
        column_config={
            "picture": st.column_config.ImageColumn("", width=56, help="The face, or the photo where none was found"),
            "file": st.column_config.TextColumn("Photo", width=130),
            "face": st.column_config.NumberColumn("Face", width=48, help="Its number on the photo, by size"),
            "label": st.column_config.TextColumn(
                "Expression", width=85, help="Unsure where more than one expression may be meant"
            ),
            "confidence": st.column_config.ProgressColumn(
                "Probability", width=110, min_value=0, max_value=100, format="%.0f %%"
            ),
            "set": st.column_config.TextColumn("May be", width=150, help="Every expression that may be meant"),
            "quality": st.column_config.TextColumn(
                "Crop", width="small", help="What makes a face less sure; its card says by how much"
            ),
            "error": st.column_config.TextColumn("What went wrong", width="large"),
        },
    )
    return next(iter(event.selection.rows), None)


def _filtered(table: pd.DataFrame, kinds: pd.Series) -> np.ndarray:
    """Draw the filters and say which rows they leave; bool of shape (rows,)."""
    of_rows = table["quality"].fillna("").str.split(JOINED_BY, regex=False)
    faults = [fault for fault in get_args(Fault) if any(fault in own for own in of_rows)]
    named = [name for name in (*EMOTIONS_WITH_CONTEMPT, UNSURE, NO_FACE, NOT_READ) if (kinds == name).any()]
    shown = np.ones(len(table), bool)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if len(named) > 1 and (wanted := _pills("Show only", named, kinds.value_counts().to_dict())):
            shown &= kinds.isin(wanted).to_numpy()
        counts = {fault: sum(fault in own for own in of_rows) for fault in faults}
        if faults and (wanted := _pills("Less sure, since", faults, counts)):
            shown &= np.array([not set(wanted).isdisjoint(own) for own in of_rows])
        if (table["face"] > 1).any():
            choose_face_order()
    return shown


def _pills(label: str, options: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """Offer to show what is so alone; another batch, in which other things are so, begins with all of it."""
    return st.pills(
        label,
        options,
        selection_mode="multi",
        format_func=lambda name: f"{name} ({counts[name]:,})",
        key=f"filter {' '.join(options)}",
        persist_state="session",
    )


def _pick(read: Sequence[Reading], photo: int, number: int) -> None:
    """Look at this photo, and at this face where the photo shows one at a time; move there."""
    digest = read[photo].photo.digest
    st.session_state[_PICKED] = digest
    st.session_state[chosen_face(digest)] = max(1, number)
    st.session_state[_MOVES] = st.session_state.get(_MOVES, 0) + 1
    _move(data={"anchor": PHOTO_ANCHOR, "move": st.session_state[_MOVES]}, key="photo_move")


def chosen_face(digest: str) -> str:
    """Where the number of the face stands that is looked at in a photo of many."""
    return f"face of {digest}"


def _first_good(read: Sequence[Reading], order: Iterable[int]) -> int:
    """The first photo whose every face is read surely and seen well; else one of which a face is, or with a face."""
    ranked = dict.fromkeys(order)

    def good(face: Face) -> bool:
        return not (face.is_unsure or face.quality)

    def worth(i: int) -> int:
        faces = read[i].result.faces
        return bool(faces) + any(map(good, faces)) + (bool(faces) and all(map(good, faces)))

    return max(ranked, key=worth)  # the first of the best


def _thumbnail(reading: Reading, number: int) -> str:
    """The small picture of a face, or of the photo where nobody was found in it, as an address that holds it."""
    if reading not in _THUMBNAILS:
        pictures_bgr = [view.crop_bgr for view in reading.views]
        if not pictures_bgr and reading.picture_jpeg:
            jpeg = np.frombuffer(reading.picture_jpeg, np.uint8)
            pictures_bgr = [known(cv2.imdecode(jpeg, cv2.IMREAD_REDUCED_COLOR_8))]
        _THUMBNAILS[reading] = tuple(
            data_uri(shrink(picture_bgr, THUMBNAIL_SIDE), "jpeg") for picture_bgr in pictures_bgr
        )
    pictures = _THUMBNAILS[reading]
    return pictures[max(0, number - 1)] if pictures else ""
