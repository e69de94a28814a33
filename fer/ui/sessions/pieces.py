"""The pieces of the Sessions page: the list, one session opened, two compared, what is kept and for how long."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from fer.charts.counts import count_columns, count_pie, share_comparison
from fer.charts.parts import percent
from fer.charts.timeline import MAX_RIBBONS, bin_width_s, people_table, person_counts, timeline
from fer.detection import TITLES
from fer.errors import FerError, StoreError
from fer.export import describe_recording
from fer.pipeline import DEFAULT_MODEL, Settings
from fer.recording import Sample, Span, samples_table
from fer.store import MAX_NAME, MAX_RETENTION_DAYS, SavedSession, Store
from fer.ui.example import read_example
from fer.ui.loaders import file_version
from fer.ui.recordings import KINDS, offer_recording
from fer.ui.shared import draw_moving_chart
from fer.ui.style import plain
from fer.ui.visitor import find_owner
from fer.ui.words import write_count, write_length, write_moment

TOOLS = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
"""What Plotly offers beside the timeline: zoom, pan, back to the whole, a picture of it."""

_OPENED, _DAYS, _TROUBLE = "opened_session", "retention_days", "_session_trouble"


@contextmanager
def show_store_errors() -> Iterator[None]:
    """End a page whose database cannot be used with the sentence that says why."""
    try:
        yield
    except StoreError as error:
        st.error(plain(str(error)), icon=":material/database_off:")


def require_owner() -> str:
    """Whose sessions to show; a page for somebody who has none to be saved under ends here with the reason."""
    owner = find_owner()
    if owner is None:
        _saving_is_off()
        st.stop()
    return owner


def _saving_is_off() -> None:
    st.info(
        "Sessions are saved only for somebody: for whoever sits at the machine that runs this app, or for a user who "
        "is logged in. You have come from elsewhere without a login, so nothing of yours is saved here. What you "
        "record can still be downloaded where you record it.",
        icon=":material/lock:",
    )
    if not hasattr(st.user, "is_logged_in"):
        st.caption(
            "Whoever runs this app can offer a login: an `[auth]` section in `.streamlit/secrets.toml`, as Streamlit's "
            "documentation describes under st.login."
        )
        return
    for provider in _login_providers():
        st.button(
            "Log in" if provider == "default" else f"Log in with {plain(provider)}",
            icon=":material/login:",
            key=f"log_in_{provider}",
            on_click=st.login,
            args=(provider,),
        )


def _login_providers() -> list[str]:
    """The names of those who vouch for users, as `.streamlit/secrets.toml` has them."""
    auth = st.secrets["auth"]
    return ["default"] if "client_id" in auth else [name for name in auth if hasattr(auth[name], "keys")]


def explain_sessions() -> None:
    """Say what a session is and where one is recorded, and show what one looks like."""
    with st.container(border=True):
        st.markdown(
            "**No session yet.** A session is what was read while you recorded: who was in view, what their faces "
            "showed, moment by moment. Numbers, never pictures. Press Record on the Live page to make one."
        )
        st.page_link("pages/live.py", label="Go to Live", icon=":material/videocam:")
    try:
        settings = Settings()
        shown = read_example(settings, file_version(DEFAULT_MODEL))
    except FerError:
        return
    if shown.fault:
        return
    snapshot = shown.snapshot
    st.subheader("An example")
    st.caption("Read from a sample photo, which was swayed before the detector for a few seconds.")
    table = samples_table(snapshot.history, snapshot.classes)
    _course(table.assign(time_s=table["time_s"] - table["time_s"].min()), snapshot.classes, "example")


def list_sessions(sessions: Sequence[SavedSession]) -> tuple[SavedSession, SavedSession | None]:
    """Show the sessions as a table, the newest first; return the one to open, and the one to compare it with."""
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "name": session.name,
                    "kind": KINDS[session.kind],
                    "when": write_moment(session.started),
                    "lasted": write_length(session.duration_s),
                    "people": session.people,
                    "mostly": _mostly(session),
                }
                for session in sessions
            ]
        ),
        hide_index=True,
        height="content" if len(sessions) <= 8 else 320,
        alt="Your sessions, the newest first",
        column_config={
            "name": "Name",
            "kind": "Recorded with",
            "when": "When",
            "lasted": "Lasted",
            "people": "People",
            "mostly": "Mostly",
        },
    )
    by_id = {session.id: session for session in sessions}
    asked_for = st.query_params.pop("session", "")
    if asked_for.isdecimal() and int(asked_for) in by_id:
        st.session_state[_OPENED] = int(asked_for)
    elif asked_for:
        st.warning("That session is not there; it may have been deleted.", icon=":material/search_off:")
    if st.session_state.get(_OPENED) not in by_id:
        st.session_state[_OPENED] = sessions[0].id
    titles = _titles(sessions)
    left, right = st.columns(2)
    opened = left.selectbox("Open", list(by_id), format_func=titles.__getitem__, key=_OPENED)
    others = [number for number in by_id if number != opened]
    other = right.selectbox(
        "Compare with",
        [None, *others],
        format_func=lambda number: "Nothing" if number is None else titles[number],
        key=f"compare_{opened}",
        disabled=not others,
    )
    return by_id[opened], None if other is None else by_id[other]


def show_session(store: Store, owner: str, session: SavedSession) -> None:
    """Show one session: its course, its people, and what can be done with it."""
    samples, nobody = store.samples(owner, session.id), store.nobody(owner, session.id)
    st.subheader(plain(session.name))
    st.caption(
        plain(
            f"{KINDS[session.kind]}, {write_moment(session.started)}. {write_length(session.duration_s)}, "
            f"{write_count(session.people, 'person', 'people')}, "
            f"{write_count(session.readings, 'reading', 'readings')} by "
            f"{session.model}, faces found by {TITLES.get(session.detector, session.detector)}."
        )
    )
    if samples:
        _course(samples_table(samples, session.classes), session.classes, str(session.id), nobody)
    else:
        st.info("No face was seen while this was recorded.", icon=":material/search_off:")
    _changes(store, owner, session, samples, nobody)


def _course(table: pd.DataFrame, classes: Sequence[str], key: str, nobody: Sequence[Span] = ()) -> None:
    """Draw a recording: pie and columns of everyone or of one person, the timeline, and the people in a table."""
    people = people_table(table, classes)
    numbers = people["person"].tolist()
    chosen = None
    if len(numbers) > 1:
        chosen = st.selectbox(
            "Who",
            [None, *numbers],
            format_func=lambda number: "Everyone" if number is None else f"Person {number}",
            key=f"person_{key}",
        )
    counts = person_counts(table, classes)
    counts = (counts.sum() if chosen is None else counts.loc[chosen]).to_dict()
    columns, pie = st.columns([3, 2])
    with columns:
        draw_moving_chart(count_columns(counts), key=f"columns_{key}", alt=_in_words("How often", counts))
    with pie:
        draw_moving_chart(count_pie(counts), key=f"pie_{key}", alt=_in_words("Which share of", counts))
    shown = chosen or int(people.loc[people["readings"].idxmax(), "person"])
    st.plotly_chart(
        timeline(table, classes, shown, nobody),
        width="stretch",
        config=TOOLS,
        key=f"timeline_{key}_{shown}",
        alt=f"Above, what every person mostly showed over time; below, the probabilities of person {shown}",
    )
    width = f"{bin_width_s(table):.2g} s"
    ribbons = f" The first {MAX_RIBBONS} people have a ribbon." if len(numbers) > MAX_RIBBONS else ""
    shaded = " Where it is shaded, nobody was in view." if nobody else ""
    st.caption(
        f"The ribbons show everyone's most probable expression, the lines the probabilities of person {shown}; a point "
        f"is the mean of {width}.{ribbons}{shaded} Drag over the time to zoom, double-click to see all of it."
    )
    if len(numbers) > 1:
        st.dataframe(
            people.assign(share=people["share"] * 100),
            hide_index=True,
            alt="When each person was seen and what they mostly showed",
            column_config={
                "person": st.column_config.NumberColumn("Person", width="small"),
                "first_s": st.column_config.NumberColumn("First seen", format="%.1f s"),
                "last_s": st.column_config.NumberColumn("Last seen", format="%.1f s"),
                "readings": st.column_config.NumberColumn("Readings", format="localized"),
                "mostly": st.column_config.TextColumn("Mostly"),
                "share": st.column_config.NumberColumn("Of the readings", format="%.0f %%"),
            },
        )


def compare_sessions(first: SavedSession, second: SavedSession) -> None:
    """Lay two sessions on one axis, in shares, since they differ in length."""
    titles = _titles([second, first])
    st.subheader("Side by side")
    st.altair_chart(
        share_comparison(
            {titles[one.id]: pd.DataFrame([one.counts]) for one in (first, second)}, "share of the session's readings"
        ),
        width="stretch",
        alt=". ".join(_in_words(f"{titles[one.id]}: which share of", one.counts) for one in (first, second)),
    )
    st.caption(
        plain(
            ". ".join(
                f"{titles[one.id]}: {write_length(one.duration_s)}, {write_count(one.people, 'person', 'people')}, "
                f"{write_count(one.readings, 'reading', 'readings')} by {one.model}"
                for one in (first, second)
            )
            + "."
        )
    )
    if first.model != second.model:
        st.caption("They were read by different models: part of what differs may be that.")


def _changes(
    store: Store, owner: str, session: SavedSession, samples: Sequence[Sample], nobody: Sequence[Span]
) -> None:
    """Rename, download, delete."""
    name = f"name_{session.id}"
    st.text_input(
        "Name of this session",
        session.name,
        max_chars=MAX_NAME,
        key=name,
        on_change=lambda: _try(lambda: store.rename(owner, session.id, st.session_state[name])),
    )
    about = {"name": session.name} | describe_recording(
        session.kind, session.started, session.duration_s, session.model, session.detector, session.classes, nobody
    )
    with st.container(horizontal=True):
        offer_recording(samples, session.classes, about, f"session-{session.id}")
        with st.popover("Delete", icon=":material/delete:", key=f"delete_{session.id}"):
            st.markdown(f"Delete **{plain(session.name)}** and all its numbers? This cannot be undone.")
            st.button(
                "Delete this session",
                type="primary",
                key=f"delete_{session.id}_for_good",
                on_click=lambda: _try(lambda: store.delete(owner, session.id)),
            )


def manage_keeping(store: Store, owner: str, sessions: Sequence[SavedSession]) -> None:
    """Say where sessions are, choose for how long, and delete all of them."""
    st.subheader("What is kept")
    where = f"They are in `{store.place}`" if owner == "local" else "They are in this app's database, under your login"
    st.caption(
        "Sessions hold numbers, never pictures: times, boxes, probabilities, and the names that you give. "
        f"{where}, and are sent nowhere."
    )
    chosen = store.retention(owner)
    st.session_state.setdefault(_DAYS, chosen)  # a field that began with a number could not be emptied
    days = st.number_input(
        "Delete a session by itself after this many days; empty: never",
        1,
        MAX_RETENTION_DAYS,
        None,
        placeholder="never",
        key=_DAYS,
    )
    if days != chosen:
        limit = None if days is None else datetime.now(UTC) - timedelta(days=days)
        old = 0 if limit is None else sum(one.started + timedelta(seconds=one.duration_s) < limit for one in sessions)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Keep all sessions" if days is None else f"Delete after {write_count(days, 'day', 'days')}",
                icon=":material/auto_delete:",
                key="retention_set",
                on_click=lambda: _try(lambda: store.set_retention(owner, days)),
            )
            if old:
                st.caption(f"{write_count(old, 'session is', 'sessions are')} older and would go at once.")
    if sessions:
        with st.popover("Delete all sessions", icon=":material/delete_forever:"):
            st.markdown(f"Delete {write_count(len(sessions), 'session', 'sessions')} for good? This cannot be undone.")
            st.button(
                "Delete all of them",
                type="primary",
                key="delete_all_for_good",
                on_click=lambda: _try(lambda: store.delete_all(owner)),
            )
    if owner != "local":
        st.button("Log out", icon=":material/logout:", on_click=st.logout)


def show_troubles() -> None:
    """Show what went wrong with the last change, once."""
    if (sentence := st.session_state.pop(_TROUBLE, None)) is not None:
        st.error(plain(sentence), icon=":material/error:")


def _try(change: Callable[[], object]) -> None:
    """Make a change from a callback; what is wrong is shown by `show_troubles` on the run that follows."""
    try:
        change()
    except StoreError as error:
        st.session_state[_TROUBLE] = str(error)


def _titles(sessions: Sequence[SavedSession]) -> dict[int, str]:
    """The sessions' names by their numbers, told apart by a count where they are the same, from the oldest on."""
    titles: dict[int, str] = {}
    for session in reversed(sessions):
        title, count = session.name, 2
        while title in titles.values():
            title, count = f"{session.name} ({count})", count + 1
        titles[session.id] = title
    return titles


def _mostly(session: SavedSession) -> str:
    if session.main is None:
        return "\u2013"
    return f"{session.main}, {percent(session.counts[session.main] / session.readings)}"


def _in_words(what: str, counts: Mapping[str, int]) -> str:
    """Counts in words, for those who cannot see the chart."""
    total = max(1, sum(counts.values()))
    return f"{what} the readings: " + ", ".join(f"{name} {n:,} ({percent(n / total)})" for name, n in counts.items())
