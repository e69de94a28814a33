"""Photos in, their expressions out."""

import streamlit as st

from fer.charts.counts import expression_counts
from fer.results import to_table
from fer.ui import controls
from fer.ui.image import album, readings, uploads
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Image")
st.caption("Every face of a photo, its expression, and how sure the model is. An expression is not a feeling.")

settings, pipeline = controls.choose_reading()
read = album.read_photos(uploads.choose_photos(), settings, pipeline)
if not read:
    st.stop()

shown = 0
if len(read) > 1:
    results = [reading.result for reading in read]
    faces = sum(len(result.faces) for result in results)
    st.subheader(f"{len(read)} photos, {faces} face{'' if faces == 1 else 's'}")
    readings.show_failures(results)
    table, counts = st.columns([3, 1], gap="medium")
    with table:
        st.caption("Pick a row to see its photo below. A click on a column's head sorts.")
        shown = readings.show_table(results)
    with counts:
        st.caption("Faces by expression")
        st.altair_chart(
            expression_counts(to_table(results)), width="stretch", alt="How many faces show each expression"
        )

reading = read[shown]
st.subheader(plain(reading.photo.name))
if reading.result.error is not None:
    st.error(plain(reading.result.error), icon=":material/broken_image:")
else:
    readings.show_faces(reading)

readings.offer_downloads(read)
