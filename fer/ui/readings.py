"""The pieces of a reading: the picture with numbered boxes, a card a face, the table of a batch, the downloads."""

from collections.abc import Sequence

import cv2
import numpy as np
import streamlit as st

from fer import export
from fer.charts import probability_bars
from fer.crops import cut_square
from fer.detection import TITLES
from fer.drawing import annotate, overlay_map
from fer.emotions import emotion
from fer.pipeline import FacePipeline
from fer.results import Face, FrameResult, PhotoResult, to_table
from fer.ui.loaders import open_photo
from fer.ui.style import plain, reading, reading_words
from fer.ui.uploads import Photo

SHOWN_SIDE = 1400
"""Long side, in pixels, beyond which a picture is made smaller before it is sent to the browser."""

PATCH_SIDE = 176
"""Side, in pixels, of the faces on the cards: twice what is shown, for dense screens."""


def shrink(image_bgr: np.ndarray, long_side: int) -> tuple[np.ndarray, float]:
    """Make a picture small enough to show; returns it and the scale, at most 1."""
    scale = min(1.0, long_side / max(image_bgr.shape[:2]))
    if scale == 1.0:
        return image_bgr, scale
    size_wh = (max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale)))
    return cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA), scale


def describe(result: FrameResult) -> str:
    """What was found, in a sentence for those who cannot see the picture."""
    if not result.faces:
        return "A photo in which no face was found."
    readings = "; ".join(
        f"face {n}: {reading_words(face)}, {face.confidence:.0%}" for n, face in enumerate(result.faces, 1)
    )
    return f"The photo with {len(result)} numbered face{'s' if len(result) > 1 else ''}. {readings}."


def picture(photo: Photo, result: FrameResult) -> None:
    """Show a photo with its numbered boxes, and how it was read."""
    st.image(
        annotate(open_photo(photo), result.faces),
        channels="BGR",
        width="stretch",
        output_format="JPEG",
        alt=describe(result),
    )
    found = f"{len(result)} face{'' if len(result) == 1 else 's'} found by {TITLES[result.reader.detector]}"
    read = f", read by {result.reader.model} in {result.timings.recognise_ms:.0f} ms" if result.faces else ""
    size = f"{result.width} \u00d7 {result.height} pixels"
    credit = f" {photo.credit}" if photo.credit else ""
    st.caption(plain(f"{found} in {result.timings.detect_ms:.0f} ms{read}. {size}.{credit}"))


def face_card(number: int, face: Face, photo: Photo, pipeline: FacePipeline) -> None:
    """One face: its crop, the reading, the probabilities, and on demand where the network looked."""
    image_bgr = open_photo(photo)
    with st.container(border=True, key=f"face_{number}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.image(
                cut_square(image_bgr, face.crop_xywh, PATCH_SIDE),
                channels="BGR",
                width=88,
                alt=f"Face {number}, cut out",
            )
            with st.container(gap=None):
                st.caption(f"Face {number}")
                reading(face)
        st.altair_chart(
            probability_bars(face),
            width="stretch",
            key=f"bars_{number}",
            alt=f"Calibrated probabilities of face {number}: "
            + ", ".join(f"{name} {share:.0%}" for name, share in face.ranked()),
        )
        if st.toggle("Where the network looked", key=f"map_{number}"):
            activation_map(number, face, image_bgr, pipeline)


def faces(photo: Photo, result: FrameResult, pipeline: FacePipeline) -> None:
    """Show a photo and its faces: a card each for one or two; for a group a grid to pick from, and the card picked."""
    main, side = st.columns([3, 2], gap="medium")
    if len(result.faces) <= 2:
        with main:
            picture(photo, result)
        with side:
            for number, face in enumerate(result.faces, start=1):
                face_card(number, face, photo, pipeline)
        return
    choice = f"face of {photo.digest}"
    chosen = min(st.session_state.get(choice, 0), len(result.faces) - 1)
    with main:
        picture(photo, result)
    with side:
        face_card(chosen + 1, result.faces[chosen], photo, pipeline)
    st.caption("Every face, the largest first. Pick one to see its card.")
    with st.grid(min_column_width=120):
        for number, face in enumerate(result.faces, start=1):
            with st.container(gap="xxsmall", horizontal_alignment="center"):
                crop_bgr = cut_square(open_photo(photo), face.crop_xywh, PATCH_SIDE)
                st.image(crop_bgr, channels="BGR", width=88, alt=f"Face {number}, cut out")
                st.button(
                    f"{number} {face.emotion}",
                    key=f"pick_{number}",
                    help=f"{reading_words(face)}, {face.confidence:.0%}",
                    type="primary" if number == chosen + 1 else "secondary",
                    on_click=lambda index=number - 1: st.session_state.update({choice: index}),
                    width="stretch",
                )
    with st.expander("The numbers of every face as a table", icon=":material/table:"):
        shares = to_table([PhotoResult(photo.name, result.reader, result=result)])
        columns = ["face", "emotion", *result.faces[0].classes]
        st.table(shares[columns].set_index("face").style.format("{:.0%}", subset=list(result.faces[0].classes)))


