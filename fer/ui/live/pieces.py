"""The pieces of the Live page: switches, the picture and what is said under it, graphs that move beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from fer.charts.counts import count_columns, count_pie
from fer.charts.last_minute import last_minute, minute_ribbon
from fer.charts.moving import MOST_LANES, chosen_people
from fer.charts.probabilities import probabilities_now, probability_bars
from fer.drawing import annotate, blur_faces
from fer.errors import known
from fer.live import LiveSession, LiveSnapshot, View
from fer.pipeline import FacePipeline
from fer.store import MAX_NAME, MAX_NOTE
from fer.ui.live.recording import find_trouble, set_marker
from fer.ui.shared import draw_chart, draw_moving_chart
from fer.ui.style import describe_result, plain, write_headline, write_headlines, write_status

TICK_S = 0.4
"""How often the graphs move: a little more than twice a second, since a tick can be late."""

STATUS_TICK_S = 1.0
"""How often the words under the picture change: nobody reads faster, and every run of a part of the page costs."""

NOW_S = 2.0
"""What was analysed longer ago is not shown as what is now."""

HALF_LIVES_S = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0)

COUNTS_PX = 140
"""The page's graphs fit in one window; elsewhere there is more room."""

NOT_NOW = "Nothing is read now."
NO_FACE = "No face in view. Look at the camera, come closer, or lower the least detector score."
FOLLOWED_IS_GONE = "Whom you follow is out of view. After two seconds the largest face is followed instead."
_RULES = """<style>
.stApp [data-testid="stMainBlockContainer"] { padding: 3.75rem 3rem 1rem; }
@media (max-width: 640px) { .stApp [data-testid="stMainBlockContainer"] { padding: 3.75rem 1rem 1rem; } }
.stApp [data-testid="stMainBlockContainer"] h2 { padding: 0.25rem 0 0; }
.stApp .fer-status { min-height: 3rem; }
</style>"""
"""Leave the page's window to the stage: all of it is to be seen at once at 1280 by 800 pixels."""

_FULL_SCREEN = """
export default function ({ parentElement }) {
    const button = parentElement.querySelector("button");
    const video = () =>
        document.querySelector('iframe[title*="webrtc"]')?.contentDocument?.querySelector("video");
    button.onclick = () => video()?.requestFullscreen?.();
}
"""
"""The player is a frame of the app's own, so that its picture can be asked to fill the screen."""

_full_screen = st.components.v2.component(
    "fer_full_screen",
    html='<button type="button">Full screen</button>',
    css="""button { font: inherit; color: var(--st-text-color); background: none; padding: 0.25rem 0.75rem;
        min-height: 2.5rem; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
        cursor: pointer; }
        button:hover, button:focus-visible { border-color: var(--st-primary-color); }""",
    js=_FULL_SCREEN,
)

TOO_DARK = "It is too dark to read a face. Turn on a light, or face a window."


@dataclass(frozen=True)
class Switches:
    """How the visitor wants to be seen and read.

    Attributes:
        view: how pictures are drawn.
        everyone: False follows one person.
        half_life_s: after this time a reading counts half.
    """

    view: View
    everyone: bool
    half_life_s: float


def leave_room() -> None:
    """Let the page have more of its window than others."""
    st.html(_RULES)


