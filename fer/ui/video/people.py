"""The people of a video, with their faces: renamed, merged, left out; tables and downloads follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from fer.charts.parts import percent
from fer.ui.shared import take_page
from fer.ui.style import plain
from fer.ui.video.watching import Watched
from fer.ui.words import write_duration
from fer.video.looking import VideoResult
from fer.video.summary import PersonSummary, VideoSummary, summarize

MOST_NAME = 40
_ON_A_PAGE = 12
_NOBODY = 0
_CARD_PX = 170
"""Two stand side by side on a telephone."""


@dataclass
class Edits:
    """What a visitor changed about the people of one video.

    Attributes:
        names: by number, what people are called.
        merged: number -> the number of the person who it really is.
        left_out: numbers of people who do not count.
    """

    names: dict[int, str] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)

    def key(self) -> tuple:
        """Changes when anything does."""
        return tuple(sorted(self.names.items())), tuple(sorted(self.merged.items())), tuple(sorted(self.left_out))


@dataclass(frozen=True, eq=False)
class Shown:
    """A video with its people put right.

    Attributes:
        key: changes when anything does.
        result: what was seen.
        summary: what it comes to.
    """

    key: tuple
    result: VideoResult
    summary: VideoSummary


def edits_of(watched: Watched) -> Edits:
    """This visitor's changes to a video; kept until they leave."""
    return st.session_state.setdefault("_video_edits", {}).setdefault(watched.key, Edits())


def put_right(watched: Watched) -> Shown:
    """The video as this visitor wants it; computed anew when something was changed."""
    edits = edits_of(watched)
    key = (watched.key, edits.key())
    shown: Shown | None = st.session_state.get("_video_shown")
    if shown is None or shown.key != key:
        result = watched.result.with_people(edits.names, edits.merged, edits.left_out)
        shown = Shown(key, result, summarize(result.timeline))
        st.session_state["_video_shown"] = shown
    return shown


def people_cards(watched: Watched, shown: Shown) -> None:
    """Show everyone with their face, and let them be named, merged and left out."""
    everyone = watched.result.people
    st.header("People")
    if not everyone:
        st.info("No face was found in this video.", icon=":material/search_off:")
        return
    edits = edits_of(watched)
    summaries = {person.person: person for person in shown.summary.people}
    titles = {person.number: edits.names.get(person.number, f"Person {person.number}") for person in everyone}
    with st.container(horizontal=True):
        for person in take_page(everyone, _ON_A_PAGE, f"video_people_{watched.key}"):
            with st.container(border=True, width=_CARD_PX):
                st.image(person.face_bgr, channels="BGR", width=96, alt=f"The face of person {person.number}")
                st.caption(_what(person.number, edits, summaries.get(person.number), titles))
                _controls(person.number, watched.key, edits, titles)
    st.caption("Names and changes go into tables, charts and downloads; the annotated video keeps its numbers.")


def _what(number: int, edits: Edits, summary: PersonSummary | None, titles: Mapping[int, str]) -> str:
    if number in edits.merged:
        return f"Counts as {plain(titles[edits.merged[number]])}."
    if number in edits.left_out or summary is None:
        return "Left out."
    most = max(summary.shares, key=summary.shares.__getitem__)
    return f"Person {number}, seen {write_duration(summary.seen_s)}, mostly {most} ({percent(summary.shares[most])})"


def _controls(number: int, key: str, edits: Edits, titles: Mapping[int, str]) -> None:
    name_key, merge_key, out_key = (f"video_{what}_{key}_{number}" for what in ("name", "merge", "out"))

    def rename() -> None:
        name = " ".join(st.session_state[name_key].split())
        edits.names.pop(number, None)
        if name:
            edits.names[number] = name

    def merge() -> None:
        edits.merged.pop(number, None)
        if st.session_state[merge_key] != _NOBODY:
            edits.merged[number] = st.session_state[merge_key]

    def leave_out() -> None:
        (edits.left_out.add if st.session_state[out_key] else edits.left_out.discard)(number)

    st.text_input(
        f"Name of person {number}",
        edits.names.get(number, ""),
        max_chars=MOST_NAME,
        placeholder=f"Person {number}",
        key=name_key,
        on_change=rename,
        label_visibility="collapsed",
    )
    others = [other for other in titles if other != number and not _leads_to(other, number, edits.merged)]
    if others:
        choices = [_NOBODY, *others]
        st.selectbox(
            f"Who person {number} really is",
            choices,
            index=choices.index(edits.merged.get(number, _NOBODY)),
            format_func=lambda other: "Merge with \u2026" if other == _NOBODY else f"Same as {titles[other]}",
            key=merge_key,
            on_change=merge,
            label_visibility="collapsed",
        )
    st.toggle("Leave out", number in edits.left_out, key=out_key, on_change=leave_out)


def _leads_to(person: int, number: int, merged: Mapping[int, int]) -> bool:
    """Whether somebody is merged into this person, over however many others."""
    while person in merged:
        person = merged[person]
        if person == number:
            return True
    return False
