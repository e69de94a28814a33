"""The controls that record: the page's side of `fer.store`.

Knows nothing of cameras; what is recorded comes from a `LiveSession`, which gives its samples to a writer here.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from fer.errors import StoreError, known
from fer.export import describe_recording
from fer.live import LiveSession
from fer.pipeline import FacePipeline
from fer.recording import Recording, Remarks
from fer.results import Reader
from fer.store import Kind, SessionWriter
from fer.ui.recordings import KINDS, offer_recording, open_store
from fer.ui.style import plain
from fer.ui.visitor import find_owner
from fer.ui.words import write_count, write_length, write_moment

_RUNNING, _DONE = "_recording_running", "_recording_done"


def begin_saving(kind: Kind, reader: Reader, name: str) -> SessionWriter | None:
    """Begin a session of the visitor's, under this name or one like it; None where saving is off.

    Raises:
        StoreError: it cannot be saved.
    """
    owner = find_owner()
    if owner is None:
        return None
    return open_store().begin(
        owner, name=name, kind=kind, model=reader.model, detector=reader.detector, classes=reader.classes
    )


@dataclass(frozen=True, eq=False)
class Running:
    """A recording that runs.

    Attributes:
        name: what it is to be called.
        reader: who reads it, from its beginning to its end.
        writer: saves it; None where it is not saved.
        refusal: why it is not saved although it was to be.
    """

    name: str
    reader: Reader
    writer: SessionWriter | None
    refusal: str | None

    @property
    def trouble(self) -> str | None:
        """One sentence while it is not saved as it should be."""
        return self.refusal if self.writer is None else self.writer.error


@dataclass(frozen=True, eq=False)
class Finished:
    """A recording that ended, kept for its visitor until the next one or until it is put away.

    Attributes:
        recording: its numbers.
        name: of the session, or what it would have been called.
        about: what its JSON says before the samples.
        remarks: its markers, and the names that people were given.
        session_id: of the saved session; None where it was not saved.
        trouble: why not all of it was saved.
    """

    recording: Recording
    name: str
    about: Mapping[str, object]
    remarks: Remarks
    session_id: int | None
    trouble: str | None


def show_controls(live: LiveSession, pipeline: FacePipeline, *, playing: bool) -> None:
    """Draw the button that records, and what may be done with a recording once it has ended.

    Args:
        live: what is recorded.
        pipeline: what reads the faces; its names stand in the recording.
        playing: whether pictures come; without, a recording cannot be begun.
    """
    if live.snapshot().recording_s is None:
        if st.button("Record", icon=":material/fiber_manual_record:", disabled=not playing, key="record"):
            _begin(live, pipeline)
            st.rerun()
        kept = "among your sessions while it runs" if find_owner() else "only for who is logged in; download it"
        st.caption(f"A recording keeps numbers, never pictures. It is saved {kept}.")
    else:
        if st.button("Stop recording", icon=":material/stop:", type="primary", key="stop_recording"):
            _finish(live)
            st.rerun()
        if (trouble := find_trouble()) is not None:
            st.warning(plain(trouble), icon=":material/warning:")
    if _DONE in st.session_state:
        show_finished(st.session_state[_DONE])


def find_trouble() -> str | None:
    """One sentence while the running recording is not saved as it should be; for a page's status line."""
    running: Running | None = st.session_state.get(_RUNNING)
    return None if running is None else running.trouble


def _begin(live: LiveSession, pipeline: FacePipeline) -> None:
    st.session_state.pop(_DONE, None)
    writer, refusal = None, None
    name = f"{KINDS['live']}, {write_moment(datetime.now(UTC))}"
    try:
        writer = begin_saving("live", pipeline.reader, name)
    except StoreError as error:
        refusal = f"This recording is not saved, and can only be downloaded. {error}"
    st.session_state[_RUNNING] = Running(name, pipeline.reader, writer, refusal)
    live.start_recording(None if writer is None else writer.write)


def _finish(live: LiveSession) -> None:
    recording, running = known(live.stop_recording()), st.session_state.pop(_RUNNING)
    if running.writer is not None:
        running.writer.close()
    reader = running.reader
    kept = running.writer is not None and not running.writer.deleted and recording.samples
    saved = known(running.writer).session_id if kept else None
    name = running.name if saved is None else _saved_name(saved, running.name)
    about = {"name": name} | describe_recording(
        "live",
        recording.started,
        recording.duration_s,
        reader.model,
        reader.detector,
        recording.classes,
        recording.nobody,
    )
    seen = {sample.person for sample in recording.samples}
    names = {person: called for person, called in live.snapshot().names.items() if person in seen}
    remarks = Remarks(names=names, markers=recording.markers)
    trouble = running.trouble
    if saved is not None and names:
        try:
            open_store().write_remarks(known(find_owner()), saved, remarks)
        except StoreError as error:
            trouble = str(error)
    st.session_state[_DONE] = Finished(recording, name, about, remarks, saved, trouble)


def _saved_name(session_id: int, default: str) -> str:
    """What a session is called, which may have a number behind the name that was wished for."""
    with suppress(StoreError):
        return {one.id: one.name for one in open_store().sessions(known(find_owner()))}.get(session_id, default)
    return default


def set_marker(live: LiveSession, note: str) -> str | None:
    """Mark this moment in the last minute, and in the recording and its session where one runs.

    Returns:
        One sentence where the session could not take it.
    """
    marker, running = live.mark(note), st.session_state.get(_RUNNING)
    if marker is None or running is None or running.writer is None:
        return None
    try:
        open_store().add_marker(known(find_owner()), running.writer.session_id, marker)
    except StoreError as error:
        return str(error)
    return None


def show_finished(done: Finished) -> None:
    """Say what was recorded, and offer it."""
    recording = done.recording
    with st.container(border=True, key="finished_recording"):
        if not recording.samples:
            st.markdown("**Nothing was recorded**: no face was seen.")
            return
        people = len({sample.person for sample in recording.samples})
        st.markdown(f"**Recorded {write_length(recording.duration_s)}**, {write_count(people, 'person', 'people')}")
        if done.trouble is not None:
            st.warning(plain(done.trouble), icon=":material/warning:")
        if recording.overflowed:
            st.caption(f"The downloads hold the first {len(recording.samples):,} readings; there were more.")
        with st.container(horizontal=True):
            offer_recording(recording.samples, recording.classes, done.about, done.name, done.remarks, "recording")
            if done.session_id is not None:
                st.page_link(
                    "pages/sessions.py",
                    label="Open among your sessions",
                    icon=":material/history:",
                    query_params={"session": str(done.session_id)},
                )
        if done.session_id is None:
            st.caption("It is not saved: it goes when you record again or leave.")
