"""Saved sessions in a database: numbers about faces, never pixels, each with its owner.

Turns samples into rows and rows into samples. SQLite in the user's folder by default, PostgreSQL by `FER_DATABASE_URL`.
Knows nothing about cameras, pages, or who an owner is: every question and every change names one, and what belongs to
somebody else is as if it were not there.

What was recorded up to a kill is there afterwards: a thread commits what came in every `COMMIT_EVERY_S`. SQLite writes
ahead into a log and waits for the disk at every commit, so that neither a killed process nor a cut in power damages it.
"""

import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from fer import paths
from fer.errors import StoreError
from fer.results import Sample

Kind = Literal["live", "acting"]

COMMIT_EVERY_S = 0.5
"""How often a recording is committed; a kill loses no more than that and what one commit takes."""

MAX_PENDING = 20_000
"""Samples that wait in memory while the database cannot be reached: 20 minutes of one person."""

MAX_NAME = 80
MAX_RETENTION_DAYS = 3650

_BUSY_S = 5
_MIGRATION_LOCK = 0x666572
"""PostgreSQL's advisory lock that one server holds while it makes or moves the tables; "fer" in ASCII."""


class _Moment(sa.types.TypeDecorator):
    """A moment with its time zone; SQLite keeps none, so all are kept in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


_METADATA = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_VERSION = sa.Table("schema_version", _METADATA, sa.Column("version", sa.Integer, nullable=False))

_SESSIONS = sa.Table(
    "sessions",
    _METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("classes", sa.JSON, nullable=False),
    sa.Column("started", _Moment, nullable=False),
    sa.Column("saved", _Moment, nullable=False),
    # What a list shows stands here, so that it need not read every sample.
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sqlite_autoincrement=True,  # or a recording whose session was deleted would go on in the next one of that number
)

_SAMPLES = sa.Table(
    "samples",
    _METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("session", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("time_s", sa.Double, nullable=False),
    sa.Column("person", sa.Integer, nullable=False),
    sa.Column("probabilities", sa.JSON, nullable=False),
    *(sa.Column(name, sa.Double, nullable=False) for name in ("x", "y", "w", "h", "detector_score")),
)

_SETTINGS = sa.Table(
    "settings",
    _METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("retention_days", sa.Integer),
)

MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = ()
"""The steps that move an older database on, in order: the first from version 1 to 2, and so on. A new one is made whole
from the tables above, so a step and its change to the tables belong together."""


def schema_version() -> int:
    """The version of the tables that this program knows."""
    return 1 + len(MIGRATIONS)


@dataclass(frozen=True)
class SavedSession:
    """One recording, without its samples.

    Attributes:
        id: its number in the database.
        name: given by its owner.
        kind: what it was recorded with.
        model, detector: who read the faces.
        classes: the model's classes, in the order of the samples' probabilities.
        started: when it began, UTC.
        duration_s: time of the last sample, in seconds since the recording began.
        people: how many persons were told apart.
        counts: how often each class was the most probable one, once a person and frame; every class has an entry.
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
        """The class that was most often the most probable one; None where no face was seen."""
        return max(self.classes, key=self.counts.__getitem__) if self.readings else None


