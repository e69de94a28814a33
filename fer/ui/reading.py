"""What is shown of a face on whichever page: the words, the bars, and what to try where there is none."""

import streamlit as st

from fer.charts.parts import percent
from fer.charts.probabilities import probability_bars
from fer.results import Face, Target
from fer.ui.style import people_words, write_headline


def show_headline(face: Face, target: Target) -> None:
    """Write what a face shows, and what people would call it where its probabilities are shares of people."""
    write_headline(face)
    if target == "votes":
        st.caption(people_words(face))


def draw_bars(number: int, face: Face, key: str) -> None:
    """Draw a face's probabilities."""
    shares = ", ".join(f"{name} {percent(share)}" for name, share in face.ranked())
    st.altair_chart(
        probability_bars(face), width="stretch", key=key, alt=f"Calibrated probabilities of face {number}: {shares}"
    )


def show_no_face() -> None:
    """Say what to try where no face was found."""
    st.info(
        "No face found. Try a photo in which the face is at least 40 pixels wide and turned to the camera, "
        "or a lower least detector score.",
        icon=":material/search_off:",
    )
