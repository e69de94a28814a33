"""The tables of saved sessions, and the steps that move an older database on.

Knows nothing of who asks.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from fer.errors import StoreError

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
    sqlite_autoincrement=True,  # or a recording whose session was deleted would go on in the next one of that number
)

SAMPLES = sa.Table(
    "samples",
    _METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("session", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("time_s", sa.Double, nullable=False),
    sa.Column("person", sa.Integer, nullable=False),
    sa.Column("probabilities", sa.JSON, nullable=False),
    *(sa.Column(name, sa.Double, nullable=False) for name in ("x", "y", "w", "h", "detector_score")),
)

NOBODY = sa.Table(
    "nobody",
    _METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("session", _ID, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
)
"""When it was looked and nobody was found."""

SETTINGS = sa.Table(
    "settings",
    _METADATA,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("retention_days", sa.Integer),
)

MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (lambda connection: NOBODY.create(connection),)
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
