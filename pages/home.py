"""What this is, what it looks like at work, what is installed, and where its limits are."""

import streamlit as st

from fer.ui import loaders
from fer.ui.home import overview
from fer.ui.navigation import require_entrypoint

require_entrypoint()

st.title("Facial expressions, with honest figures")
left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
with left:
    overview.show_picture_at_work()
with right:
    st.markdown(
        "Drop in a photo and every face gets its expression, a probability that was calibrated on faces the network "
        "had never seen, and a map of where it looked. Everything runs on this machine; nothing is sent anywhere."
    )
    st.page_link("pages/image.py", label="Read a photo", icon=":material/photo_camera:")
    st.page_link("pages/live.py", label="Read your camera, live", icon=":material/videocam:")
    st.page_link("pages/acting.py", label="Practise expressions", icon=":material/theater_comedy:")
    st.page_link("pages/datasets.py", label="Look into the data sets", icon=":material/dataset:")
    st.page_link("pages/models.py", label="Compare the models", icon=":material/network_node:")
    st.caption(
        "The same from a terminal: `python -m fer analyze PHOTO`. Every figure on these pages says on which faces, "
        "how many of them, and by whose choice it was measured."
    )

st.subheader("Installed on this machine")
overview.show_models()
detector, data = st.columns(2, gap="medium")
with detector:
    overview.show_detector()
with data:
    overview.show_data_sets()

st.subheader("What it cannot do")
overview.show_limits()

loaders.prepare_charts()
