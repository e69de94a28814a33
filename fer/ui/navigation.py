"""The app's pages, and the guard that keeps every one of them inside the app.

A folder named `pages/` puts a fresh server into Streamlit's old mode until `st.navigation` has run once: whoever opens
a deep link first would see the page's script alone. Every page therefore begins with `require_entrypoint()`.
"""

from collections.abc import Sequence
from typing import Protocol

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from fer.ui import shares, style

_ENTERED = "_entered"
_WORKS = {"image": ("photo_work", "Reading photos"), "video": ("video_work", "Looking at a video")}
"""Where the work of pages stands that goes on while others are open, and what it is."""

_TELL_EVERY_S = 1.0


class _Work(Protocol):
    @property
    def is_done(self) -> bool: ...

    @property
    def share(self) -> float: ...


def _at_work() -> dict[str, _Work]:
    """The work that goes on, by the page that it belongs to."""
    found = {page: st.session_state.get(key) for page, (key, _) in _WORKS.items()}
    return {page: work for page, work in found.items() if work is not None and not work.is_done}


def build_navigation() -> StreamlitPage:
    """Declare the pages and return the one that was asked for; those that are at work say so."""
    working = _at_work()

    def page(name: str, title: str, icon: str) -> StreamlitPage:
        is_working = name in working
        return st.Page(
            f"pages/{name}.py",
            title=f"{title} (working)" if is_working else title,
            icon=":material/hourglass_top:" if is_working else f":material/{icon}:",
            url_path=name,
        )

    home = st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)
    image, live = page("image", "Image", "photo_camera"), page("live", "Live", "videocam")
    video, acting = page("video", "Video", "movie"), page("acting", "Acting practice", "theater_comedy")
    sessions = page("sessions", "Sessions", "history")
    datasets, models = page("datasets", "Datasets", "dataset"), page("models", "Models", "network_node")
    return st.navigation({"": [home], "Read": [image, live, video, acting, sessions], "Explore": [datasets, models]})


@st.fragment(run_every=_TELL_EVERY_S)
def _tell_work(pages: Sequence[str]) -> None:
    """Say how far the work of other pages is, and begin the page anew once one of them is done."""
    working = _at_work()
    if not set(pages) <= set(working):
        st.rerun()
    for page in pages:
        st.progress(working[page].share, text=_WORKS[page][1])


def enter() -> StreamlitPage:
    """What the entry script calls: note that it ran, and return the page to run."""
    st.session_state[_ENTERED] = True
    page = build_navigation()
    st.set_page_config(page_title=f"{page.title} \u00b7 {style.NAME}")
    shares.say_refusal()
    others = [name for name in _at_work() if name != page.url_path]
    if others:
        with st.sidebar.container():  # what stands right after a fragment that ticks is lost now and then
            _tell_work(others)
    return page


def require_entrypoint() -> None:
    """Send a visitor whose page was run on its own through the entry script, without losing the link."""
    if _ENTERED not in st.session_state:
        style.apply()
        build_navigation()
        st.rerun()
