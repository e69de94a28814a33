"""The few rules of look that the theme cannot state: tabular figures and how a reading is written.

Also where a reading is put into words, and where words from outside (file names, errors) are made safe to show.
"""

import html
import re
from pathlib import Path

import streamlit as st

from fer.emotions import emotion
from fer.results import Face, FrameResult

ICON = str(Path(__file__).parent / "assets" / "icon.svg")

_RULES = """
<style>
.stApp { font-variant-numeric: tabular-nums; }
.fer-reading { display: flex; flex-wrap: wrap; align-items: center; column-gap: 0.75rem; }
.fer-reading { font-size: 1.125rem; font-weight: 600; line-height: 1.3; }
.fer-words { display: flex; align-items: baseline; gap: 0.5rem; }
.fer-dot { flex: none; width: 0.875rem; height: 0.875rem; border-radius: 50%; border: 2px solid; }
.fer-share { white-space: nowrap; font-weight: 400; }
[data-testid="stImage"] img { border-radius: 0.375rem; }
</style>
"""


def apply() -> None:
    """Set the page's name, icon, logo and rules; the entry script does it on every run.

    The icon is a local file: a Material icon's picture would be fetched from another host.
    """
    st.set_page_config(page_title="fer", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    st.html(_RULES)


def plain(text: str) -> str:
    """Escape text from outside so that Markdown shows it letter by letter: no links, pictures, colours or icons.

    Addresses are looked for after the backslashes were taken away, so a joiner without width breaks them up.
    """
    without_addresses = re.sub(r"(?i)(?<=http:)(?=//)|(?<=https:)(?=//)|(?<=www)(?=\.)|(?<=@)", "\u2060", text)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", without_addresses)


def reading_words(face: Face) -> str:
    """A face's reading in words: "Looks happy", "Happy or surprised" or, where more may be meant, "Hard to tell"."""
    match [emotion(name).adjective for name in face.likely]:
        case [only]:
            return f"Looks {only}"
        case [first, second]:
            return f"{first.capitalize()} or {second}"
    return "Hard to tell"


def headline(face: Face) -> None:
    """Write a face's reading: its colour, the words, the confidence."""
    look = emotion(face.emotion)
    st.html(
        f'<div class="fer-reading"><span class="fer-words"><span class="fer-dot" style="background:{look.colour};'
        f'border-color:{look.edge}"></span>{html.escape(reading_words(face))}</span>'
        f'<span class="fer-share">{100 * face.confidence:.0f}\u202f%</span></div>'
    )


def describe(result: FrameResult) -> str:
    """What was found, in a sentence for those who cannot see the picture."""
    if not result.faces:
        return "A photo in which no face was found."
    readings = "; ".join(
        f"face {n}: {reading_words(face)}, {face.confidence:.0%}" for n, face in enumerate(result.faces, 1)
    )
    return f"The photo with {len(result)} numbered face{'s' if len(result) > 1 else ''}. {readings}."
