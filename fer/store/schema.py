"""The tables of saved sessions, and the steps that move an older database on.

Knows nothing of who asks.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

import sqlalchemy as sa

from fer.errors import StoreError

MAX_NAME = 80

_MIGRATION_LOCK = 0x666572
"""PostgreSQL's advisory lock that one server holds while it makes or moves the tables; "fer" in ASCII."""

_NAMES_LOCK = 0x6E616D65
"""PostgreSQL's advisory lock that is held while a session gets its name; "name" in ASCII."""


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

SESSIONS = sa.Table(
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
    sa.Column("notes", sa.Text, nullable=False, server_default=""),
    sa.Column("persons", sa.JSON, nullable=False, server_default="{}"),  # names by numbers
    sqlite_autoincrement=True,  # or a recording whose session was deleted would go on in the next one of that number
)


def _of_a_session() -> tuple[sa.Column, sa.Column]:
    """The columns of what belongs to a session, and goes with it: its own number, and the session's."""
    session = sa.ForeignKey("sessions.id", ondelete="CASCADE")
    return sa.Column("id", _ID, primary_key=True), sa.Column("session", _ID, session, nullable=False, index=True)


SAMPLES = sa.Table(
    "samples",
    _METADATA,
    *_of_a_session(),
    sa.Column("time_s", sa.Double, nullable=False),
    sa.Column("person", sa.Integer, nullable=False),
    sa.Column("probabilities", sa.JSON, nullable=False),
    *(sa.Column(name, sa.Double, nullable=False) for name in ("x", "y", "w", "h", "detector_score")),
    sa.Column("is_unsure", sa.Boolean),  # missing in what was recorded before it was noted
)

NOBODY = sa.Table(
    "nobody",
    _METADATA,
    *_of_a_session(),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
)
"""When it was looked and nobody was found."""

MARKERS = sa.Table(
    "markers",
    _METADATA,
    *_of_a_session(),
    sa.Column("time_s", sa.Double, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

SETTINGS = sa.Table(
    "settings",
    _METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("retention_days", sa.Integer),
)


def free_name(name: str, taken: Collection[str], most: int) -> str:
    """A name that nobody has yet: this one, or this one with a number behind it.

    Args:
        name: the name wished for.
        taken: names that are given already.
        most: letters that it may have; before the number it is cut.
    """
    number, free = 1, name
    while free in taken:
        number += 1
        behind = f" ({number})"
        free = name[: most - len(behind)] + behind
    return free


def taken_names(connection: sa.Connection, owner: str, but: int | None = None) -> set[str]:
    """The names of an owner's sessions but this one, to which nobody adds until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NAMES_LOCK)))
    query = sa.select(SESSIONS.c.name).where((SESSIONS.c.owner == owner) & (SESSIONS.c.id != (but or 0)))
    return set(connection.execute(query).scalars())


def _write_remarks(connection: sa.Connection) -> None:
    """Version 3: notes, names of persons and markers; and no two sessions of an owner have one name any more."""
    connection.execute(sa.text("ALTER TABLE sessions ADD COLUMN notes TEXT DEFAULT '' NOT NULL"))
    connection.execute(sa.text("ALTER TABLE sessions ADD COLUMN persons JSON DEFAULT '{}' NOT NULL"))
    MARKERS.create(connection)
    columns = (SESSIONS.c.id, SESSIONS.c.owner, SESSIONS.c.name)
    taken: dict[str, set[str]] = {}
    for number, owner, name in connection.execute(sa.select(*columns).order_by(SESSIONS.c.id)).all():
        theirs = taken.setdefault(owner, set())
        free = free_name(name, theirs, MAX_NAME)
        theirs.add(free)
        if free != name:
            connection.execute(SESSIONS.update().where(SESSIONS.c.id == number).values(name=free))


MIGRATIONS: tuple[Callable[[sa.Connection], object], ...] = (
    lambda connection: NOBODY.create(connection),
    _write_remarks,
    lambda connection: connection.execute(sa.text("ALTER TABLE samples ADD COLUMN is_unsure BOOLEAN")),
)
"""The steps that move an older database on, in order: the first from version 1 to 2, and so on. A new one is made whole
from the tables above, so a step and its change to the tables belong together."""


def schema_version() -> int:
    """The version of the tables that this program knows."""
    return 1 + len(MIGRATIONS)


def migrate(connection: sa.Connection, place: str) -> None:
    """Make the tables, or move those of an older version on, within a transaction.

    Args:
        connection: to the database, about to write.
        place: where that is, for people.

    Raises:
        StoreError: a newer program made them.
    """
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
            f"The saved sessions in {place} were made by a newer version of this program (their tables "
            f"have version {version}, this one knows {newest}); update it, or name another place by "
            "FER_SESSIONS_DIR or FER_DATABASE_URL."
        )
    for step in MIGRATIONS[version - 1 :]:
        step(connection)
    connection.execute(_VERSION.update().values(version=newest))
