"""The embedded default: one SQLite file, one writer thread with group commit, a few readers."""

from alimi.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
