"""What the Live and the Sessions page show until there is something of the visitor's own: a sample photo that sways."""

from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from fer import samples
from fer.errors import MediaError
from fer.live import LiveSession, LiveSnapshot, View
from fer.pipeline import Settings
from fer.ui.loaders import open_pipeline
from fer.ui.style import plain

_EXAMPLE = samples.SAMPLES["astronaut"]

_EXAMPLE_ROWS, _EXAMPLE_COLUMNS, _EXAMPLE_WH = slice(10, 208), slice(0, 440), (640, 288)

_EXAMPLE_STEPS = 12

_EXAMPLE_STEP_S = 1.2


@dataclass(frozen=True, eq=False)
class Example:
    """What the page shows before the camera starts.

    Attributes:
        drawn_bgr: a picture with its boxes, uint8 of shape (height, width, 3); None where there is no sample photo.
        snapshot: what was read until then.
        fault: why there is no picture, in a sentence; "" where there is one.
    """

    drawn_bgr: np.ndarray | None
    snapshot: LiveSnapshot
    fault: str = ""


@st.cache_resource(show_spinner="Reading the example", max_entries=8)
def read_example(settings: Settings, version: tuple[int, ...]) -> Example:
    """Read a short stream made of a sample photo that sways, or a blank picture where the photo is missing.

    Args:
        settings: how it is read, which are the page's.
        version: of the model's files.

    Returns:
        What all visitors share.
    """
    try:
        sample = _EXAMPLE.load()
    except MediaError as error:
        session = LiveSession(open_pipeline(settings))
        session.process(np.zeros((*_EXAMPLE_WH[::-1], 3), np.uint8), 0)
        return Example(None, session.snapshot(), str(error))
    photo = cv2.resize(sample[_EXAMPLE_ROWS, _EXAMPLE_COLUMNS], _EXAMPLE_WH, interpolation=cv2.INTER_AREA)
    middle = (_EXAMPLE_WH[0] / 2, _EXAMPLE_WH[1] / 2)
    session = LiveSession(open_pipeline(settings))
    session.view = View(mirror=False)
    for step in range(1 - _EXAMPLE_STEPS, 1):  # the last one stands upright
        turn = cv2.getRotationMatrix2D(middle, 3 * np.sin(step / 2), 1.05 + 0.04 * np.sin(step / 3))
        swayed = cv2.warpAffine(photo, turn, _EXAMPLE_WH, borderMode=cv2.BORDER_REPLICATE)
        drawn = session.process(swayed, step * _EXAMPLE_STEP_S)
    return Example(drawn, session.snapshot())


def show_example(shown: Example) -> None:
    """Show the example's picture and say that it is one, or why there is none."""
    if shown.drawn_bgr is None:
        st.info(plain(shown.fault), icon=":material/image_not_supported:")
        return
    st.image(shown.drawn_bgr, channels="BGR", width="stretch", output_format="JPEG", alt="A sample photo with its box")
    st.caption(f"An example, until your camera starts: {_EXAMPLE.credit}.")
