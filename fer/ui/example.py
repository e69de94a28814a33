"""What the Live and the Sessions page show until there is something of their visitor's: two photos that sway."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st
from PIL import Image

from fer import samples
from fer.errors import MediaError
from fer.live import LiveSession, LiveSnapshot, View
from fer.pipeline import Settings
from fer.ui.loaders import open_pipeline
from fer.ui.style import plain

_FIRST, _SECOND = samples.SAMPLES["astronaut"], samples.SAMPLES["admiral"]

_PERSON_WH = (320, 288)

_EXAMPLE_STEPS = 12

_ALONE_STEPS = 4
"""For so long the first one is alone, so that something changes."""

_EXAMPLE_STEP_S = 1.2
_SHOWN_MS = 400
"""How long a step is shown: all of them for less than five seconds, once, after which the last one stands still."""


@dataclass(frozen=True, eq=False)
class Example:
    """What the page shows before the camera starts.

    Attributes:
        picture: an address that holds pictures with their boxes, which follow each other once; "" where there is no
            sample photo.
        snapshot: what was read until then.
        fault: why there is no picture, in a sentence; "" where there is one.
    """

    picture: str
    snapshot: LiveSnapshot
    fault: str = ""


@st.cache_resource(show_spinner="Reading the example", max_entries=8)
def read_example(settings: Settings, version: tuple[int, ...]) -> Example:
    """Read a short stream of two sample photos that sway, the second one later, or a blank picture without photos.

    Args:
        settings: how it is read, which are the page's.
        version: of the model's files.

    Returns:
        What all visitors share.
    """
    session = LiveSession(open_pipeline(settings))
    session.view = View(mirror=False)
    try:
        people = _framed(_FIRST.load(), 225, 110, 250), _framed(_SECOND.load(), 265, 195, 400)
    except MediaError as error:
        session.process(np.zeros((_PERSON_WH[1], 2 * _PERSON_WH[0], 3), np.uint8), 0)
        return Example("", session.snapshot(), str(error))
    drawn = []
    for step in range(1 - _EXAMPLE_STEPS, 1):  # the last one stands upright
        halves = [_swayed(person, step + 2 * side) for side, person in enumerate(people)]
        if step < 1 - _EXAMPLE_STEPS + _ALONE_STEPS:
            halves[1] = np.full_like(halves[1], 200)
        drawn.append(session.process(cv2.hconcat(halves), step * _EXAMPLE_STEP_S))
    return Example(_moving(drawn), session.snapshot())


def _framed(photo_bgr: np.ndarray, x: int, y: int, width: int) -> np.ndarray:
    """Cut half a picture out of a photo, round a face whose middle is given."""
    height = width * _PERSON_WH[1] // _PERSON_WH[0]
    left, top = max(0, x - width // 2), max(0, y - height // 2)
    return cv2.resize(photo_bgr[top : top + height, left : left + width], _PERSON_WH, interpolation=cv2.INTER_AREA)


def _swayed(picture_bgr: np.ndarray, step: int) -> np.ndarray:
    middle = (_PERSON_WH[0] / 2, _PERSON_WH[1] / 2)
    turn = cv2.getRotationMatrix2D(middle, 3 * np.sin(step / 2), 1.05 + 0.04 * np.sin(step / 3))
    return cv2.warpAffine(picture_bgr, turn, _PERSON_WH, borderMode=cv2.BORDER_REPLICATE)


def _moving(pictures_bgr: Sequence[np.ndarray]) -> str:
    """Pictures as one that moves once, in an address that holds it."""
    first, *others = (Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) for picture in pictures_bgr)
    packed = io.BytesIO()
    first.save(packed, "WEBP", save_all=True, append_images=others, duration=_SHOWN_MS, loop=1, quality=80)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode()


def show_example(shown: Example) -> None:
    """Show the example's picture and say that it is one, or why there is none."""
    if not shown.picture:
        st.info(plain(shown.fault), icon=":material/image_not_supported:")
        return
    st.image(shown.picture, width="stretch", alt="Two sample photos, read one moment after another, with their boxes")
    st.caption(f"An example, until your camera starts: {samples.SAMPLES['two-faces'].credit}.")
