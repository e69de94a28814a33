"""Sessions and their samples: questions and changes, each by an owner.

Who an owner is, is not known here: every question and every change names one, and what belongs to somebody else is as
if it were not there.
"""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import sqlalchemy as sa

from fer.emotions import UNSURE
from fer.errors import StoreError
from fer.export import describe_recording
from fer.recording import Look, Marker, Remarks, Sample, Span, count_labels
from fer.store.database import default_url, describe_place, forget, open_engine, parse_url, translate_errors
from fer.store.schema import MARKERS, MAX_NAME, NOBODY, SAMPLES, SESSIONS, SETTINGS, free_name, migrate, taken_names
from fer.store.transfer import back_up, restore
from fer.store.writer import SessionWriter, write_at_once

Kind = Literal["live", "video"]

MAX_RETENTION_DAYS = 3650
MAX_NOTES = 4000
"""Most letters of a session's notes."""

MAX_NOTE = 200
"""Most letters of a marker's note."""

MAX_MARKERS = 500

_MERGED_APART_S = 2.0
"""What lies between two recordings that were merged: longer than between two looks, so that it counts as not looked."""


@dataclass(frozen=True)
class SavedSession:
    """One recording, without its samples.

    Attributes:
        id: its number in the database.
        name: given by its owner, and no other one of theirs has it.
        kind: what it was recorded with.
        model, detector: who read the faces.
        classes: the model's classes, in the order of the samples' probabilities.
        started: when it began, UTC.
        duration_s: time of the last look, in seconds since the recording began.
        people: how many persons were told apart.
        counts: what was shown how often, once a person and frame, as `fer.recording.count_labels` counts: every class
            has an entry, and `fer.emotions.UNSURE` where doubt was noted.
    """

    id: int
    name: str
    kind: Kind
    model: str
    detector: str
    classes: tuple[str, ...]
    started: datetime
    duration_s: float
    people: int
    counts: Mapping[str, int]

    @property
    def readings(self) -> int:
        """How many samples it has."""
        return sum(self.counts.values())

    @property
    def main(self) -> str | None:
        """What was shown most often; None where no face was seen."""
        return max(self.counts, key=self.counts.__getitem__) if self.readings else None

    def describe(self, nobody: Sequence[Span]) -> dict[str, object]:
        """What its JSON says before the samples; see `fer.export.describe_recording`."""
        return describe_recording(
            self.kind, self.started, self.duration_s, self.model, self.detector, self.classes, nobody
        )


