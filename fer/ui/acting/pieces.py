"""The pieces of the Acting practice page: the prompts with their hints, the stage, the result, the progress."""

import base64
import random
from functools import lru_cache

import cv2
import streamlit as st

from fer.acting import practice as acting
from fer.acting.drawn_face import draw_face
from fer.acting.practice import BURST_S, COUNTDOWN_S, GOOD_SCORE, NEUTRAL, RESULT_S, Attempt, PracticeState
from fer.acting.session import ActingSession, ActingSnapshot, Keepsake, Shot
from fer.charts.parts import percent
from fer.contact_sheet import SheetFace, data_uri, sheet_picture
from fer.drawing import annotate, overlay_map
from fer.emotions import emotion
from fer.errors import known
from fer.files import table_to_csv
from fer.pipeline import FacePipeline, Settings
from fer.ui import camera
from fer.ui.loaders import file_version
from fer.ui.style import plain, write_headline

TICK_S = 0.25
"""How often the countdown moves."""

WHOLE_ROUND = "round"

NO_FACE = "No face was found. Look at the camera, come closer, or turn on a light."

_NUMBERS = {7: "seven", 8: "eight"}

_SOUND = "acting_sound"

_CUES = """
const notes = {
    countdown: [440], burst: [880], result: [660, 990], refused: [330], missed: [330], done: [660, 880, 1320],
};
export default function ({ data, parentElement }) {
    const before = parentElement.cue;
    parentElement.cue = data.cue;
    if (!data.sound || before === undefined || before === data.cue) return;
    const heard = (parentElement.heard ??= new AudioContext());
    heard.resume();
    (notes[data.cue.split(" ")[0]] ?? []).forEach((hertz, i) => {
        const tone = new OscillatorNode(heard, { frequency: hertz }), level = new GainNode(heard, { gain: 0 });
        const start = heard.currentTime + 0.14 * i;
        level.gain.setValueAtTime(0.15, start);
        level.gain.exponentialRampToValueAtTime(0.001, start + 0.25);
        tone.connect(level).connect(heard.destination);
        tone.start(start);
        tone.stop(start + 0.3);
    });
}
"""
"""Sounds what comes next, for those who look at their own face; made by the browser, so that nothing is loaded."""

_cues = st.components.v2.component("fer_acting_cues", js=_CUES)


def open_session(settings: Settings, pipeline: FacePipeline) -> ActingSession:
    """This visitor's practice with a model; each model has its own, since their scores do not compare."""
    sessions: dict[tuple, ActingSession] = st.session_state.setdefault("_acting", {})
    key = (settings.model, file_version(settings.model))
    if key not in sessions:
        sessions[key] = ActingSession(pipeline)
    sessions[key].use(pipeline)
    return sessions[key]


def explain_lock() -> str | None:
    """Why model and detector cannot be changed now; None where they can."""
    sessions: dict[tuple, ActingSession] = st.session_state.get("_acting", {})
    if all(session.snapshot().practice.phase in ("idle", "done") for session in sessions.values()):
        return None
    return "A round has one model. Finish it, or give it up, to choose another."


def prompt_title(expression: str) -> str:
    """A prompt with its icon, as Markdown."""
    return f":material/{emotion(expression).icon}: {acting.prompt_words(expression)}"


def show_hint(expression: str) -> None:
    """Show what an expression needs, part by part: a drawn face that moves so, and the words."""
    needs = acting.HINTS[expression]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_drawn(expression), width="content")
        with st.container(width=220, gap=None):
            st.markdown(f"Brows: {needs.brows}  \nEyes: {needs.eyes}  \nMouth: {needs.mouth}")
    if needs.action_units:
        st.caption(f"FACS action units {' + '.join(map(str, needs.action_units))}")
    else:
        st.caption("Your own face at rest. The other scores count from it.")


@lru_cache(maxsize=16)
def _drawn(expression: str) -> str:
    """The drawn face as a picture in HTML, whose address holds all of it: so it knows nothing of the page."""
    svg = draw_face(acting.HINTS[expression].action_units)
    address = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return f'<img src="{address}" width="96" height="96" alt="A drawn face that goes from rest to {expression}">'


def show_prompts(classes: tuple[str, ...]) -> None:
    """Show every prompt with its hint, neutral first, as a round begins with it, and who says what they need."""
    st.header("The prompts")
    sources = {acting.HINTS[name].source: None for name in classes if acting.HINTS[name].source}
    links = ", ".join(f"[{source}]({acting.SOURCES[source]})" for source in sources)
    st.markdown(f"What posed faces do, in the action units of FACS: {links}.")
    with st.grid(min_column_width=240):
        for name in (NEUTRAL, *(name for name in classes if name != NEUTRAL)):
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{prompt_title(name)}**")
                show_hint(name)


