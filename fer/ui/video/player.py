"""The player with its timeline: what was seen -> what the script in the browser draws, and what somebody chose there.

The script and its style stand beside this file. They fetch nothing but the video; Python hears of a selected stretch
alone.
"""

import base64
from pathlib import Path

import numpy as np
import streamlit as st

from fer.contact_sheet import data_uri
from fer.emotions import emotion
from fer.recording import Span
from fer.ui.video.watching import Watched
from fer.video.looking import Person
from fer.video.summary import VideoSummary
from fer.video.timeline import Timeline

MOST_LANES = 40
"""So many people get a lane: those who were seen the longest."""

_FOLDER = Path(__file__).parent

_component = st.components.v2.component(
    "fer_video_player",
    html=(_FOLDER / "player.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "player.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "player.js").read_text(encoding="utf-8"),
)


def player(data: dict[str, object], key: str) -> Span | None:
    """Show the player; return the stretch that is selected on the timeline, if any.

    Args:
        data: from `pack`.
        key: tells this video apart from others.
    """
    state = _component(data=data, key=f"video_player_{key}", default={"span": None}, on_span_change=lambda: None)
    match state.get("span"):
        case [int() | float() as start_s, int() | float() as end_s] if start_s < end_s:
            return Span(float(start_s), float(end_s))
    return None


def pack(watched: Watched, timeline: Timeline, people: tuple[Person, ...], summary: VideoSummary) -> dict[str, object]:
    """What the browser draws, as JSON; long columns as base64 of little-endian numbers.

    Args:
        watched: the video.
        timeline, people, summary: of it, with people put right.
    """
    faces = {person.number: person.face_bgr for person in people}
    lanes = sorted(summary.people, key=lambda person: -person.seen_s)[:MOST_LANES]
    return {
        "video": None if watched.picture is None else watched.picture.url,
        "name": watched.result.name,
        "has_sound": watched.result.info.has_sound,
        "size_wh": list(watched.result.info.picture_wh),
        "end_s": timeline.end_s,
        "classes": [
            {"name": name, "colour": emotion(name).colour, "edge": emotion(name).edge} for name in timeline.classes
        ],
        "times": _base64(timeline.time_s, "<f8"),
        "looked": _base64(timeline.looked, "u1"),
        "people": [
            {
                "name": person.name,
                "face": data_uri(faces[person.person], "jpeg") if person.person in faces else None,
                **_lane(timeline, person.person),
            }
            for person in sorted(lanes, key=lambda person: person.person)
        ],
        "chapters": [[one.start_s, one.end_s, one.title] for one in summary.chapters],
        "spells": [[one.name, one.label, one.start_s, one.end_s, round(one.confidence, 3)] for one in summary.spells],
        "nobody": [[one.start_s, one.end_s] for one in summary.nobody],
        "not_looked_at": [[one.start_s, one.end_s] for one in summary.not_looked_at],
    }


def _lane(timeline: Timeline, person: int) -> dict[str, str]:
    """One person's sightings: frames, shares in 1/255, sizes of the prediction sets, and marks.

    The marks are 1 where something is wrong with the crop, and 2 more where it lies between two looks.
    """
    own = timeline.of_person(person)
    marks = (timeline.faults[own] > 0) + 2 * timeline.interpolated[own].astype(np.uint8)
    return {
        "frames": _base64(timeline.frame[own], "<i4"),
        "shares": _base64(np.rint(255 * timeline.probabilities[own]), "u1"),
        "sets": _base64(timeline.set_size[own], "u1"),
        "marks": _base64(marks, "u1"),
    }


def _base64(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
