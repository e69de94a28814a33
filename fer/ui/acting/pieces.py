"""The pieces of the Acting practice page: the prompts with their hints, the stage, the result, the progress."""

import random

import streamlit as st

from fer.acting import practice as acting
from fer.acting.practice import BURST_S, COUNTDOWN_S, GOOD_SCORE, NEUTRAL, Attempt, PracticeState
from fer.acting.session import ActingSession, ActingSnapshot, Shot
from fer.charts.parts import percent
from fer.contact_sheet import data_uri
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
    """Say what an expression needs, part by part."""
    needs = acting.HINTS[expression]
    st.markdown(f"Brows: {needs.brows}  \nEyes: {needs.eyes}  \nMouth: {needs.mouth}")
    if needs.action_units:
        st.caption(f"FACS action units {' + '.join(map(str, needs.action_units))}")
    else:
        st.caption("Your own face at rest. The other scores count from it.")


def show_prompts(classes: tuple[str, ...]) -> None:
    """Show every prompt with its hint, neutral first, as a round begins with it, and who says what they need."""
    st.subheader("The prompts")
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
            "scores 100 times its own probability.\n\n"
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
        _call_off(session)
    snapshot = session.snapshot()
    phase = snapshot.practice.phase
    with st.container(border=True, key="acting_stage"):
        if phase == "idle":
            choose(session, classes, can_start=playing or not live)
        elif phase == "done":
            show_end_of_round(snapshot.practice)
            choose(session, classes, can_start=playing or not live)
        elif phase in ("countdown", "burst"):
            with st.container():  # what stands right after a fragment that ticks is lost now and then
                st.fragment(_running, run_every=TICK_S)(session)
        else:
            _standing(session, snapshot, live=live, playing=playing)


def _call_off(session: ActingSession) -> None:
    """Go back to the prompt where a countdown runs without a stream."""
    if session.snapshot().practice.phase in ("countdown", "burst"):
        session.again()


def choose(session: ActingSession, classes: tuple[str, ...], *, can_start: bool) -> None:
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

    st.button("Start", type="primary", icon=":material/play_arrow:", on_click=begin, disabled=not can_start)
    if not can_start:
        st.caption("Start the camera first: press START in its picture.")


def _heading(practice: PracticeState) -> None:
    st.caption(f"Prompt {practice.position} of {practice.total}")
    st.subheader(prompt_title(practice.asked), anchor=False)


def _running(session: ActingSession) -> None:
    """The countdown and the burst; as soon as they are over the page is drawn anew."""
    snapshot = session.snapshot()
    practice = snapshot.practice
    if practice.phase not in ("countdown", "burst"):
        st.rerun()
    _heading(practice)
    if practice.phase == "countdown":
        share, words = 1 - practice.remaining_s / COUNTDOWN_S, f"Starts in {practice.remaining_s:.0f} s"
    else:
        share, words = 1 - practice.remaining_s / BURST_S, f"Now, and hold it: {practice.remaining_s:.0f} s left"
    st.progress(min(max(share, 0.0), 1.0), text=words)
    show_hint(practice.asked)
    if snapshot.error is not None:
        words = snapshot.error
    elif practice.stalled:
        words = "Pictures were missing, so the countdown began anew. Close what else keeps this machine busy."
    else:
        words = "Your face is seen." if snapshot.face_seen else NO_FACE
    st.caption(plain(words))
    st.button("Stop", key="acting_stop", on_click=session.again, icon=":material/close:")


def _standing(session: ActingSession, snapshot: ActingSnapshot, *, live: bool, playing: bool) -> None:
    """A prompt that waits for the player, or what came of it."""
    practice = snapshot.practice
    _heading(practice)
    if snapshot.error is not None:
        st.error(plain(snapshot.error), icon=":material/error:")
    if practice.phase == "result":
        show_result(practice, snapshot.shot, live=live)
        last = practice.position == practice.total
        label = "Finish the round" if last else "Next prompt"
        at_rest = practice.expression != NEUTRAL or known(practice.attempt).read_as == NEUTRAL
        with st.container(horizontal=True):
            for words, act, icon, leads in (
                (label, session.next, ":material/arrow_forward:", at_rest),
                ("Try again", session.again, ":material/replay:", not at_rest),
            ):
                st.button(words, type="primary" if leads else "secondary", on_click=act, icon=icon)
    elif practice.phase == "missed":
        st.warning(f"{NO_FACE} Nothing was scored.", icon=":material/search_off:")
        st.button("Try again", type="primary", on_click=session.again, icon=":material/replay:")
    elif live:
        show_hint(practice.asked)
        st.button("I am ready", type="primary", on_click=session.ready, disabled=not playing, icon=":material/timer:")
        st.caption(
            f"A countdown of {COUNTDOWN_S:.0f} seconds, then {BURST_S:.0f} seconds of which the best frame counts."
            if playing
            else "Start the camera first: press START in its picture."
        )
    else:
        show_hint(practice.asked)
        st.caption("Take the photo while you show it.")
    st.button("Give the round up", type="tertiary", on_click=session.leave, icon=":material/logout:")


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
    if shot.activation_map is None:
        st.caption("This model has no activation maps.")
        return
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
    st.subheader(f"Round {tries[0].round} is over", anchor=False)
    highest, lowest = (
        (" and ".join(name for name, score in asked.items() if score == end), end)
        for end in (max(asked.values()), min(asked.values()))
    )
    words = f"Mean score {sum(asked.values()) / len(asked):.0f} of 100"
    if len(asked) > 1:
        words += (
            f" over {len(asked)} expressions beside neutral. Best read: {highest[0]} ({highest[1]:.0f}); "
            f"least: {lowest[0]} ({lowest[1]:.0f})"
        )
    st.markdown(f"{words}.")


def show_progress(practice: PracticeState, classes: tuple[str, ...], model: str) -> None:
    """Show how every expression goes, the streak, and the downloads; nothing before the first try."""
    attempts = practice.attempts
    if not attempts:
        return
    st.subheader("Your progress")
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
    _call_off(session)
    practice = session.snapshot().practice
    if practice.phase != "prompt":
        started = practice.phase in ("result", "missed")
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