def explain_scores() -> None:
    """Explain the score, on demand."""
    with st.expander("How a try is scored", icon=":material/straighten:"):
        st.markdown(
            f"Of the {BURST_S:.0f} seconds after the countdown the best frame counts; nothing is smoothed. The score "
            "is the share of the way from your own neutral face to certainty: `100 * (p - p0) / (1 - p0)`, at least 0. "
            "Here `p` is the calibrated probability of the expression in the best frame, and `p0` the most that your "
            "neutral face was read as that expression.\n\n"
            "So 0 means no further than your neutral face, and 100 that the model is certain. The neutral face itself "
            "scores 100 times its own probability; read as something else with more than half, it is taken again.\n\n"
            "**It scores what the model sees, not how well you act.** The model reads fear and disgust worst, so their "
            "scores run low for everybody, and scores of different models do not compare. The hints describe posed "
            "faces; people show what they feel in many other ways."
        )


def show_stage(session: ActingSession, classes: tuple[str, ...], *, live: bool, playing: bool) -> None:
    """Show whose turn it is: what to practise, the prompt, the countdown, the result or the end of the round.

    Args:
        session: the visitor's.
        classes: the model's.
        live: whether frames come from a stream, or else photos.
        playing: whether the stream runs.
    """
    if not playing:
        session.pause()
    snapshot = session.snapshot()
    practice = snapshot.practice
    with st.container(border=True, key="acting_stage"):
        if practice.phase == "done":
            show_end_of_round(practice)
            show_sheet(snapshot.keepsakes, practice)
        if practice.phase in ("idle", "done"):
            choose(session, classes, live=live, playing=playing)
        else:
            _heading(practice)
            _stage(session, snapshot, live=live, playing=playing)
        if live:
            sound = st.session_state.get(_SOUND, False)
            _cues(key="acting_cues", data={"cue": f"{practice.phase} {practice.turn}", "sound": sound})


def _stage(session: ActingSession, snapshot: ActingSnapshot, *, live: bool, playing: bool) -> None:
    """What stands or runs in a round, and the way out of it."""
    practice = snapshot.practice
    if practice.phase in ("countdown", "burst"):
        show_hint(practice.asked)
    else:
        _standing(session, snapshot, live=live, playing=playing)
    if practice.flows:
        with st.container():  # what stands right after a fragment that ticks is lost now and then
            st.fragment(_running, run_every=TICK_S)(session, (practice.phase, practice.turn))
        st.button("Pause", key="acting_pause", on_click=session.pause, icon=":material/pause:")
    st.button("Give the round up", type="tertiary", on_click=session.leave, icon=":material/logout:")


def choose(session: ActingSession, classes: tuple[str, ...], *, live: bool, playing: bool) -> None:
    """Let the player choose what to practise, and start."""
    whole = f"A round of {_NUMBERS[len(classes)]}"
    others = [name for name in classes if name != NEUTRAL]
    st.selectbox(
        "What to practise",
        [WHOLE_ROUND, *others],
        format_func=lambda name: whole if name == WHOLE_ROUND else f"Only: {acting.prompt_words(name).lower()}",
        key="acting_choice",
        persist_state="session",
        help="Each begins with your own neutral face, which the scores count from.",
    )

    def begin() -> None:  # asks for the choice when it runs, which may be sooner than the page does after choosing
        chosen, seed = st.session_state["acting_choice"], random.getrandbits(32)
        session.begin(acting.shuffled_round(classes, seed) if chosen == WHOLE_ROUND else (NEUTRAL, chosen))
        if live:
            session.ready()

    st.button("Start", type="primary", icon=":material/play_arrow:", on_click=begin, disabled=live and not playing)
    if not live:
        return
    st.toggle(
        "Sound",
        key=_SOUND,
        persist_state="session",
        help="A tone for each prompt, one when it counts, and two when the score stands.",
    )
    st.caption(
        "Then prompts follow by themselves; nothing more has to be pressed."
        if playing
        else "Start the camera first: press START in its picture."
    )


def _heading(practice: PracticeState) -> None:
    st.caption(f"Prompt {practice.position} of {practice.total}")
    st.header(prompt_title(practice.asked), anchor=False)


