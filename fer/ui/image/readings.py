"""The pieces of a reading: the picture with numbered boxes, a card a face, the table of a batch, the downloads."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import streamlit as st

from fer import export
from fer.charts.counts import expression_counts
from fer.charts.parts import percent
from fer.detection import TITLES
from fer.drawing import overlay_map
from fer.errors import known
from fer.results import Face, to_table
from fer.ui.album import FaceView, Reading
from fer.ui.image.many import choose_face_order, chosen_face, face_numbers
from fer.ui.photos import open_photo
from fer.ui.reading import draw_bars, show_faults, show_headline, show_no_face
from fer.ui.shared import draw_chart
from fer.ui.style import describe_result, plain, reading_with_share
from fer.ui.visitor import find_share

if TYPE_CHECKING:
    import pandas as pd

LEAST_STRETCHED = 400
"""Pictures narrower than this, in pixels, are shown as they are: enlarged they would only look worse."""


def show_picture(reading: Reading) -> None:
    """Show a photo with its numbered boxes, and how it was read."""
    result = known(reading.result.result)
    width: Literal["stretch", "content"] = "stretch" if result.width >= LEAST_STRETCHED else "content"
    st.image(reading.picture_jpeg, width=width, alt=describe_result(result))
    found = f"{len(result)} face{'' if len(result) == 1 else 's'} found by {TITLES[result.reader.detector]}"
    read = f", read by {result.reader.model} in {result.timings.recognise_ms:.0f} ms" if result.faces else ""
    size = f"{result.width} \u00d7 {result.height} pixels"
    credit = f" {reading.photo.credit}" if reading.photo.credit else ""
    st.caption(plain(f"{found} in {result.timings.detect_ms:.0f} ms{read}. {size}.{credit}"))


def show_face_card(number: int, reading: Reading) -> None:
    """One face: its crop, the reading, the probabilities, and on demand where the network looked."""
    face, view, reader = reading.result.faces[number - 1], reading.views[number - 1], reading.result.reader
    with st.container(border=True, key=f"face_{number}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.image(view.crop_bgr, channels="BGR", width=88, alt=f"Face {number}, cut out")
            with st.container(gap=None):
                st.caption(f"Face {number}")
                show_headline(face, reader.target)
        show_faults(face, reader)
        draw_bars(number, face, f"bars_{number}")
        if st.toggle("Where the network looked", key=f"map_{number}"):
            show_activation_map(number, face, view)


def show_activation_map(number: int, face: Face, view: FaceView) -> None:
    """Lay the map of one class over the face."""
    chosen = st.selectbox(
        "For the expression",
        [name for name, _ in face.ranked()],
        key=f"map_class_{number}",
        label_visibility="collapsed",
    )
    st.image(
        overlay_map(view.seen_bgr, view.maps[:, :, face.classes.index(chosen)]),
        channels="BGR",
        width=220,
        alt=f"{'Activation map' if view.has_activations else 'Map'} of {chosen} over face {number}",
    )
    shown = f"what spoke for *{chosen}*" if view.has_activations else f"what, when covered, lowered *{chosen}* most"
    st.caption(
        f"Bright: {shown}, on a scale of its own. A map of {view.maps.shape[0]} \u00d7 {view.maps.shape[1]} cells "
        "shows a region, not a reason."
    )


def show_faces(reading: Reading, *, alone: bool) -> None:
    """Show a photo and its faces: a card each for one or two; for a group a grid to pick from and the card picked.

    Args:
        reading: the photo, read.
        alone: no table stands above it, which offers the order of faces.
    """
    result = reading.result
    main, side = st.columns([3, 2], gap="medium")
    with main:
        show_picture(reading)
    if not result.faces:
        with side:
            show_no_face()
    if len(result.faces) <= 2:
        with side:
            for number in range(1, len(result.faces) + 1):
                show_face_card(number, reading)
        return
    choice = chosen_face(reading.photo.digest)
    chosen = min(st.session_state.get(choice, 1), len(result.faces))
    with side:
        show_face_card(chosen, reading)
    if alone:
        choose_face_order()
    st.caption("Every face; the largest is number 1. Pick one to see its card.")
    with st.grid(min_column_width=120):
        for number in face_numbers(result.faces):
            face, view = result.faces[number - 1], reading.views[number - 1]
            with st.container(gap="xxsmall", horizontal_alignment="center"):
                st.image(view.crop_bgr, channels="BGR", width=88, alt=f"Face {number}, cut out")
                st.button(
                    f"{number} {face.label}",
                    key=f"pick_{number}",
                    help=reading_with_share(face),
                    type="primary" if number == chosen else "secondary",
                    on_click=lambda number=number: st.session_state.update({choice: number}),
                    width="stretch",
                )
    with st.expander("The numbers of every face as a table", icon=":material/table:"):
        classes = list(result.faces[0].classes)
        table = to_table([result])[["face", "label", *classes]].set_index("face")
        st.table(table.style.format(percent, subset=classes))


def show_failures(errors: Sequence[str], files: int) -> None:
    """Say which files of a batch could not be read; the table names those beyond the first three.

    Args:
        errors: a sentence for each that could not.
        files: how many there are in all.
    """
    if not errors:
        return
    sentences = "\n".join(f"- {plain(error)}" for error in errors[:3])
    more = "\n- and more, which the table names" if len(errors) > 3 else ""
    st.warning(f"{len(errors):,} of {files:,} files could not be read:\n{sentences}{more}", icon=":material/warning:")


def count_faces(table: "pd.DataFrame") -> None:
    """Chart how many faces show what; those that are unsure as such, or by probability where that is asked for.

    Args:
        table: as `fer.results.to_table` lays it out.
    """
    st.caption("Faces by expression")
    by_probability = st.toggle(
        "Count by probability",
        key="count_by_probability",
        persist_state="session",
        help="Counts an unsure face as the most probable of the expressions that it may show.",
    )
    draw_chart(
        expression_counts(table, "emotion" if by_probability else "label"),
        alt="How many faces show each expression",
    )


def offer_downloads(read: Sequence[Reading]) -> None:
    """Offer everything that was read, in the command line's own formats; each file is made when it is asked for."""
    readable = [reading for reading in read if reading.result.error is None]
    results = [reading.result for reading in read]
    who = find_share()

    def pictures() -> bytes:
        names = export.annotated_names(reading.photo.name for reading in readable)
        made = (export.annotated_png(open_photo(reading.photo, who), reading.result) for reading in readable)
        return next(made) if len(readable) == 1 else export.zip_files(zip(names, made, strict=True))

    with st.container(horizontal=True):
        if readable:
            one = len(readable) == 1
            st.download_button(
                "Annotated picture" if one else "Annotated pictures (ZIP)",
                pictures,
                export.annotated_names([readable[0].photo.name])[0] if one else "annotated.zip",
                "image/png" if one else "application/zip",
                icon=":material/image:",
                on_click="ignore",
            )
        for name, mime in (("csv", "text/csv"), ("json", "application/json")):
            st.download_button(
                name.upper(),
                partial(export.to_bytes, results, name),
                f"expressions.{name}",
                mime,
                icon=":material/download:",
                on_click="ignore",
            )
