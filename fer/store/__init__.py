"""Saved sessions in a database: numbers about faces, never pixels, each with its owner.

Turns samples into rows and rows into samples. SQLite in the user's folder by default, PostgreSQL by `FER_DATABASE_URL`.
Knows nothing about cameras, pages, or who an owner is.

What was recorded up to a kill is there afterwards: a thread commits what came in, twice a second. SQLite writes ahead
into a log and waits for the disk at every commit, so that neither a killed process nor a cut in power damages it.
"""

from fer.store.schema import MAX_NAME
from fer.store.sessions import MAX_NOTE, MAX_NOTES, MAX_RETENTION_DAYS, Kind, SavedSession, Store
from fer.store.writer import SessionWriter

__all__ = ["MAX_NAME", "MAX_NOTE", "MAX_NOTES", "MAX_RETENTION_DAYS", "Kind", "SavedSession", "SessionWriter", "Store"]
