"""The app's pages, and the guard that keeps every one of them inside the app.

A folder named `pages/` puts a fresh server into Streamlit's old mode until `st.navigation` has run once: whoever opens
a deep link first would see the page's script alone. Every page therefore begins with `require_entrypoint()`.
"""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from fer.ui import shares, style

_ENTERED, _WORK = "_entered", "video_work"


def build_navigation() -> StreamlitPage:
    """Declare the pages and return the one that was asked for."""
    home = st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)
    image = st.Page("pages/image.py", title="Image", icon=":material/photo_camera:", url_path="image")
    live = st.Page("pages/live.py", title="Live", icon=":material/videocam:", url_path="live")
    works = _WORK in st.session_state and not st.session_state[_WORK].is_done
    video = st.Page(
        "pages/video.py",
        title="Video (working)" if works else "Video",
        icon=":material/hourglass_top:" if works else ":material/movie:",
        url_path="video",
    )
    datasets = st.Page("pages/datasets.py", title="Datasets", icon=":material/dataset:", url_path="datasets")
    models = st.Page("pages/models.py", title="Models", icon=":material/network_node:", url_path="models")
    acting = st.Page("pages/acting.py", title="Acting practice", icon=":material/theater_comedy:", url_path="acting")
    sessions = st.Page("pages/sessions.py", title="Sessions", icon=":material/history:", url_path="sessions")
    return st.navigation({"": [home], "Read": [image, live, video, acting, sessions], "Explore": [datasets, models]})


def enter() -> StreamlitPage:
    """What the entry script calls: note that it ran, and return the page to run."""
    st.session_state[_ENTERED] = True
    page = build_navigation()
    st.set_page_config(page_title=f"{page.title} \u00b7 fer")
    shares.say_refusal()
    return page


def require_entrypoint() -> None:
    """Send a visitor whose page was run on its own through the entry script, without losing the link."""
    if _ENTERED not in st.session_state:
        style.apply()
        build_navigation()
        st.rerun()