class Store:
    """The saved sessions of all owners. May be shared by threads; several processes may have the same database open.

    Every method raises `StoreError` where the database cannot be reached or used. A session that is not there, or not
    the owner's, gives one and the same error.
    """

    def __init__(self, url: str | None = None) -> None:
        """Open the database, make or move on its tables, and delete what was to be deleted by now.

        Args:
            url: of SQLAlchemy's kind, SQLite or PostgreSQL; None takes `FER_DATABASE_URL`, else a file in
                `fer.paths.sessions_dir()`.

        Raises:
            StoreError: there is no such database, it cannot be reached or written, or a newer program made it.
        """
        self._url = _parsed(url or os.environ.get("FER_DATABASE_URL", "").strip() or _default_url())
        self.place = _place(self._url)
        """Where the numbers are, for people: a file, or a database and its server; without a password."""
        if self._url.get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(self._url)
        else:
            timeouts = {"connect_timeout": _BUSY_S, "tcp_user_timeout": 1000 * _BUSY_S}
            self._engine = sa.create_engine(self._url, pool_pre_ping=True, connect_args=timeouts)
        try:
            self._migrate()
            self.purge()
        except StoreError:
            self._engine.dispose()
            raise

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _told(self.place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _told(self.place), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back; writers have to be closed before."""
        self._engine.dispose()

    def _migrate(self) -> None:
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            newest = schema_version()
            if not sa.inspect(connection).has_table(_VERSION.name):
                _METADATA.create_all(connection)
                connection.execute(_VERSION.insert().values(version=newest))
                return
            version = connection.execute(sa.select(_VERSION.c.version)).scalar_one()
            if version > newest:
                raise StoreError(
                    f"The saved sessions in {self.place} were made by a newer version of this program (their tables "
                    f"have version {version}, this one knows {newest}); update it, or name another place by "
                    "FER_SESSIONS_DIR or FER_DATABASE_URL."
                )
            for step in MIGRATIONS[version - 1 :]:
                step(connection)
            connection.execute(_VERSION.update().values(version=newest))

    def begin(
        self, owner: str, *, name: str, kind: Kind, model: str, detector: str, classes: Sequence[str]
    ) -> "SessionWriter":
        """Begin a session and return what writes its samples.

        Raises:
            StoreError: also where the name is empty or too long.
        """
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, but is {kind}.")
        now = datetime.now(UTC)
        row = {
            "owner": owner,
            "name": _checked_name(name),
            "kind": kind,
            "model": model,
            "detector": detector,
            "classes": list(classes),
            "started": now,
            "saved": now,
            "duration_s": 0.0,
            "people": 0,
            "counts": dict.fromkeys(classes, 0),
        }
        with self._writing() as connection:
            session_id = connection.execute(_SESSIONS.insert().values(row)).inserted_primary_key.id
        return SessionWriter(self, session_id, classes)

    def sessions(self, owner: str) -> list[SavedSession]:
        """The owner's sessions, the newest first, after those past their time were deleted."""
        self.purge()
        query = sa.select(_SESSIONS).where(_SESSIONS.c.owner == owner)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(_SESSIONS.c.started.desc(), _SESSIONS.c.id.desc())).all()
        return [_session(row) for row in rows]

    def session(self, owner: str, session_id: int) -> SavedSession:
        """One session of the owner."""
        with self._reading() as connection:
            row = connection.execute(sa.select(_SESSIONS).where(_owned(owner, session_id))).one_or_none()
        if row is None:
            raise _missing()
        return _session(row)

    def samples(self, owner: str, session_id: int) -> list[Sample]:
        """What a session recorded, in the order in which it came."""
        columns = [_SAMPLES.c[name] for name in ("time_s", "person", "probabilities", *"xywh", "detector_score")]
        query = sa.select(*columns).where(_SAMPLES.c.session == session_id).order_by(_SAMPLES.c.id)
        with self._reading() as connection:
            if connection.execute(sa.select(_SESSIONS.c.id).where(_owned(owner, session_id))).one_or_none() is None:
                raise _missing()
            return [
                Sample(time_s, person, tuple(probabilities), (x, y, w, h), score)
                for time_s, person, probabilities, x, y, w, h, score in connection.execute(query)
            ]

    def rename(self, owner: str, session_id: int, name: str) -> None:
        """Give a session another name.

        Raises:
            StoreError: also where the name is empty or too long.
        """
        change = _SESSIONS.update().where(_owned(owner, session_id)).values(name=_checked_name(name))
        with self._writing() as connection:
            if not connection.execute(change).rowcount:
                raise _missing()

    def delete(self, owner: str, session_id: int) -> None:
        """Delete a session and its samples; a recording that still runs ends with a sentence."""
        with self._writing() as connection:
            if not connection.execute(_SESSIONS.delete().where(_owned(owner, session_id))).rowcount:
                raise _missing()

    def delete_all(self, owner: str) -> int:
        """Delete every session of the owner and return how many there were."""
        with self._writing() as connection:
            return connection.execute(_SESSIONS.delete().where(_SESSIONS.c.owner == owner)).rowcount

    def retention(self, owner: str) -> int | None:
        """After how many days the owner's sessions are deleted; None: never."""
        with self._reading() as connection:
            query = sa.select(_SETTINGS.c.retention_days).where(_SETTINGS.c.owner == owner)
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
            connection.execute(_SETTINGS.delete().where(_SETTINGS.c.owner == owner))
            connection.execute(_SETTINGS.insert().values(owner=owner, retention_days=days))
        self.purge()

    def purge(self) -> int:
        """Delete what is older than its owner chose, and return how many sessions that were.

        A session's age counts from the last moment that was saved.
        """
        now, deleted = datetime.now(UTC), 0
        with self._reading() as connection:
            chosen = connection.execute(sa.select(_SETTINGS).where(_SETTINGS.c.retention_days.is_not(None))).all()
        for owner, days in chosen:
            old = (_SESSIONS.c.owner == owner) & (_SESSIONS.c.saved < now - timedelta(days=days))
            with self._writing() as connection:
                deleted += connection.execute(_SESSIONS.delete().where(old)).rowcount
        return deleted

    def _append(self, session_id: int, samples: Sequence[Sample], summary: Mapping[str, object]) -> None:
        """Write samples and what a list shows of the session, both or neither.

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
            }
            for sample in samples
        ]
        with self._writing() as connection:
            connection.execute(_SAMPLES.insert(), rows)
            change = _SESSIONS.update().where(_SESSIONS.c.id == session_id)
            connection.execute(change.values(saved=datetime.now(UTC), **summary))

    def _drop_if_empty(self, session_id: int) -> None:
        """Delete a session that has no sample; there would be nothing to see."""
        recorded = sa.select(_SAMPLES.c.id).where(_SAMPLES.c.session == session_id).exists()
        with self._writing() as connection:
            connection.execute(_SESSIONS.delete().where((_SESSIONS.c.id == session_id) & ~recorded))


class SessionWriter:
    """Writes one session's samples from a thread of its own, so that no frame ever waits for a disk or a network.

    While the database cannot be reached, samples wait in memory (up to `MAX_PENDING`) and are tried again.
    A writer that nobody holds any longer writes what it has and ends.
    """

    def __init__(self, store: Store, session_id: int, classes: Sequence[str]) -> None:
        self.session_id = session_id
        self._work = _Work(store, session_id, classes)
        self._thread = threading.Thread(target=self._work.run, name=f"session {session_id}", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._work.stop.set)

    @property
    def error(self) -> str | None:
        """One sentence where something is not saved; None again once it is."""
        return self._work.error

    def write(self, samples: Sequence[Sample]) -> None:
        """Take samples; returns at once. What comes after `close` is not saved."""
        self._work.take(samples)

    def close(self) -> None:
        """Write what is left and end; `error` says afterwards whether all is there. A session without samples goes."""
        self._work.stop.set()
        self._thread.join()


class _Work:
    """What a writer and its thread share. Knows nothing of the writer, which can therefore be forgotten."""

    def __init__(self, store: Store, session_id: int, classes: Sequence[str]) -> None:
        self.stop = threading.Event()
        self.error: str | None = None
        self._store, self._session_id, self._classes = store, session_id, tuple(classes)
        self._lock = threading.Lock()
        self._pending: list[Sample] = []
        self._lost = 0
        self._gone = False
        self._people: set[int] = set()
        self._counts = Counter(dict.fromkeys(self._classes, 0))

    def take(self, samples: Sequence[Sample]) -> None:
        with self._lock:
            if self._gone or self.stop.is_set():
                return
            room = MAX_PENDING - len(self._pending)
            self._pending.extend(samples[:room])
            self._lost += len(samples[room:])

    def run(self) -> None:
        while not self.stop.wait(COMMIT_EVERY_S):
            self._commit()
        self._commit()
        if not self._pending and not self._gone and not self._people:
            with _kept_quiet():
                self._store._drop_if_empty(self._session_id)

    def _commit(self) -> None:
        """Write what is pending; on an error it stays pending."""
        with self._lock:
            batch = self._pending[:]
        if not batch:
            return
        people = self._people | {int(sample.person) for sample in batch}
        counts = self._counts + Counter(
            self._classes[max(range(len(self._classes)), key=sample.probabilities.__getitem__)] for sample in batch
        )
        summary = {
            "duration_s": float(batch[-1].time_s),
            "people": len(people),
            "counts": {name: counts[name] for name in self._classes},
        }
        try:
            self._store._append(self._session_id, batch, summary)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                self._forget()
            else:
                self.error = f"The recording is not being saved, and is tried again: {error}"
            return
        self._people, self._counts = people, counts
        with self._lock:
            del self._pending[: len(batch)]
            lost = self._lost
        self.error = f"{lost:,} readings of this recording were lost while it could not be saved." if lost else None

    def _forget(self) -> None:
        with self._lock:
            self._gone = True
            self._pending.clear()
        self.error = "This session was deleted while it was recorded, so nothing more of it is saved."


@contextmanager
def _kept_quiet() -> Iterator[None]:
    """For what may fail without harm."""
    try:
        yield
    except StoreError:
        return


def _owned(owner: str, session_id: int) -> sa.ColumnElement[bool]:
    return (_SESSIONS.c.id == session_id) & (_SESSIONS.c.owner == owner)


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
        counts=MappingProxyType({name: row.counts.get(name, 0) for name in row.classes}),
    )


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise StoreError(f"A session's name must have 1 to {MAX_NAME} letters that can be printed.")
    return name


def _default_url() -> sa.URL:
    folder = paths.sessions_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} for saved sessions cannot be made ({error.strerror}); name another one by "
            "FER_SESSIONS_DIR."
        ) from error
    return sa.URL.create("sqlite", database=str(folder / "sessions.sqlite"))


def _parsed(url: str | sa.URL) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise StoreError("FER_DATABASE_URL must begin with postgresql:// or with sqlite:///, but does not.")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("FER_DATABASE_URL must name a file after sqlite:///, but names none.")
    return parsed


def _place(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return url.database
    server = url.host or url.query.get("host") or "this machine"
    return f"the database {url.database} on {server}"


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    """SQLite for several threads and processes at once.

    Transactions are begun here, since Python's driver begins them late and around some statements only; one that will
    write says so at once, since SQLite refuses to turn a reader into a writer while somebody else writes.
    """
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection, record) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Turn whatever a database says into one sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(_sentence(error, place)) from error


def _sentence(error: SQLAlchemyError, place: str) -> str:
    said = str(error.orig).lower() if isinstance(error, DBAPIError) else ""
    if "full" in said or "no space" in said:
        return f"There is no space left for saved sessions in {place}; free some, or delete sessions."
    if "locked" in said:
        return f"{place} is in use by another program; close that, and try again."
    if "readonly" in said or "unable to open" in said or "disk i/o" in said:
        return f"{place} cannot be opened or written; see to its folder and its permissions, or set FER_SESSIONS_DIR."
    if "not a database" in said or "malformed" in said:
        return f"{place} is damaged or is no database; move it away, and a new one is made."
    return f"{place} cannot be used as the store of saved sessions; see that it is there, and check FER_DATABASE_URL."
