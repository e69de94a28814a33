"""What a visitor brings to the Video page, and how it is to be looked at."""

from pathlib import Path

import streamlit as st
from streamlit.typing import UploadedFile

from fer.ui.shares import HELD
from fer.ui.video.watching import Clip
from fer.ui.visitor import find_share, on_own_machine
from fer.video.looking import VideoOptions
from fer.video.reading import VIDEO_SUFFIXES

UPLOAD_TYPES = [suffix.removeprefix(".") for suffix in VIDEO_SUFFIXES]

_SOURCES = {
    "upload": ":material/upload: Upload",
    "path": ":material/folder_open: On this machine",
    "sample": ":material/movie: Sample",
}

_EVERY_FRAME = 0.0
_RATES = (_EVERY_FRAME, 10.0, 5.0, 2.0, 1.0)


def choose_source() -> tuple[str, Clip | None]:
    """Offer the ways to bring a video.

    Returns:
        The way that is chosen, "sample" among them, and the video that was brought just now, if any.
    """
    ways = list(_SOURCES)
    if not on_own_machine():  # only who sits at this machine may name its files
        ways.remove("path")
    way = st.segmented_control(
        "Where the video comes from",
        ways,
        default="upload",
        required=True,
        format_func=_SOURCES.__getitem__,
        key="video_source",
        persist_state="session",
        label_visibility="collapsed",
    )
    match way:
        case "upload":
            file = st.file_uploader("A video to read", type=UPLOAD_TYPES, key="video_file")
            return way, None if file is None else _from_upload(file)
        case "path":
            path = st.text_input(
                "Where the file is",
                placeholder="/home/you/recording.mp4",
                help="For files too large for a browser: it is read where it is, and not copied.",
                key="video_path",
                persist_state="session",
            ).strip()
            return way, _from_path(Path(path).expanduser()) if path else None
    return way, None


def _from_upload(file: UploadedFile) -> Clip:
    clip = Clip(file.name, f"upload {file.file_id}", file.getvalue())
    HELD.keep(clip, file.getvalue(), find_share())
    return clip


def _from_path(path: Path) -> Clip:
    changed_ns = path.stat().st_mtime_ns if path.is_file() else 0
    return Clip(path.name, f"path {path} {changed_ns}", path)


def choose_options() -> VideoOptions:
    """Draw the sidebar's controls for how often is looked and what is drawn."""
    rate = st.selectbox(
        "How often to look",
        _RATES,
        format_func=lambda rate: "Every frame" if rate == _EVERY_FRAME else f"{rate:g} times a second",
        key="video_rate",
        persist_state="session",
        help="What lies between two looks is told from both and marked as such. Fewer looks are faster.",
    )
    with st.expander("What to draw", icon=":material/draw:"):
        words = st.toggle("Expressions in words", value=True, key="video_words", persist_state="session")
        landmarks = st.toggle("Landmarks", key="video_landmarks", persist_state="session")
        blur = st.toggle("Blur faces", key="video_blur", persist_state="session")
    return VideoOptions(rate=rate or None, words=words, landmarks=landmarks, blur=blur)
