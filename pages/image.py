"""Photos in, their expressions out."""

import streamlit as st

from fer.charts import expression_counts
from fer.results import to_table
from fer.ui import controls, loaders, readings, uploads
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Image")
st.caption("Every face of a photo, its expression, and how sure the model is. An expression is not a feeling.")

settings, pipeline = controls.reading_controls()
photos = uploads.choose_photos()
results = loaders.read_photos(photos, settings, pipeline)

shown = 0
if len(photos) > 1:
    failed = sum(result.error is not None for result in results)
    faces = sum(len(result.faces) for result in results)
    st.subheader(f"{len(photos)} photos, {faces} face{'' if faces == 1 else 's'}")
    if failed:
        st.warning(f"{failed} of {len(photos)} files could not be read; the table says why.", icon=":material/warning:")
    table, counts = st.columns([3, 1], gap="medium")
    with table:
        st.caption("Pick a row to see its photo below. A click on a column's head sorts.")
        shown = readings.batch_table(results)
    with counts:
        st.caption("Faces by expression")
        st.altair_chart(
            expression_counts(to_table(results)), width="stretch", alt="How many faces show each expression"
        )

photo, result = photos[shown], results[shown]
if len(photos) > 1 or result.error is None:
    st.subheader(plain(photo.name))

if result.error is not None:
    st.error(plain(result.error), icon=":material/broken_image:")
elif not result.faces:
    readings.picture(photo, result.result)
    st.info(
        "No face found. Try a photo in which the face is at least 40 pixels wide and turned to the camera, "
        "or a lower least detector score.",
        icon=":material/search_off:",
    )
else:
    few = len(result.faces) <= 2
    main, side = st.columns([3, 2], gap="medium") if few else (st.container(), st.grid(min_column_width=280))
    with main:
        readings.picture(photo, result.result)
    with side:
        for number, face in enumerate(result.faces, start=1):
            readings.face_card(number, face, photo, pipeline)

readings.downloads(photos, results)
