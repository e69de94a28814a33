"""Whose sessions are saved, and the controls that record: the page's side of `fer.store`.

Knows nothing of cameras; what is recorded comes from a `LiveSession`, which gives its samples to a writer here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fer import export
from fer.errors import StoreError
from fer.live import LiveSession
from fer.pipeline import FacePipeline
from fer.recording import Recording, Sample
from fer.results import Reader
from fer.store import Kind, SessionWriter, Store
from fer.ui.server import LOOPBACK
from fer.ui.style import plain

KINDS: Mapping[str, str] = {"live": "Live", "acting": "Acting practice"}
"""What a session was recorded with, in words."""

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
_RUNNING, _DONE = "_recording_running", "_recording_done"


def saving_owner() -> str | None:
    """Who the sessions of this visitor belong to; None where saving is off.

    A user who is logged in is named by who vouches for them and by the number that they have there (OpenID Connect's
    `iss` and `sub`): an address may change, or be given to somebody else later. Without a login everybody on this
    machine is "local", but only on a server that is bound to loopback and was not reached through a proxy, behind
    which strangers would share one name.
    """
    if getattr(st.user, "is_logged_in", False):
        who = [getattr(st.user, claim, None) for claim in ("iss", "sub")]
        return " ".join(map(str, who)) if all(who) else None
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname
    direct = host in LOOPBACK and not any(name in headers for name in _FORWARDED)
    return "local" if direct and st.get_option("server.address") in LOOPBACK else None


@st.cache_resource(show_spinner=False)
def open_store() -> Store:
    """The store, opened once for the server.

    Raises:
        StoreError: it cannot be opened; it is tried again the next time.
    """
    return Store()


def begin_saving(kind: Kind, reader: Reader) -> SessionWriter | None:
    """Begin a session under the visitor's name; None where saving is off.

    Raises:
        StoreError: it cannot be saved.
    """
    owner = saving_owner()
    if owner is None:
        return None
    name = f"{KINDS[kind]}, {when(datetime.now(UTC))}"
    return open_store().begin(
        owner, name=name, kind=kind, model=reader.model, detector=reader.detector, classes=reader.classes
    )


@dataclass(frozen=True, eq=False)
class Running:
    """A recording that runs.

    Attributes:
        reader: who reads it, from its beginning to its end.
        writer: saves it; None where it is not saved.
        refusal: why it is not saved although it was to be.
    """

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
        about: what its JSON says before the samples.
        session_id: of the saved session; None where it was not saved.
        trouble: why not all of it was saved.
    """

    recording: Recording
    about: Mapping[str, object]
    session_id: int | None
    trouble: str | None


def recording_controls(live: LiveSession, pipeline: FacePipeline, *, playing: bool) -> None:
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
        kept = "among your sessions while it runs" if saving_owner() else "only for who is logged in; download it"
        st.caption(f"A recording keeps numbers, never pictures. It is saved {kept}.")
    else:
        if st.button("Stop recording", icon=":material/stop:", type="primary", key="stop_recording"):
            _finish(live)
            st.rerun()
        if (trouble := recording_trouble()) is not None:
            st.warning(plain(trouble), icon=":material/warning:")
    if _DONE in st.session_state:
        finished_recording(st.session_state[_DONE])


def recording_trouble() -> str | None:
    """One sentence while the running recording is not saved as it should be; for a page's status line."""
    running: Running | None = st.session_state.get(_RUNNING)
    return None if running is None else running.trouble


def _begin(live: LiveSession, pipeline: FacePipeline) -> None:
    st.session_state.pop(_DONE, None)
    writer, refusal = None, None
    try:
        writer = begin_saving("live", pipeline.reader)
    except StoreError as error:
        refusal = f"This recording is not saved, and can only be downloaded. {error}"
    st.session_state[_RUNNING] = Running(pipeline.reader, writer, refusal)
    live.start_recording(None if writer is None else writer.write)


def _finish(live: LiveSession) -> None:
    recording, running = live.stop_recording(), st.session_state.pop(_RUNNING)
    if running.writer is not None:
        running.writer.close()
    reader = running.reader
    about = about_recording(
        "live", recording.started, recording.duration_s, reader.model, reader.detector, recording.classes
    )
    kept = running.writer is not None and not running.writer.deleted and recording.samples
    saved = running.writer.session_id if kept else None
    st.session_state[_DONE] = Finished(recording, about, saved, running.trouble)


def finished_recording(done: Finished) -> None:
    """Say what was recorded, and offer it."""
    recording = done.recording
    with st.container(border=True, key="finished_recording"):
        if not recording.samples:
            st.markdown("**Nothing was recorded**: no face was seen.")
            return
        people = len({sample.person for sample in recording.samples})
        st.markdown(f"**Recorded {lasted(recording.duration_s)}**, {counted(people, 'person', 'people')}")
        if done.trouble is not None:
            st.warning(plain(done.trouble), icon=":material/warning:")
        if recording.overflowed:
            st.caption(f"The downloads hold the first {len(recording.samples):,} readings; there were more.")
        with st.container(horizontal=True):
            downloads(recording.samples, recording.classes, done.about, "recording")
            if done.session_id is not None:
                st.page_link(
                    "pages/sessions.py",
                    label="Open among your sessions",
                    icon=":material/history:",
                    query_params={"session": str(done.session_id)},
                )
        if done.session_id is None:
            st.caption("It is not saved: it goes when you record again or leave.")


def about_recording(
    kind: Kind, started: datetime, duration_s: float, model: str, detector: str, classes: Sequence[str]
) -> dict[str, object]:
    """What the JSON of a recording says before its samples."""
    return {
        "kind": kind,
        "started": started.isoformat(timespec="seconds"),
        "duration_s": round(duration_s, 3),
        "model": model,
        "detector": detector,
        "classes": list(classes),
    }


def downloads(samples: Sequence[Sample], classes: Sequence[str], about: Mapping[str, object], stem: str) -> None:
    """Offer a recording as CSV and JSON (`fer.export.samples_to_bytes`); each file is made when it is asked for."""
    for name, mime in (("csv", "text/csv"), ("json", "application/json")):
        st.download_button(
            name.upper(),
            lambda name=name: export.samples_to_bytes(samples, classes, about, name),
            f"{stem}.{name}",
            mime,
            icon=":material/download:",
            on_click="ignore",
            key=f"{stem}_{name}",
        )


def when(moment: datetime) -> str:
    """Write a moment in the visitor's own time, as in "22 Nov 2026, 20:31"."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def lasted(duration_s: float) -> str:
    """Write a length, as in "0:42 min" or "1:02:05 h"."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} h" if hours else f"{minutes}:{seconds:02} min"


def counted(n: int, one: str, many: str) -> str:
    """Write a number with its word, as in "1 person" and "2 people"."""
    return f"{n:,} {one if n == 1 else many}"
