"""The first sight: a photo or the camera in, the answer beside it; then the ways on, and the limits."""

import streamlit as st

from fer.ui.home import first, overview
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("See what a face shows")
st.markdown(
    "Drop a photo or use your camera: Mien frames every face, says what it shows and how sure that is, and where it "
    "looked. Photos stay in this machine's memory, are never written to disk, and are gone when you leave."
)
picture, answer = st.columns([3, 2], gap="medium")
with picture:
    reading = first.show_photo(first.bring_photo())
with answer:
    first.show_answer(reading)

st.space()
overview.show_doors()

st.header("What it cannot do")
overview.show_limits()
overview.show_status()
