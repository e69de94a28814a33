"""Where saved sessions are kept: a URL -> an engine, and whatever a database says -> one sentence."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from fer import paths
from fer.errors import StoreError

_BUSY_S = 5  # how long a database that is in use, or does not answer, is waited for


def default_url() -> sa.URL:
    """The file in `fer.paths.sessions_dir()`, whose folder is made.

    Raises:
        StoreError: it cannot be made.
    """
    folder = paths.sessions_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {folder} for saved sessions cannot be made ({error.strerror}); name another one by "
            "FER_SESSIONS_DIR."
        ) from error
    return sa.URL.create("sqlite", database=str(folder / "sessions.sqlite"))


def parse_url(url: str | sa.URL) -> sa.URL:
    """Check a database's address.

    Raises:
        StoreError: it is none of SQLite's or PostgreSQL's.
    """
    try:
        address = sa.make_url(url)
    except ArgumentError:
        address = None
    if address is None or address.drivername not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise StoreError("FER_DATABASE_URL must begin with postgresql:// or with sqlite:///, but does not.")
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise StoreError("FER_DATABASE_URL must name a file after sqlite:///, but names none.")
    return address


def describe_place(url: sa.URL) -> str:
    """Where the numbers are, for people: a file, or a database and its server; without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    server = url.host or url.query.get("host") or "this machine"
    return f"the database {url.database} on {server}"


def open_engine(url: sa.URL) -> sa.Engine:
    """Make what connects to a database; transactions with the option `writes` are those that will change something."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    timeouts = {"connect_timeout": _BUSY_S, "tcp_user_timeout": 1000 * _BUSY_S}
    return sa.create_engine(url, pool_pre_ping=True, connect_args=timeouts)


def _sqlite(url: sa.URL) -> sa.Engine:
    """SQLite for several threads and processes at once.

    Transactions are begun here, since Python's driver begins them late and around some statements only; one that will
    write says so at once, since SQLite refuses to turn a reader into a writer while somebody else writes.
    """
    _keep_private(Path(str(url.database)))
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        _keep_a_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _keep_a_wal(connection: sqlite3.Connection) -> None:
    """Have changes written beside the database; SQLite itself would not wait for who is about to write the first."""
    end_s = monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() >= end_s:
                raise
        sleep(0.01)


def _keep_private(file: Path) -> None:
    """Let nobody but the user read a database; what SQLite writes beside it gets the file's own permissions."""
    with suppress(OSError):  # what keeps it from being opened is said when it is opened
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            with suppress(FileNotFoundError):
                file.with_name(name).chmod(0o600)


def forget(engine: sa.Engine) -> None:
    """See that nothing of what was deleted stays in SQLite's write-ahead log, where it is until that is written over.

    Where somebody else reads at this moment, the log stays until the next time.
    """
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
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