def _running(session: ActingSession, drawn: tuple[str, int]) -> None:
    """What moves while prompts follow by themselves; where the next phase has come, the page is drawn anew."""
    snapshot = session.snapshot()
    practice = snapshot.practice
    if (practice.phase, practice.turn) != drawn:
        st.rerun()
    length_s, words = {
        "countdown": (COUNTDOWN_S, "Starts in {:.0f} s"),
        "burst": (BURST_S, "Now, and hold it: {:.0f} s left"),
    }.get(practice.phase, (RESULT_S, "Goes on in {:.0f} s"))
    share = 1 - practice.remaining_s / length_s
    st.progress(min(max(share, 0.0), 1.0), text=words.format(practice.remaining_s))
    if practice.phase not in ("countdown", "burst"):
        return
    near = practice.nearness or 0.0
    st.progress(min(near / 100, 1.0), text=f"How near you are: **{near:.0f}**")
    if snapshot.error is not None:
        words = snapshot.error
    elif practice.stalled:
        words = "Pictures were missing, so the countdown began anew. Close what else keeps this machine busy."
    else:
        words = "Your face is seen." if snapshot.face_seen else NO_FACE
    st.caption(plain(words))


def _standing(session: ActingSession, snapshot: ActingSnapshot, *, live: bool, playing: bool) -> None:
    """A prompt that waits for the player, or what came of it."""
    practice = snapshot.practice

    def go_on() -> None:
        session.next()
        if live:
            session.ready()

    def try_again() -> None:
        session.again()
        if live:
            session.ready()

    if snapshot.error is not None:
        st.error(plain(snapshot.error), icon=":material/error:")
    if practice.phase == "result":
        show_result(practice, snapshot.shot, live=live)
        last = practice.position == practice.total
        with st.container(horizontal=True):
            if not practice.flows:
                words = "Finish the round" if last else "Next prompt"
                st.button(words, type="primary", on_click=go_on, icon=":material/arrow_forward:")
            st.button("Try again", on_click=try_again, icon=":material/replay:")
    elif practice.phase in ("missed", "refused"):
        if practice.refused_as is None:
            st.warning(f"{NO_FACE} Nothing was scored.", icon=":material/search_off:")
        else:
            name, most = practice.refused_as
            st.warning(
                f"This was read as {name} with up to {percent(most)}, and {name} could hardly score above it. Let your "
                "face rest; the neutral face is taken again.",
                icon=":material/replay:",
            )
        if not practice.flows:
            st.button("Try again", type="primary", on_click=try_again, icon=":material/replay:")
    elif live:
        show_hint(practice.asked)
        st.button("Go on", type="primary", on_click=session.ready, disabled=not playing, icon=":material/play_arrow:")
        if not playing:
            st.caption("Start the camera first: press START in its picture.")
    else:
        show_hint(practice.asked)
        st.caption("Take the photo while you show it.")


def show_result(practice: PracticeState, shot: Shot | None, *, live: bool) -> None:
    """Show what a try was scored on, its score, and where the network looked."""
    taken = "best frame" if live else "photo"
    attempt = known(practice.attempt)
    st.progress(attempt.score / 100, text=f"Score **{attempt.score:.0f}** of 100")
    st.caption(put_in_words(attempt, practice))
    if shot is None:
        return
    write_headline(shot.face)
    picture, looked = st.columns([3, 2], vertical_alignment="bottom")
    # As files, pictures would be gone where the page is drawn anew before a browser asks for them.
    picture.image(
        data_uri(annotate(shot.picture_bgr, [shot.face]), "jpeg"),
        width="stretch",
        alt=f"The {taken} for {attempt.expression}, with the face's box",
    )
    looked.image(
        data_uri(overlay_map(shot.seen_bgr, shot.activation_map), "jpeg"),
        width="stretch",
        alt=f"Activation map of {attempt.expression} over the face",
    )
    st.caption(
        f"The {taken}, kept in memory until you go on, and where the network looked: bright is what spoke for "
        f"*{attempt.expression}*."
    )


def put_in_words(attempt: Attempt, practice: PracticeState) -> str:
    """Where a score comes from, in a sentence or two."""
    if attempt.expression != NEUTRAL:
        return (
            f"Read as {attempt.expression} with {percent(attempt.probability)}; your neutral face reached "
            f"{percent(attempt.neutral_probability)}."
        )
    words = f"Read as neutral with {percent(attempt.probability)}. The other scores count from this face."
    name, most = max(((n, p) for n, p in practice.neutral.items() if n != NEUTRAL), key=lambda pair: pair[1])
    if most < attempt.probability:
        return words
    return (
        f"{words} It was also read as {name} with up to {percent(most)}, which leaves less to gain there: if your face "
        "was not at rest, try again."
    )