def activation_map(number: int, face: Face, image_bgr: np.ndarray, pipeline: FacePipeline) -> None:
    """Lay the activation map of one class over the face."""
    maps = pipeline.explain(image_bgr, face)
    if maps is None:
        st.caption("This model has no activation maps.")
        return
    chosen = st.selectbox(
        "For the expression",
        [name for name, _ in face.ranked()],
        key=f"map_class_{number}",
        label_visibility="collapsed",
    )
    crop_bgr = cut_square(image_bgr, pipeline.seen_square(face), 2 * PATCH_SIDE)
    st.image(
        overlay_map(crop_bgr, maps[:, :, face.classes.index(chosen)]),
        channels="BGR",
        width=220,
        alt=f"Activation map of {chosen} over face {number}",
    )
    st.caption(
        f"Bright: what spoke for *{emotion(chosen).name}*, on a scale of its own. A map of "
        f"{maps.shape[0]} \u00d7 {maps.shape[1]} cells shows a region, not a reason."
    )


def failures(errors: Sequence[str], total: int) -> None:
    """Say which files of a batch could not be read; the table holds those beyond the first three."""
    sentences = "\n".join(f"- {plain(error)}" for error in errors[:3])
    more = "\n- and more, which the table names" if len(errors) > 3 else ""
    st.warning(f"{len(errors)} of {total} files could not be read:\n{sentences}{more}", icon=":material/warning:")


def batch_table(results: Sequence[PhotoResult]) -> int:
    """Show many photos as one sortable table, a row a face; returns the position of the photo that was picked."""
    table = to_table(results)
    columns = ["file", "face", "emotion", "confidence"]
    if table["error"].notna().any():
        columns.append("error")
    event = st.dataframe(
        table[columns].assign(confidence=table["confidence"] * 100),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="photo_table",
        placeholder="\u2013",
        alt="The reading of every face of every photo",
        column_config={
            "file": st.column_config.TextColumn("Photo", width="medium"),
            "face": st.column_config.NumberColumn("Face", width="small"),
            "emotion": st.column_config.TextColumn("Expression", width="small"),
            "confidence": st.column_config.ProgressColumn("Confidence", min_value=0, max_value=100, format="%.0f %%"),
            "error": st.column_config.TextColumn("What went wrong", width="large"),
        },
    )
    rows = event.selection.rows
    position_of_row = [i for i, photo in enumerate(results) for _ in range(max(1, len(photo.faces)))]
    return position_of_row[rows[0]] if rows and rows[0] < len(position_of_row) else 0


def downloads(photos: Sequence[Photo], results: Sequence[PhotoResult]) -> None:
    """Offer everything that was read, in the command line's own formats; each file is made when it is asked for."""
    readable = [(photo, result) for photo, result in zip(photos, results, strict=True) if result.error is None]

    def pictures() -> bytes:
        named = zip(export.annotated_names(photo.name for photo, _ in readable), readable, strict=True)
        made = ((name, export.annotated_png(photo.opener(), result)) for name, (photo, result) in named)
        return next(made)[1] if len(readable) == 1 else export.zip_files(made)

    with st.container(horizontal=True):
        if readable:
            one = len(readable) == 1
            st.download_button(
                "Annotated picture" if one else "Annotated pictures (ZIP)",
                pictures,
                export.annotated_names([readable[0][0].name])[0] if one else "annotated.zip",
                "image/png" if one else "application/zip",
                icon=":material/image:",
                on_click="ignore",
            )
        for name, mime in (("csv", "text/csv"), ("json", "application/json")):
            st.download_button(
                name.upper(),
                lambda name=name: export.to_bytes(results, name),
                f"expressions.{name}",
                mime,
                icon=":material/download:",
                on_click="ignore",
            )
