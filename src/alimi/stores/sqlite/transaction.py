"""What a job of the writer works in."""

from __future__ import annotations

import sqlite3
from functools import lru_cache

import msgspec

from alimi.model import cursor_tag, now_ms
from alimi.stores.sqlite.sql import SQL

#: One digest takes 2 µs, and the same readers come again and again.
tag_of = lru_cache(maxsize=65_536)(cursor_tag)


class Transaction(msgspec.Struct, frozen=True):
    """An open write transaction, its moment and the store's epoch in it."""

    db: sqlite3.Connection
    epoch: str
    now: int

    @classmethod
    def on(cls, db: sqlite3.Connection) -> Transaction:
        """The transaction that was just begun on `db`."""
        return cls(db, read_epoch(db), now_ms())

    def tag(self, recipient: str) -> str:
        """What makes this inbox's cursors its own."""
        return tag_of(self.epoch, recipient)


def read_epoch(db: sqlite3.Connection) -> str:
    """The epoch in this snapshot: another process may have renewed it."""
    return str(db.execute(SQL["epoch"]).fetchone()[0])
