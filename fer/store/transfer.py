"""All that a store holds -> one file, and back into any store: SQLite's or PostgreSQL's, an empty one or one in use.

The file is text, packed by gzip: a line of JSON that says what it is, then one for every setting and one for every
session with all that belongs to it. Knows nothing of who an owner is.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fer.errors import StoreError
from fer.files import replacing
from fer.store.database import translate_errors
from fer.store.schema import MARKERS, MAX_NAME, NOBODY, SAMPLES, SESSIONS, SETTINGS, free_name, taken_names

VERSION = 3
"""Of the file's form; 1 knew no notes, names of persons and markers, 2 no doubt of samples."""

_MARK = "fer saved sessions"
_PARTS = {"samples": SAMPLES, "nobody": NOBODY, "markers": MARKERS}
_MOMENTS = ("started", "saved")
_SAME = ("owner", "kind", "started", "duration_s")
"""A session that agrees in these is the same one, whatever number a database gave it, and whatever it is called now."""


def back_up(engine: sa.Engine, place: str, file: Path) -> int:
    """Write everything, as it was at one moment, into a file that nobody else may read; recordings may go on meanwhile.

    Args:
        engine: of the store.
        place: where that is, for people.
        file: is written whole or not at all.

    Returns:
        How many sessions it holds.

    Raises:
        StoreError: the database or the file cannot be used.
    """
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    sessions = 0
    try:
        with (
            replacing(file, 0o600) as packed,
            gzip.GzipFile(fileobj=packed, mode="wb", filename="") as text,
            translate_errors(place),
            engine.begin() as connection,
        ):
            for line in _lines(connection):
                sessions += "session" in line
                text.write(json.dumps(line, default=datetime.isoformat).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}.") from error
    return sessions


def _lines(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    yield {"is": _MARK, "version": VERSION}
    for setting in connection.execute(sa.select(SETTINGS)).mappings():
        yield {"setting": dict(setting)}
    for number in connection.execute(sa.select(SESSIONS.c.id).order_by(SESSIONS.c.id)).scalars().all():
        session = connection.execute(sa.select(SESSIONS).where(SESSIONS.c.id == number)).mappings().one()
        line: dict[str, Any] = {"session": {name: value for name, value in session.items() if name != "id"}}
        for name, table in _PARTS.items():
            columns = [column for column in table.c if column.name not in ("id", "session")]
            rows = connection.execute(sa.select(*columns).where(table.c.session == number).order_by(table.c.id))
            line[name] = [dict(row) for row in rows.mappings()]
        yield line


def restore(connection: sa.Connection, file: Path) -> tuple[int, int]:
    """Add what `back_up` wrote to a store, all or nothing; what is there already is left as it is.

    Args:
        connection: to the store, about to write; whatever is raised here undoes it all.
        file: the backup.

    Returns:
        How many sessions were added, and how many were there already.

    Raises:
        StoreError: the file is not there, no backup, damaged, or of a newer version of this program.
    """
    added = known = 0
    damaged = StoreError(f"{file} is no backup of saved sessions, or is damaged; nothing was restored.")
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            about = json.loads(next(lines, "{}"))
            if about.get("is") != _MARK:
                raise damaged
            if about["version"] > VERSION:
                raise StoreError(f"{file} was written by a newer version of this program; update it.")
            for line in map(json.loads, lines):
                if "setting" in line:
                    _add_setting(connection, line["setting"])
                elif _add_session(connection, line):
                    added += 1
                else:
                    known += 1
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged from error
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}.") from error
    return added, known


def _add_setting(connection: sa.Connection, setting: Mapping[str, Any]) -> None:
    query = sa.select(SETTINGS.c.owner).where(SETTINGS.c.owner == setting["owner"])
    if connection.execute(query).one_or_none() is None:
        connection.execute(SETTINGS.insert().values(**setting))


def _add_session(connection: sa.Connection, line: Mapping[str, Any]) -> bool:
    session = line["session"] | {name: datetime.fromisoformat(line["session"][name]) for name in _MOMENTS}
    same = sa.and_(*(SESSIONS.c[name] == session[name] for name in _SAME))
    if connection.execute(sa.select(SESSIONS.c.id).where(same)).first() is not None:
        return False
    session["name"] = free_name(session["name"], taken_names(connection, session["owner"]), MAX_NAME)
    number = connection.execute(SESSIONS.insert().values(**session).returning(SESSIONS.c.id)).scalar_one()
    for name, table in _PARTS.items():
        if line.get(name):
            connection.execute(table.insert(), [row | {"session": number} for row in line[name]])
    return True
