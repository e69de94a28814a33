"""Photos in, their expressions out."""

import streamlit as st

from fer.results import to_table
from fer.ui import album, controls
from fer.ui.image import finished, many, readings, uploads
from fer.ui.navigation import require_entrypoint
from fer.ui.style import plain

require_entrypoint()

st.title("Image")
st.caption("Every face of a photo, its expression, and how sure the model is. An expression is not a feeling.")

settings, pipeline = controls.choose_reading()
source = uploads.choose_source()
if source == uploads.FINISHED:
    finished.show_finished_batch()
    st.stop()
read = album.read_photos(uploads.choose_photos(source), settings, pipeline)
if not read:
    st.stop()

shown = 0
if len(read) > 1:
    results = [reading.result for reading in read]
    faces = sum(len(result.faces) for result in results)
    st.header(f"{len(read)} photos, {faces} face{'' if faces == 1 else 's'}")
    readings.show_failures([result.error for result in results if result.error is not None], len(results))
    table, counts = st.columns([3, 1], gap="medium")
    with table:
        shown = many.show_table(read)
        st.caption("Pick a row to move to its photo. A click on a column's head sorts.")
    with counts:
        readings.count_faces(to_table(results))

reading = read[shown]
st.header(plain(reading.photo.name), anchor=many.PHOTO_ANCHOR)
if reading.result.error is not None:
    st.error(plain(reading.result.error), icon=":material/broken_image:")
else:
    readings.show_faces(reading, alone=len(read) == 1)

readings.offer_downloads(read)
