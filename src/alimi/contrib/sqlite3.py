"""Record inside a transaction of the standard library's `sqlite3`.

    db = sqlite3.connect("app.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE card …")
    card_assigned.record(to=2, object=card, within=db)
    db.execute("COMMIT")

A connection with the driver's default `isolation_level` is taken too, once its transaction is
really open (after a first INSERT, UPDATE or DELETE, or an own BEGIN).  There is a trap in it: a
SAVEPOINT outside of a transaction begins one whose RELEASE commits, so with savepoints always BEGIN
first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from alimi.errors import NoTransaction, UnknownTransaction
from alimi.store import Joined, Recording, Rows, drive


async def run(within: object, write: Callable[[Joined], Recording]) -> None:
    """As `run_sync`; it blocks the loop for the few microseconds of one INSERT."""
    run_sync(within, write)


def run_sync(within: object, write: Callable[[Joined], Recording]) -> None:
    """Record in the open transaction of a `sqlite3.Connection`.  Raises NoTransaction."""
    if isinstance(within, sqlite3.Cursor):
        raise UnknownTransaction("pass the connection of this cursor: within=cursor.connection")
    if not isinstance(within, sqlite3.Connection):
        raise UnknownTransaction
    if not within.in_transaction:
        raise NoTransaction
    joined = JoinedConnection(within)
    drive(write(joined), joined.execute)


class JoinedConnection:
    """A `sqlite3` connection as a store sees it (`alimi.store.Joined`)."""

    dialect = "sqlite"
    #: Who works with the driver itself says BEGIN and COMMIT; that one is open was asked before.
    begins_explicitly = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """Whether one is open, as the driver says."""
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples whatever the connection's row factory."""
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, tuple(parameters)).fetchall()
