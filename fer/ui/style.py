"""The few rules of look that the theme cannot state: tabular figures and how a reading is written.

Also where a reading is put into words, and where words from outside (file names, errors) are made safe to show.
"""

import html
import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from fer.charts.parts import percent
from fer.emotions import emotion
from fer.results import Face, FrameResult

NAME = "Mien"
"""The app's; the package that it shows is `fer`."""

ASSETS = Path(__file__).parent / "assets"
ICON, LOGO = str(ASSETS / "icon.svg"), str(ASSETS / "logo.svg")

_RULES = """
<style>
.stApp { font-variant-numeric: tabular-nums; }
.fer-reading { display: flex; flex-wrap: wrap; align-items: center; column-gap: 0.75rem; }
.fer-reading { font-size: 1.125rem; font-weight: 600; line-height: 1.3; }
.fer-words { display: flex; align-items: baseline; gap: 0.5rem; }
.fer-dot { flex: none; width: 0.875rem; height: 0.875rem; border-radius: 50%; border: 2px solid; }
.fer-share { white-space: nowrap; font-weight: 400; }
.fer-now { min-height: 3.25rem; display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1.5rem; }
.fer-status { min-height: 4rem; font-size: 0.875rem; line-height: 1.5; }
.fer-status strong { display: block; font-weight: 600; }
[data-testid="stCaptionContainer"] { opacity: 0.75; }
[data-testid="stButtonGroup"] [data-selected] :is(p, [role="img"]) { color: light-dark(#4B3E9D, #C3BAFA); }
[data-testid="stSliderThumbValue"] p { color: light-dark(#4B3E9D, #C3BAFA); }
@media (max-width: 640px) { .modebar-container { display: none; } }
[data-testid="stSidebar"] :is(a, button):focus-visible { outline: 2px solid light-dark(#5B4BB5, #A99EF2); }
[data-testid="stImage"] img { border-radius: 0.375rem; }
[data-testid="stMainBlockContainer"] { padding-inline: clamp(1rem, 4vw, 3.5rem); }
.st-key-home_picture img { width: auto; max-width: 100%; max-height: 47vh; }
</style>
"""


def apply() -> None:
    """Set the page's name, icon, logo and rules; the entry script does it on every run.

    The icon is a local file: a Material icon's picture would be fetched from another host.
    """
    st.set_page_config(page_title=NAME, page_icon=ICON, layout="wide")
    st.logo(LOGO, size="large", icon_image=ICON)
    st.html(_RULES)


_ADDRESS = re.compile(r"(?i)(?:https?://|www\.)[^\s`]*[^\s`'\",;:.!?()\[\]]|[^\s`]+@[^\s`]*\w")


def plain(text: str) -> str:
    """Escape text from outside so that Markdown shows it letter by letter: no links, pictures, colours or icons.

    What could become a link is set as code: addresses are looked for after the backslashes were taken away, and code
    can be copied as it is.
    """
    shown, end = "", 0
    for address in _ADDRESS.finditer(text):
        shown += f"{_escaped(text[end : address.start()])}`{address[0]}`"
        end = address.end()
    return shown + _escaped(text[end:])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", text)


def reading_words(face: Face) -> str:
    """A face's reading in words: "Looks happy", "Happy or surprised" or, where more may be meant, "Hard to tell"."""
    match [emotion(name).adjective for name in face.likely]:
        case [only]:
            return f"Looks {only}"
        case [first, second]:
            return f"{first.capitalize()} or {second}"
    return "Hard to tell"


def people_words(face: Face) -> str:
    """What people would say of a face, where its probabilities are shares of people.

    As in "About 7 of 10 people would call this happy, 2 surprised".
    """
    counts = [(round(10 * share), emotion(name).adjective) for name, share in face.ranked()]
    named = [f"{count} {word}" for count, word in counts if count][:3]
    if not named or counts[0][0] < 2:
        return "People would not agree on what to call this."
    if counts[0][0] == 10:
        return f"Nearly everyone would call this {counts[0][1]}."
    count, word = counts[0]
    return ", ".join([f"About {count} of 10 people would call this {word}", *named[1:]]) + "."


def reading_with_share(face: Face) -> str:
    """The same with its probability, as in "Looks happy, 92 %"; an unsure one has none that would mean all of it."""
    return reading_words(face) if face.is_unsure else f"{reading_words(face)}, {percent(face.confidence)}"


def _reading(face: Face) -> str:
    """A face's reading as HTML: its colour, the person's number where there is one, the words, the confidence."""
    look = emotion(face.label)
    who = "" if face.person is None else f"{face.person} \u00b7 "
    share = "" if face.is_unsure else f'<span class="fer-share">{percent(face.confidence)}</span>'
    return (
        f'<div class="fer-reading"><span class="fer-words"><span class="fer-dot" style="background:{look.colour};'
        f'border-color:{look.edge}"></span>{who}{html.escape(reading_words(face))}</span>{share}</div>'
    )


def covering_words(models: Sequence[str]) -> str:
    """Say how maps come about for models that have none of their own."""
    names, many = plain(" and ".join(models)), len(models) > 1
    own = f"{names} {'have' if many else 'has'} no activation maps"
    return f"{own}: bright is what, when covered, lowered the answer most."


def write_headline(face: Face) -> None:
    """Write a face's reading: its colour, the words, the confidence."""
    st.html(_reading(face))


def write_headlines(faces: Sequence[Face]) -> None:
    """Write the readings of several people in a row, in a place that keeps its height while there is nobody."""
    st.html(f'<div class="fer-now">{"".join(map(_reading, faces))}</div>')


def write_status(figures: str, advice: str = "") -> None:
    """Write how something goes that runs: the figures, and in bold what to do, if there is anything.

    The place keeps its height, so that nothing below it moves when the advice comes and goes.
    """
    bold = f"<strong>{html.escape(advice)}</strong>" if advice else ""
    st.html(f'<div class="fer-status">{html.escape(figures)}{bold}</div>')


def describe_result(result: FrameResult) -> str:
    """What was found, in a sentence for those who cannot see the picture."""
    if not result.faces:
        return "A photo in which no face was found."
    readings = "; ".join(f"face {n}: {reading_with_share(face)}" for n, face in enumerate(result.faces, 1))
    return f"The photo with {len(result)} numbered face{'s' if len(result) > 1 else ''}. {readings}."
