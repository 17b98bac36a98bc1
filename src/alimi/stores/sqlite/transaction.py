"""What a job of the writer works in."""

from __future__ import annotations

import sqlite3

import msgspec

from alimi.model import now_ms
from alimi.stores.sqlite.epoch import tag_of
from alimi.stores.sqlite.moves import Done
from alimi.stores.sqlite.sql import SQL


class Transaction(msgspec.Struct, frozen=True):
    """An open write transaction, its moment, and the store's identity in it.

    `applied` gathers what it did to the inboxes, to be told when it is committed.
    """

    db: sqlite3.Connection
    epoch: str
    changes: int
    now: int
    rows_before: int
    applied: list[Done] = []

    @classmethod
    def on(cls, db: sqlite3.Connection) -> Transaction:
        """The transaction that was just begun on `db`."""
        # The epoch is read each time: another process may have renewed it.
        epoch, changes = db.execute(SQL["identity"]).fetchone()
        return cls(db, epoch, changes, now_ms(), db.total_changes)

    def tag(self, recipient: str) -> str:
        """What makes this inbox's cursors its own."""
        return tag_of(self.epoch, recipient)

    def commit(self) -> int | None:
        """Commit and answer the count of changes; without any it costs no fsync and no count."""
        if self.db.total_changes == self.rows_before:
            self.db.execute("COMMIT")
            return None
        self.db.execute(SQL["count_change"], (self.changes + 1,))
        self.db.execute("COMMIT")
        return self.changes + 1


def read_epoch(db: sqlite3.Connection) -> str:
    """The epoch in this snapshot."""
    return str(db.execute(SQL["epoch"]).fetchone()[0])