def show_end_of_round(practice: PracticeState) -> None:
    """Sum the round up."""
    tries = practice.round_attempts
    best = {name: max(a.score for a in tries if a.expression == name) for name in {a.expression for a in tries}}
    asked = {name: score for name, score in best.items() if name != NEUTRAL}
    st.header(f"Round {tries[0].round} is over", anchor=False)
    words = f"Mean score {sum(asked.values()) / len(asked):.0f} of 100"
    if len(asked) > 1:
        words += f" over {len(asked)} expressions beside neutral. {extremes(asked)}"
    st.markdown(f"{words}.")


def extremes(scores: dict[str, float]) -> str:
    """Which expressions were read best and least, as the scores are shown; equal ones are said to be equal."""
    shown = {name: round(score) for name, score in scores.items()}
    best, least = (
        (end, [name for name, score in shown.items() if score == end])
        for end in (max(shown.values()), min(shown.values()))
    )
    if best[0] == least[0]:
        return f"All of them scored the same, {best[0]}"
    words = [
        f"{say}: {' and '.join(names)} ({'both ' if len(names) == 2 else 'each ' if len(names) > 2 else ''}{score})"
        for say, (score, names) in (("Best read", best), ("least", least))
    ]
    return "; ".join(words)


def show_sheet(keepsakes: tuple[Keepsake, ...], practice: PracticeState) -> None:
    """Show the best frame of every expression with its score, and offer them as one picture."""
    if not keepsakes:
        return
    number = practice.attempts[-1].round
    faces = [
        SheetFace(
            one.face_bgr,
            f"{one.attempt.expression}, {one.attempt.score:.0f} of 100",
            f"{one.attempt.expression}, score {one.attempt.score:.0f}",
            emotion(one.attempt.expression).colour,
        )
        for one in keepsakes
    ]
    picture_bgr = sheet_picture(faces, f"Acting practice, round {number}")
    words = "; ".join(face.description for face in faces)
    st.image(data_uri(picture_bgr, "jpeg"), width="stretch", alt=f"The best frames of the round: {words}")
    st.download_button(
        "Download the sheet",
        cv2.imencode(".png", picture_bgr)[1].tobytes(),
        f"acting-round-{number}.png",
        "image/png",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption("These faces are kept in memory alone, until the next round or until you close the page.")


def show_progress(practice: PracticeState, classes: tuple[str, ...], model: str) -> None:
    """Show how every expression goes, the streak, and the downloads; nothing before the first try."""
    attempts = practice.attempts
    if not attempts:
        return
    st.header("Your progress")
    length = acting.streak(attempts)
    st.caption(
        f"{len(attempts)} tr{'y' if len(attempts) == 1 else 'ies'}, {length} in a row with {GOOD_SCORE:.0f} or more, "
        f"read by {plain(model)}. It is kept until you close the page, and only numbers are."
    )
    rows = acting.progress(attempts, classes)
    st.dataframe(
        {
            "Expression": [row.expression for row in rows],
            "Best": [row.best for row in rows],
            "Last": [row.last for row in rows],
            "Tries": [row.tries for row in rows],
        },
        hide_index=True,
        placeholder="\u2013",
        alt="Best and last score and number of tries of every expression",
        column_config={
            name: st.column_config.ProgressColumn(name, min_value=0, max_value=100, format="%.0f")
            for name in ("Best", "Last")
        },
    )
    table = acting.to_table(attempts).assign(model=model)
    files = {
        "csv": ("text/csv", table_to_csv(table)),
        "json": ("application/json", table.to_json(orient="records", indent=2) + "\n"),
    }
    with st.container(horizontal=True):
        for name, (mime, text) in files.items():  # made now: what is made at the click gets lost while a page ticks
            st.download_button(
                name.upper(), text, f"acting-practice.{name}", mime, icon=":material/download:", on_click="ignore"
            )


def take_photo(session: ActingSession, model: str) -> None:
    """Take one photo for the prompt that is shown, in place of a burst."""
    session.pause()
    practice = session.snapshot().practice
    if practice.phase != "prompt":
        started = practice.phase in ("result", "missed", "refused")
        st.caption(
            "The camera comes back with the next prompt."
            if started
            else "Choose what to practise and press Start; then the camera opens here."
        )
        return
    taken_bgr = camera.take_snapshot(f"acting_photo_{model}_{practice.turn}")
    if taken_bgr is None:
        return
    session.photo(taken_bgr)
    if session.snapshot().practice.phase != "prompt":
        st.rerun()
