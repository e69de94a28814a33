"""What is shown of a face on whichever page: the words, the bars, and what to try where there is none."""

import streamlit as st

from fer.charts.parts import percent
from fer.charts.probabilities import probability_bars
from fer.datasets import data_title
from fer.quality import costliest_fault, less_sure
from fer.results import Face, Reader, Target
from fer.ui.shared import draw_chart
from fer.ui.style import people_words, plain, write_headline


def show_headline(face: Face, target: Target) -> None:
    """Write what a face shows, and what people would call it where its probabilities are shares of people."""
    write_headline(face)
    if target == "votes":
        st.caption(people_words(face))


def show_faults(face: Face, reader: Reader) -> None:
    """Say that a face is read less surely, where something is wrong with how it is seen, and how that was measured."""
    if not face.quality:
        return
    cost, protocol = costliest_fault(face, reader.fault_costs), None
    if cost is not None:
        protocol = (
            f"Measured for {reader.model}, without averaging, on {cost.n:,} such faces of {data_title(cost.data)} "
            f"{cost.split}, and on faces of the same expressions with nothing wrong."
        )
    warning = plain(less_sure(face, reader.fault_costs))
    st.caption(f":material/warning: {warning}", help=None if protocol is None else plain(protocol))


def draw_bars(number: int, face: Face, key: str) -> None:
    """Draw a face's probabilities."""
    shares = ", ".join(f"{name} {percent(share)}" for name, share in face.ranked())
    draw_chart(probability_bars(face), key=key, alt=f"Calibrated probabilities of face {number}: {shares}")


def show_no_face() -> None:
    """Say what to try where no face was found."""
    st.info(
        "No face found. Try a photo in which the face is at least 40 pixels wide and turned to the camera, "
        "or a lower least detector score.",
        icon=":material/search_off:",
    )