def draw_switches(detector: str) -> Switches:
    """Draw the switches, in rows as wide as there is room; every one keeps its value from page to page.

    Args:
        detector: the name of the one that runs, since not all of them give landmarks.
    """

    def toggle(label: str, key: str, value: bool = False, **more: Any) -> bool:
        return st.toggle(label, value, key=key, persist_state="session", **more)

    with st.container(horizontal=True, vertical_alignment="center"):
        mirror = toggle("Mirror", "live_mirror", value=True)
        numbers = toggle(
            "Numbers only", "live_numbers", help="Boxes bear the person's number and no word; their colour stays."
        )
        landmarks = toggle(
            "Landmarks",
            "live_landmarks",
            disabled=detector != "yunet",
            help="Eyes, nose and corners of the mouth. YuNet gives them, other detectors do not.",
        )
        blur = toggle(
            "Blur faces",
            "live_blur",
            help="Nobody can be recognised in the picture; while no face is found, all of it is blurred. "
            "A face that the detector misses beside another one stays visible.",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        mode = st.segmented_control(
            "Whom to read",
            ["Everyone in view", "One person"],
            default="Everyone in view",
            required=True,
            key=_MODE,
            persist_state="session",
            help="One person: whom you follow, else the largest face, then whoever that was, until lost from view.",
        )
        half_life_s = st.select_slider(
            "Smoothing",
            HALF_LIVES_S,
            0.3,
            format_func=lambda seconds: f"{seconds:g} s" if seconds else "off",
            key="live_half_life",
            persist_state="session",
            width=160,
            help="After this time a reading counts half. Longer is calmer and later.",
        )
    return Switches(View(mirror, not numbers, landmarks, blur), mode == "Everyone in view", half_life_s)


_MODE, _NOTE = "live_mode", "live_note"


def explain_lock() -> str | None:
    """Why model and detector cannot be changed now; None where they can."""
    session: LiveSession | None = st.session_state.get("_live")
    if session is None or session.snapshot().recording_s is None:
        return None
    return "A recording has one model and one detector. Stop it to choose others."


def open_session(pipeline: FacePipeline, wanted: Switches) -> LiveSession:
    """This visitor's live view, which lives as long as their browser's session, set to what they want now."""
    session: LiveSession = st.session_state.setdefault("_live", LiveSession(pipeline))
    session.use(pipeline)
    session.view, session.everyone, session.half_life_s = wanted.view, wanted.everyone, wanted.half_life_s
    return session


def advise(snapshot: LiveSnapshot, trouble: str | None = None) -> str:
    """What is wrong and what to do about it; "" where all is well.

    Args:
        snapshot: of the live view.
        trouble: what keeps a recording from being saved.
    """
    if snapshot.error is not None:
        return snapshot.error
    if trouble is not None:
        return trouble
    if snapshot.dark:
        return TOO_DARK
    if snapshot.frame is None or snapshot.frame.faces:
        return ""
    return FOLLOWED_IS_GONE if snapshot.frame.others else NO_FACE


def write_figures(snapshot: LiveSnapshot) -> str:
    """How it goes, in figures."""
    if snapshot.frame is None:
        return "Waiting for the first picture."
    faces = len(snapshot.frame)
    shown = f", {MOST_LANES} of them in the graphs" if faces > MOST_LANES else ""
    recording = "" if snapshot.recording_s is None else f" \u00b7 recording, {snapshot.recording_s:.0f} s"
    read = f"{snapshot.frames:,} pictures read"
    return f"{snapshot.fps:.0f} a second \u00b7 {faces} face{'' if faces == 1 else 's'}{shown} \u00b7 {read}{recording}"


def begin_anew(session: LiveSession, *, playing: bool) -> None:
    """Let the people of a stream that has just started be numbered from 1; called on every run of the page."""
    if playing and not st.session_state.get("_live_played"):
        session.restart()
    st.session_state["_live_played"] = playing


def show_status(session: LiveSession, *, playing: bool) -> None:
    """Say under the picture how it goes."""

    def write() -> None:
        snapshot = session.snapshot()
        write_status(write_figures(snapshot), advise(snapshot, find_trouble()))

    with st.container():
        if playing:
            st.fragment(write, run_every=STATUS_TICK_S)()
        elif session.snapshot().recording_s is not None:
            write_status("The recording waits for the camera.", "Press START to go on with it, or stop it.")
        else:
            write_status("Press START, and allow this page the camera. Nothing is recorded unless you ask for it.")


def show_ribbon(session: LiveSession, shown: LiveSnapshot, *, playing: bool) -> None:
    """Draw the minute's ribbon under the picture, and below it whom to follow and what to mark.

    Args:
        session: the visitor's.
        shown: what to draw where the session has read nothing yet and nothing is on its way.
        playing: whether it moves.
    """

    def draw() -> None:
        own = session.snapshot()
        snapshot = own if playing or own.frame is not None else shown
        people = _people(snapshot)
        draw_moving_chart(
            minute_ribbon(snapshot.history, snapshot.classes, snapshot.now_s, people, snapshot.marks),
            alt="What everyone mostly showed over the last minute, a ribbon for each person",
            key="live_ribbon",
        )
        if playing and _follow(session, own, people):
            st.rerun()

    with st.container():
        st.fragment(draw, run_every=TICK_S if playing else None)()
    if not playing:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if session.chosen is not None:
            person, field = session.chosen, f"live_name_{session.chosen}"
            st.text_input(
                f"Name of person {person}",
                max_chars=MAX_NAME,
                key=field,
                width=160,
                on_change=lambda: session.name(person, st.session_state[field]),
            )
        note = st.text_input(
            "Note",
            max_chars=MAX_NOTE,
            key=_NOTE,
            width=160,
            placeholder="Note of a marker",
            label_visibility="collapsed",
        )
        if st.button("Set a marker", icon=":material/bookmark_add:", shortcut="Ctrl+M", key="live_mark"):
            trouble = set_marker(session, note)
            st.toast(trouble or f"Marked: {note or 'without a note'}", icon=":material/bookmark_add:")
        _full_screen(key="live_full_screen")


def _follow(session: LiveSession, snapshot: LiveSnapshot, people: Sequence[int]) -> bool:
    """Offer to follow somebody; True where somebody else is followed from now on."""

    def choose(person: int | None) -> None:
        session.chosen = person
        st.session_state[_MODE] = "Everyone in view" if person is None else "One person"

    pressed = False
    with st.container(horizontal=True):
        for person in people:
            called = snapshot.names.get(person) or f"person {person}"
            words = f"Follow {called}" if person != session.chosen else "Follow everyone"
            pressed |= st.button(
                plain(words),
                key=f"live_follow_{person}",
                icon=":material/person_search:" if person != session.chosen else ":material/groups:",
                on_click=choose,
                args=(None if person == session.chosen else person,),
            )
    return pressed


def _people(snapshot: LiveSnapshot) -> list[int]:
    """Whom the graphs show."""
    faces = () if snapshot.frame is None else snapshot.frame.faces
    return chosen_people([known(face.person) for face in faces], snapshot.history)


def show_stages(session: LiveSession, *, playing: bool) -> None:
    """Show, on demand, how long every step of a picture takes."""

    def write() -> None:
        measured = session.summarize_stages()
        if not measured:
            st.caption("Nothing was measured yet.")
            return
        table = pd.DataFrame(dict(measured), index=["half of the pictures within", "95 % of them within"]).T
        st.table(table.style.format("{:.1f} ms"))

    with (
        st.expander(
            "How long every step takes", icon=":material/timer:", key="live_stages", on_change="rerun"
        ) as open_now,
        st.container(),
    ):
        if open_now.open:
            st.fragment(write, run_every=2 * TICK_S if playing else None)()


def draw_graphs(session: LiveSession, shown: LiveSnapshot, *, playing: bool) -> None:
    """Draw the graphs: what is shown now, the last minute, and how often each expression was seen.

    Args:
        session: the visitor's, whose counts can be reset.
        shown: what to draw where the session has read nothing yet and nothing is on its way.
        playing: whether the graphs move.
    """

    def draw() -> None:
        snapshot = session.snapshot()
        is_own = playing or snapshot.frame is not None
        _graphs(snapshot if is_own else shown, is_now=not is_own or (playing and snapshot.age_s < NOW_S))
        _counts(snapshot if is_own else shown, session)

    with st.container(gap="xxsmall"):
        st.fragment(draw, run_every=TICK_S if playing else None)()


def _graphs(snapshot: LiveSnapshot, *, is_now: bool) -> None:
    people = _people(snapshot)
    faces = snapshot.frame.faces if is_now and snapshot.frame is not None else ()
    in_view = sorted((face for face in faces if face.person in people), key=lambda face: known(face.person))
    st.header("Now")
    if is_now:
        write_headlines(in_view)
    else:
        write_status(NOT_NOW)
    draw_moving_chart(
        probabilities_now(in_view, snapshot.classes),
        alt="The probability of every expression now, a lane for each person",
        key="live_now",
    )
    st.header("Last 60 seconds")
    draw_moving_chart(
        last_minute(snapshot.history, snapshot.classes, snapshot.now_s, people, snapshot.names),
        alt="The probability of every expression over the last minute, a lane for each person",
        key="live_minute",
    )


def _counts(snapshot: LiveSnapshot, session: LiveSession) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.header(
            "Expressions seen",
            width="content",
            help="Four times a second, at most, everyone in view counts once; unsure where more than one expression "
            "may be meant.",
        )
        st.button(
            "Reset the counts",
            icon=":material/restart_alt:",
            key="live_reset",
            type="tertiary",
            disabled=not any(session.snapshot().counts.values()),
            on_click=session.reset_counts,
        )
    columns, pie = st.columns(2)
    with columns:
        draw_moving_chart(
            count_columns(snapshot.counts, COUNTS_PX), alt="How often each expression was seen", key="live_counts"
        )
    with pie:
        draw_moving_chart(
            count_pie(snapshot.counts, COUNTS_PX),
            alt="Each expression's share of all that was seen",
            key="live_shares",
        )


def read_still(taken_bgr: np.ndarray | None, pipeline: FacePipeline, wanted: Switches) -> None:
    """Read a single picture, where there is no stream.

    Args:
        taken_bgr: image_bgr, uint8 of shape (height, width, 3); None until there is one.
        pipeline: reads it.
        wanted: how it is drawn, and whether everyone in it is read or the largest face alone.
    """
    if taken_bgr is None:
        st.info("Take a photo, and its faces are read here. It is not stored.", icon=":material/photo_camera:")
        return
    view = wanted.view
    result = pipeline.analyze(taken_bgr)
    hidden = blur_faces(taken_bgr, result.faces) if view.blur else taken_bgr
    numbered = tuple(replace(face, person=number) for number, face in enumerate(result.faces, start=1))
    result = replace(result, faces=numbered if wanted.everyone else numbered[:1])
    drawn = annotate(hidden, result.faces, words=view.words, landmarks=view.landmarks, mirror=view.mirror)
    st.image(drawn, channels="BGR", width="stretch", output_format="JPEG", alt=describe_result(result))
    if not result.faces:
        st.info(NO_FACE, icon=":material/search_off:")
    for face in result.faces[:MOST_LANES]:
        write_headline(face)
        draw_chart(probability_bars(face), alt=f"The probabilities of face {face.person}")
    if len(result) > MOST_LANES:
        st.caption(f"The {MOST_LANES} largest of {len(result)} faces. The Image page shows all of them.")
