"""The pieces of the Sessions page: the list, one session opened, two compared, what is kept and for how long."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from fer.charts.counts import count_columns, count_pie, share_comparison
from fer.charts.parts import percent
from fer.charts.timeline import MAX_RIBBONS, Course, bin_width_s, overlay, people_table, person_counts, timeline
from fer.detection import TITLES
from fer.emotions import UNSURE
from fer.errors import FerError, StoreError
from fer.pipeline import DEFAULT_MODEL, Settings
from fer.recording import Marker, Remarks, Sample, Span, samples_table
from fer.store import MAX_NAME, MAX_NOTE, MAX_NOTES, MAX_RETENTION_DAYS, SavedSession, Store
from fer.ui.example import read_example
from fer.ui.loaders import file_version
from fer.ui.recordings import KINDS, offer_recording
from fer.ui.shared import draw_chart, draw_moving_chart
from fer.ui.style import plain
from fer.ui.visitor import find_owner
from fer.ui.words import write_count, write_length, write_moment

TOOLS = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
"""What Plotly offers beside the timeline: zoom, pan, back to the whole, a picture of it."""

NO_DOUBT = "It was recorded before doubt was noted: what was unsure counts as its most probable expression."

_NO_REMARKS = Remarks()

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
    st.header("An example")
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
    left, right = st.columns(2)
    opened = left.selectbox("Open", list(by_id), format_func=lambda number: by_id[number].name, key=_OPENED)
    others = [number for number in by_id if number != opened]
    other = right.selectbox(
        "Compare with",
        [None, *others],
        format_func=lambda number: "Nothing" if number is None else by_id[number].name,
        key=f"compare_{opened}",
        disabled=not others,
    )
    return by_id[opened], None if other is None else by_id[other]


def show_session(store: Store, owner: str, session: SavedSession) -> None:
    """Show one session: its course, its people, and what can be done with it."""
    samples, nobody = store.samples(owner, session.id), store.nobody(owner, session.id)
    remarks = store.remarks(owner, session.id)
    st.header(plain(session.name))
    st.caption(
        plain(
            f"{KINDS[session.kind]}, {write_moment(session.started)}. {write_length(session.duration_s)}, "
            f"{write_count(session.people, 'person', 'people')}, "
            f"{write_count(session.readings, 'reading', 'readings')} by "
            f"{session.model}, faces found by {TITLES.get(session.detector, session.detector)}."
        )
    )
    if samples:
        _course(samples_table(samples, session.classes), session.classes, str(session.id), nobody, remarks)
    else:
        st.info("No face was seen while this was recorded.", icon=":material/search_off:")
    _write_on(store, owner, session, remarks, sorted({sample.person for sample in samples}))
    _changes(store, owner, session, samples, nobody, remarks)


def _course(
    table: pd.DataFrame,
    classes: Sequence[str],
    key: str,
    nobody: Sequence[Span] = (),
    remarks: Remarks = _NO_REMARKS,
) -> None:
    """Draw a recording: pie and columns of everyone or of one person, the timeline, and the people in a table."""
    people = people_table(table, classes)
    numbers = people["person"].tolist()
    chosen = None
    if len(numbers) > 1:
        chosen = st.selectbox(
            "Who",
            [None, *numbers],
            format_func=lambda number: "Everyone" if number is None else capitalized(remarks.call(number)),
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
        timeline(table, classes, shown, nobody, remarks),
        width="stretch",
        config=TOOLS,
        key=f"timeline_{key}_{shown}",
        alt=f"Above, what every person mostly showed over time; below, the probabilities of {remarks.call(shown)}",
    )
    if table["label"].isna().any():
        st.caption(NO_DOUBT)
    width = f"{bin_width_s(table):.2g} s"
    ribbons = f" The first {MAX_RIBBONS} people have a ribbon." if len(numbers) > MAX_RIBBONS else ""
    shaded = " Where it is shaded, nobody was in view." if nobody else ""
    marked = " Dotted lines are markers." if remarks.markers else ""
    st.caption(
        f"The ribbons show what everyone was called, the lines the probabilities of "
        f"{plain(remarks.call(shown))}; a point is the mean of {width}.{ribbons}{shaded}{marked} Drag over the time to "
        "zoom, double-click to see all of it."
    )
    if len(numbers) > 1:
        st.dataframe(
            people.assign(
                person=[capitalized(remarks.call(number)) for number in numbers], share=people["share"] * 100
            ),
            hide_index=True,
            alt="When each person was seen and what they mostly showed",
            column_config={
                "person": st.column_config.TextColumn("Person"),
                "first_s": st.column_config.NumberColumn("First seen", format="%.1f s"),
                "last_s": st.column_config.NumberColumn("Last seen", format="%.1f s"),
                "readings": st.column_config.NumberColumn("Readings", format="localized"),
                "mostly": st.column_config.TextColumn("Mostly"),
                "share": st.column_config.NumberColumn("Of the readings", format="%.0f %%"),
            },
        )


def capitalized(words: str) -> str:
    """Words as they begin a line; a name stays as it is written."""
    return words[:1].upper() + words[1:]


def compare_sessions(store: Store, owner: str, first: SavedSession, second: SavedSession) -> None:
    """Lay two sessions on one axis, in shares, since they differ in length; then over each other in time."""
    st.header("Side by side")
    draw_chart(
        share_comparison(
            {one.name: pd.DataFrame([one.counts]) for one in (first, second)}, "share of the session's readings"
        ),
        alt=". ".join(_in_words(f"{one.name}: which share of", one.counts) for one in (first, second)),
    )
    st.caption(
        plain(
            ". ".join(
                f"{one.name}: {write_length(one.duration_s)}, {write_count(one.people, 'person', 'people')}, "
                f"{write_count(one.readings, 'reading', 'readings')} by {one.model}"
                for one in (first, second)
            )
            + "."
        )
    )
    for one in (first, second):
        if UNSURE not in one.counts:
            st.caption(plain(f"{one.name}: {NO_DOUBT}"))
    if first.model != second.model:
        st.caption("They were read by different models: part of what differs may be that.")
    if first.readings and second.readings:
        _lay_over(store, owner, first, second)
    _offer_merging(store, owner, first, second)


def _lay_over(store: Store, owner: str, first: SavedSession, second: SavedSession) -> None:
    """Draw both over each other, aligned where the visitor wants: at their beginnings or at a marker of each."""
    key = f"{first.id}_{second.id}"
    marked = {one.id: store.remarks(owner, one.id).markers for one in (first, second)}
    same = [(i, j) for i, a in enumerate(marked[first.id]) for j, b in enumerate(marked[second.id]) if a.note == b.note]
    both = (0, 0) if marked[first.id] and marked[second.id] else (None, None)
    places = dict(zip((first.id, second.id), same[0] if same else both, strict=True))
    st.subheader("Over each other")
    what, *where = st.columns(3)
    shared = [name for name in first.classes if name in second.classes]
    expression = what.selectbox(
        "Expression", shared, shared.index(first.main) if first.main in shared else 0, key=f"laid_{key}"
    )
    courses = []
    for one, column in zip((first, second), where, strict=True):
        markers, place = marked[one.id], places[one.id]
        options: list[Marker | None] = [None, *markers]
        chosen = column.selectbox(
            f"Align {plain(one.name)} at",
            range(len(options)),
            0 if place is None else place + 1,
            format_func=["its beginning", *map(write_marker, markers)].__getitem__,
            key=f"zero_{key}_{one.id}",
        )
        marker = options[chosen]
        table = samples_table(store.samples(owner, one.id), one.classes)
        courses.append(Course(one.name, table, one.classes, 0.0 if marker is None else marker.time_s, markers))
    st.plotly_chart(
        overlay(courses[0], courses[1], expression),
        width="stretch",
        config=TOOLS,
        key=f"overlay_{key}",
        alt=f"{first.name} and {second.name} over each other: what they mostly showed, and how probable {expression} "
        "was in both",
    )
    st.caption(
        plain(
            f"Means of everyone in view. The ribbons show what they were called, the lines how probable "
            f"{expression} was: {first.name} drawn through, {second.name} dashed, and so are their markers."
        )
    )


def _offer_merging(store: Store, owner: str, first: SavedSession, second: SavedSession) -> None:
    """Make one session of two, which stay."""
    field = f"merged_{first.id}_{second.id}"

    def merge() -> None:
        st.session_state[_OPENED] = store.merge(owner, first.id, second.id, st.session_state[field])

    with st.popover("Merge the two", icon=":material/merge:", key=f"merge_{first.id}_{second.id}"):
        st.markdown(
            plain(
                f"A new session in which {second.name} stands behind {first.name}, and a marker between them. People "
                "of one name become one person. The two stay as they are."
            )
        )
        st.text_input("Name of the new session", f"{first.name} and {second.name}"[:MAX_NAME], MAX_NAME, key=field)
        st.button("Merge", type="primary", key=f"merge_{first.id}_{second.id}_now", on_click=lambda: _try(merge))


def write_marker(marker: Marker) -> str:
    """A marker in words: when it stands, and its note."""
    return f"{write_length(marker.time_s)}, {marker.note or 'without a note'}"


def _write_on(store: Store, owner: str, session: SavedSession, remarks: Remarks, people: Sequence[int]) -> None:
    """Notes, names of persons and markers."""

    def change(changed: Callable[[Remarks], Remarks]) -> None:
        _try(lambda: store.write_remarks(owner, session.id, changed(store.remarks(owner, session.id))))

    def name(person: int) -> None:
        called = st.session_state[f"called_{session.id}_{person}"]
        change(lambda now: replace(now, names={**now.names, person: called}))

    def unmark() -> None:
        gone = st.session_state[chosen]
        change(lambda now: replace(now, markers=tuple(one for one in now.markers if one != gone)))

    def mark() -> None:
        marker = Marker(st.session_state[f"at_{session.id}"], st.session_state[f"note_{session.id}"])
        _try(lambda: store.add_marker(owner, session.id, marker))

    notes, chosen = f"notes_{session.id}", f"marker_{session.id}"
    with st.expander("Notes, markers, names", icon=":material/edit_note:", expanded=remarks != _NO_REMARKS):
        st.text_area(
            "Notes",
            remarks.notes,
            max_chars=MAX_NOTES,
            key=notes,
            on_change=lambda: change(lambda now: replace(now, notes=st.session_state[notes])),
        )
        with st.grid(min_column_width=180):
            for person in people[:MAX_RIBBONS]:
                st.text_input(
                    f"Name of person {person}",
                    remarks.names.get(person, ""),
                    MAX_NAME,
                    key=f"called_{session.id}_{person}",
                    on_change=name,
                    args=(person,),
                )
        with st.form(f"mark_{session.id}", clear_on_submit=True, border=False):
            at, note, button = st.columns([1, 2, 1], vertical_alignment="bottom")
            at.number_input("Marker at second", 0.0, max(session.duration_s, 0.1), key=f"at_{session.id}")
            note.text_input("Its note", max_chars=MAX_NOTE, key=f"note_{session.id}")
            button.form_submit_button("Set a marker", icon=":material/bookmark_add:", on_click=mark)
        if remarks.markers:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.selectbox("Markers", remarks.markers, format_func=write_marker, key=chosen)
                st.button("Remove this marker", icon=":material/bookmark_remove:", key=f"{chosen}_go", on_click=unmark)


def _changes(
    store: Store,
    owner: str,
    session: SavedSession,
    samples: Sequence[Sample],
    nobody: Sequence[Span],
    remarks: Remarks,
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
    about = {"name": session.name} | session.describe(nobody)
    with st.container(horizontal=True):
        offer_recording(samples, session.classes, about, session.name, remarks, f"session_{session.id}")
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
    st.header("What is kept")
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


def _mostly(session: SavedSession) -> str:
    if session.main is None:
        return "\u2013"
    return f"{session.main}, {percent(session.counts[session.main] / session.readings)}"


def _in_words(what: str, counts: Mapping[str, int]) -> str:
    """Counts in words, for those who cannot see the chart."""
    total = max(1, sum(counts.values()))
    return f"{what} the readings: " + ", ".join(f"{name} {n:,} ({percent(n / total)})" for name, n in counts.items())