class Store:
    """The saved sessions of all owners. May be shared by threads; several processes may have the same database open.

    Every method raises `StoreError` where the database cannot be reached or used. A session that is not there, or not
    the owner's, gives one and the same error.

    Attributes:
        place: where the numbers are, for people: a file, or a database and its server; without a password.
    """

    def __init__(self, url: str | None = None) -> None:
        """Open the database, make or move on its tables, and delete what was to be deleted by now.

        Args:
            url: of SQLAlchemy's kind, SQLite or PostgreSQL; None takes `FER_DATABASE_URL`, else a file in
                `fer.paths.sessions_dir()`.

        Raises:
            StoreError: there is no such database, it cannot be reached or written, or a newer program made it.
        """
        address = parse_url(url or os.environ.get("FER_DATABASE_URL", "").strip() or default_url())
        self.place = describe_place(address)
        self._engine = open_engine(address)
        self._writers: weakref.WeakSet[SessionWriter] = weakref.WeakSet()
        try:
            with self._writing() as connection:
                migrate(connection, self.place)
            self.purge()
        except StoreError:
            self._engine.dispose()
            raise

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with translate_errors(self.place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with translate_errors(self.place), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    @contextmanager
    def _forgetting(self) -> Iterator[sa.Connection]:
        """Like `_writing`, for what takes something away that shall not be found any more."""
        with self._writing() as connection:
            yield connection
        with translate_errors(self.place):
            forget(self._engine)

    def close(self) -> None:
        """End what is recorded, so that all of it is saved, and give the connections back."""
        for writer in list(self._writers):
            writer.close()
        self._engine.dispose()

    def check(self) -> None:
        """See that the database answers."""
        with self._reading() as connection:
            connection.execute(sa.select(sa.literal(1))).scalar_one()

    def begin(
        self, owner: str, *, name: str, kind: Kind, model: str, detector: str, classes: Sequence[str]
    ) -> "SessionWriter":
        """Begin a session and return what writes its samples.

        Where the owner has a session of that name, it gets a number behind its name.

        Raises:
            StoreError: also where the name is empty or too long.
        """
        session_id = self._insert(owner, name, kind, model, detector, classes)
        writer = SessionWriter(
            session_id, classes, partial(self._append, session_id), partial(self._drop_if_empty, session_id)
        )
        self._writers.add(writer)
        return writer

    def save(
        self,
        owner: str,
        looks: Iterable[Look],
        *,
        name: str,
        kind: Kind,
        model: str,
        detector: str,
        classes: Sequence[str],
    ) -> int:
        """Save a session whose looks are all there, as those of a video, and return its number; see `begin`.

        Raises:
            StoreError: then nothing of it is kept.
        """
        session_id = self._insert(owner, name, kind, model, detector, classes)
        try:
            write_at_once(looks, classes, partial(self._append, session_id))
        except StoreError:
            with suppress(StoreError):  # whatever is wrong with the database was told already
                self.delete(owner, session_id)
            raise
        return session_id

    def _insert(self, owner: str, name: str, kind: Kind, model: str, detector: str, classes: Sequence[str]) -> int:
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, but is {kind}.")
        now = datetime.now(UTC)
        row = {
            "owner": owner,
            "kind": kind,
            "model": model,
            "detector": detector,
            "classes": list(classes),
            "started": now,
            "saved": now,
            "duration_s": 0.0,
            "people": 0,
            "counts": count_labels((), classes),
        }
        name = _checked_name(name)
        with self._writing() as connection:
            free = free_name(name, taken_names(connection, owner), MAX_NAME)
            insert = SESSIONS.insert().values({**row, "name": free})
            return connection.execute(insert.returning(SESSIONS.c.id)).scalar_one()

    def sessions(self, owner: str) -> list[SavedSession]:
        """The owner's sessions, the newest first, after those past their time were deleted."""
        self.purge()
        query = sa.select(SESSIONS).where(SESSIONS.c.owner == owner)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.started.desc(), SESSIONS.c.id.desc())).all()
        return [_session(row) for row in rows]

    def owners(self) -> list[str]:
        """Everybody who has sessions; for whoever runs the server."""
        with self._reading() as connection:
            return list(connection.execute(sa.select(SESSIONS.c.owner).distinct().order_by(SESSIONS.c.owner)).scalars())

    def back_up(self, file: Path) -> int:
        """Write the sessions and settings of all owners into a file; see `fer.store.transfer.back_up`."""
        return back_up(self._engine, self.place, file)

    def restore(self, file: Path) -> tuple[int, int]:
        """Take over what `back_up` wrote here or elsewhere; see `fer.store.transfer.restore`."""
        with self._writing() as connection:
            return restore(connection, file)

    def samples(self, owner: str, session_id: int) -> list[Sample]:
        """What a session recorded, in the order in which it came."""
        columns = [
            SAMPLES.c[name] for name in ("time_s", "person", "probabilities", *"xywh", "detector_score", "is_unsure")
        ]
        query = sa.select(*columns).where(SAMPLES.c.session == session_id).order_by(SAMPLES.c.id)
        with self._reading() as connection:
            if connection.execute(sa.select(SESSIONS.c.id).where(_owned(owner, session_id))).one_or_none() is None:
                raise _missing()
            return [
                Sample(time_s, person, tuple(probabilities), (x, y, w, h), score, is_unsure)
                for time_s, person, probabilities, x, y, w, h, score, is_unsure in connection.execute(query)
            ]

    def nobody(self, owner: str, session_id: int) -> tuple[Span, ...]:
        """When it was looked and nobody was found, in order; empty in sessions of versions that did not note it."""
        query = sa.select(NOBODY.c.start_s, NOBODY.c.end_s).where(NOBODY.c.session == session_id)
        with self._reading() as connection:
            if connection.execute(sa.select(SESSIONS.c.id).where(_owned(owner, session_id))).one_or_none() is None:
                raise _missing()
            return tuple(Span(*row) for row in connection.execute(query.order_by(NOBODY.c.start_s)))

    def rename(self, owner: str, session_id: int, name: str) -> None:
        """Give a session another name.

        Raises:
            StoreError: also where the name is empty or too long.
        """
        name = _checked_name(name)
        with self._forgetting() as connection:
            if name in taken_names(connection, owner, session_id):
                raise StoreError("Another one of your sessions has this name already; give it one of its own.")
            change = SESSIONS.update().where(_owned(owner, session_id)).values(name=name)
            if not connection.execute(change).rowcount:
                raise _missing()

    def remarks(self, owner: str, session_id: int) -> Remarks:
        """What was written onto a session."""
        query = sa.select(SESSIONS.c.notes, SESSIONS.c.persons).where(_owned(owner, session_id))
        markers = sa.select(MARKERS.c.time_s, MARKERS.c.note).where(MARKERS.c.session == session_id)
        with self._reading() as connection:
            if (row := connection.execute(query).one_or_none()) is None:
                raise _missing()
            names = {int(person): name for person, name in row.persons.items()}
            found = connection.execute(markers.order_by(MARKERS.c.time_s, MARKERS.c.id))
            return Remarks(row.notes, MappingProxyType(names), tuple(Marker(*one) for one in found))

    def write_remarks(self, owner: str, session_id: int, remarks: Remarks) -> None:
        """Write onto a session, in place of what was written on it.

        Raises:
            StoreError: also where something of it is too long or cannot be printed.
        """
        if len(remarks.notes) > MAX_NOTES:
            raise StoreError(f"Notes have at most {MAX_NOTES:,} letters, but these have {len(remarks.notes):,}.")
        if len(remarks.markers) > MAX_MARKERS:
            raise StoreError(f"A session has at most {MAX_MARKERS} markers.")
        names = {str(person): _checked_name(name, "person") for person, name in remarks.names.items() if name.strip()}
        rows = [_marker_row(session_id, marker) for marker in sorted(remarks.markers)]
        with self._forgetting() as connection:
            change = SESSIONS.update().where(_owned(owner, session_id))
            if not connection.execute(change.values(notes=remarks.notes.replace("\0", ""), persons=names)).rowcount:
                raise _missing()
            connection.execute(MARKERS.delete().where(MARKERS.c.session == session_id))
            if rows:
                connection.execute(MARKERS.insert(), rows)

    def add_marker(self, owner: str, session_id: int, marker: Marker) -> None:
        """Set a marker, also in a session that is still being recorded.

        Raises:
            StoreError: also where there are too many, or the note is too long.
        """
        row = _marker_row(session_id, marker)
        count = sa.select(sa.func.count()).where(MARKERS.c.session == session_id)
        with self._writing() as connection:
            if connection.execute(sa.select(SESSIONS.c.id).where(_owned(owner, session_id))).one_or_none() is None:
                raise _missing()
            if connection.execute(count).scalar_one() >= MAX_MARKERS:
                raise StoreError(f"A session has at most {MAX_MARKERS} markers.")
            connection.execute(MARKERS.insert(), [row])

    def merge(self, owner: str, first_id: int, second_id: int, name: str) -> int:
        """Make one session of two, the second behind the first, and return its number; the two stay as they are.

        A marker says where the second begins. Its people get numbers of their own, except those whose name somebody in
        the first has: they are the same person.

        Raises:
            StoreError: also where different models or detectors read them, whose numbers do not belong together.
        """
        found = {one.id: one for one in self.sessions(owner)}
        if first_id not in found or second_id not in found:
            raise _missing()
        first, second = found[first_id], found[second_id]
        if (first.model, first.detector, first.classes) != (second.model, second.detector, second.classes):
            raise StoreError("Only sessions that one model and one detector read can be merged.")
        samples, others = self.samples(owner, first_id), self.samples(owner, second_id)
        written, also = self.remarks(owner, first_id), self.remarks(owner, second_id)
        most = max((one.person for one in samples), default=0)
        by_name = {name: person for person, name in written.names.items()}
        called = {one.person: by_name.get(also.names.get(one.person, ""), most + one.person) for one in others}
        shift_s = first.duration_s + _MERGED_APART_S
        spans = (
            *self.nobody(owner, first_id),
            *(Span(start_s + shift_s, end_s + shift_s) for start_s, end_s in self.nobody(owner, second_id)),
        )
        begins = Marker(shift_s, f"{second.name} begins"[:MAX_NOTE])
        later = [replace(one, time_s=one.time_s + shift_s) for one in also.markers]
        remarks = Remarks(
            "\n\n".join(filter(None, (written.notes, also.notes)))[:MAX_NOTES],
            {**{called[person]: name for person, name in also.names.items() if person in called}, **written.names},
            (*written.markers, begins, *later)[:MAX_MARKERS],
        )
        merged = [
            *samples,
            *(replace(one, time_s=one.time_s + shift_s, person=called[one.person]) for one in others),
        ]
        summary = {
            "duration_s": shift_s + second.duration_s,
            "people": len({one.person for one in merged}),
            "counts": count_labels(merged, first.classes),
            "started": first.started,
        }
        merged_id = self._insert(owner, name, first.kind, first.model, first.detector, first.classes)
        try:
            self._append(merged_id, merged, spans, summary)
            self.write_remarks(owner, merged_id, remarks)
        except StoreError:
            with suppress(StoreError):
                self.delete(owner, merged_id)
            raise
        return merged_id

    def delete(self, owner: str, session_id: int) -> None:
        """Delete a session and its samples; a recording that still runs ends with a sentence."""
        with self._forgetting() as connection:
            if not connection.execute(SESSIONS.delete().where(_owned(owner, session_id))).rowcount:
                raise _missing()

    def delete_all(self, owner: str) -> int:
        """Delete every session of the owner and return how many there were."""
        with self._forgetting() as connection:
            return connection.execute(SESSIONS.delete().where(SESSIONS.c.owner == owner)).rowcount

    def retention(self, owner: str) -> int | None:
        """After how many days the owner's sessions are deleted; None: never."""
        with self._reading() as connection:
            query = sa.select(SETTINGS.c.retention_days).where(SETTINGS.c.owner == owner)
            return connection.execute(query).scalar_one_or_none()

    def set_retention(self, owner: str, days: int | None) -> None:
        """Choose after how many days (1 to `MAX_RETENTION_DAYS`) the owner's sessions are deleted; None: never.

        It holds for those that are there already, too.

        Raises:
            StoreError: also where the number of days is out of range.
        """
        if days is not None and not 1 <= days <= MAX_RETENTION_DAYS:
            raise StoreError(f"Sessions can be deleted after 1 to {MAX_RETENTION_DAYS:,} days, not after {days:,}.")
        with self._writing() as connection:
            connection.execute(SETTINGS.delete().where(SETTINGS.c.owner == owner))
            connection.execute(SETTINGS.insert().values(owner=owner, retention_days=days))
        self.purge()

    def purge(self) -> int:
        """Delete what is older than its owner chose, and return how many sessions that were.

        A session's age counts from the last moment that was saved.
        """
        now, deleted = datetime.now(UTC), 0
        with self._reading() as connection:
            chosen = connection.execute(sa.select(SETTINGS).where(SETTINGS.c.retention_days.is_not(None))).all()
        for owner, days in chosen:
            old = (SESSIONS.c.owner == owner) & (SESSIONS.c.saved < now - timedelta(days=days))
            with self._writing() as connection:
                deleted += connection.execute(SESSIONS.delete().where(old)).rowcount
        if deleted:
            with translate_errors(self.place):
                forget(self._engine)
        return deleted

    def _append(
        self, session_id: int, samples: Sequence[Sample], spans: Sequence[Span], summary: Mapping[str, object]
    ) -> None:
        """Write samples, spans in which nobody was found, and what a list shows of the session, all or nothing.

        A span takes the place of one with the same beginning.

        Raises:
            IntegrityError: the session is no longer there.
        """
        rows = [
            {
                "session": session_id,
                "time_s": float(sample.time_s),
                "person": int(sample.person),
                "probabilities": [float(p) for p in sample.probabilities],
                **{name: float(value) for name, value in zip("xywh", sample.box_xywh, strict=True)},
                "detector_score": float(sample.detector_score),
                "is_unsure": sample.is_unsure,
            }
            for sample in samples
        ]
        with self._writing() as connection:
            if rows:
                connection.execute(SAMPLES.insert(), rows)
            if spans:
                replaced = (NOBODY.c.session == session_id) & (NOBODY.c.start_s >= float(spans[0][0]))
                connection.execute(NOBODY.delete().where(replaced))
                connection.execute(
                    NOBODY.insert(),
                    [{"session": session_id, "start_s": float(a), "end_s": float(b)} for a, b in spans],
                )
            change = SESSIONS.update().where(SESSIONS.c.id == session_id)
            connection.execute(change.values(saved=datetime.now(UTC), **summary))

    def _drop_if_empty(self, session_id: int) -> None:
        """Delete a session that has no sample; there would be nothing to see."""
        recorded = sa.select(SAMPLES.c.id).where(SAMPLES.c.session == session_id).exists()
        with self._forgetting() as connection:
            connection.execute(SESSIONS.delete().where((SESSIONS.c.id == session_id) & ~recorded))


def _owned(owner: str, session_id: int) -> sa.ColumnElement[bool]:
    return (SESSIONS.c.id == session_id) & (SESSIONS.c.owner == owner)


def _missing() -> StoreError:
    return StoreError("This session is not there; it may have been deleted.")


def _session(row: sa.Row) -> SavedSession:
    return SavedSession(
        id=row.id,
        name=row.name,
        kind=row.kind,
        model=row.model,
        detector=row.detector,
        classes=tuple(row.classes),
        started=row.started,
        duration_s=row.duration_s,
        people=row.people,
        counts=MappingProxyType(
            {name: row.counts.get(name, 0) for name in (*row.classes, UNSURE) if name in (*row.classes, *row.counts)}
        ),
    )


def _marker_row(session_id: int, marker: Marker) -> dict[str, object]:
    note = " ".join(marker.note.split())
    if len(note) > MAX_NOTE or not note.isprintable():
        raise StoreError(f"A marker's note has at most {MAX_NOTE} letters that can be printed.")
    return {"session": session_id, "time_s": float(marker.time_s), "note": note}


def _checked_name(name: str, whose: str = "session") -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise StoreError(f"A {whose}'s name must have 1 to {MAX_NAME} letters that can be printed.")
    return name
