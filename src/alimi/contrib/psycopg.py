"""Record inside a transaction of psycopg 3, synchronous or asynchronous.

    with psycopg.connect(…) as connection:
        connection.execute("UPDATE card …")
        card_assigned.record(to=2, object=card, within=connection)

    async with await psycopg.AsyncConnection.connect(…) as connection:
        await connection.execute("UPDATE card …")
        await card_assigned.notify(to=2, object=card, within=connection)

A connection begins its transaction with the first statement, and this may be that statement.  With
`autocommit` there is none but inside `with connection.transaction():`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, Connection, Cursor, RawCursor
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from alimi.errors import UnknownTransaction
from alimi.store import Joined, Recording, Rows, drive, drive_async


async def run(within: object, write: Callable[[Joined], Recording]) -> None:
    """Record in the transaction of an AsyncConnection; of a Connection, which blocks the loop."""
    if isinstance(within, AsyncConnection):
        joined = JoinedAsyncConnection(within)
        await drive_async(write(joined), joined.execute)
    else:
        run_sync(within, write)


def run_sync(within: object, write: Callable[[Joined], Recording]) -> None:
    """The same where no loop runs, in a Connection."""
    if isinstance(within, AsyncConnection):
        raise UnknownTransaction(
            "record() cannot wait for an AsyncConnection: use await notify(…, within=…)"
        )
    if not isinstance(within, Connection):
        raise UnknownTransaction(_MEANT.get(type(within).__name__))
    joined = JoinedConnection(within)
    drive(write(joined), joined.execute)


_POOL = "a pool has no transaction: pass the connection that `with pool.connection()` gives you"
_MEANT = {
    "ConnectionPool": _POOL,
    "AsyncConnectionPool": _POOL,
    "NullConnectionPool": _POOL,
    "AsyncNullConnectionPool": _POOL,
    "Cursor": "pass the connection of this cursor: within=cursor.connection",
    "AsyncCursor": "pass the connection of this cursor: within=cursor.connection",
}


_OPEN = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


class _Joined:
    """What both kinds of connection tell a store (`alimi.store.Joined`)."""

    dialect = "postgresql"
    begins_explicitly = True

    def __init__(self, connection: Connection[Any] | AsyncConnection[Any]) -> None:
        self._status = connection

    @property
    def in_transaction(self) -> bool:
        """Open, or opened by the next statement."""
        return not self._status.autocommit or self._status.info.transaction_status in _OPEN

    def has_rows(self, cursor: Cursor[Any] | AsyncCursor[Any]) -> bool:
        """Whether to fetch; in a pipeline the answer is still under way."""
        pipelined = self._status.pgconn.pipeline_status != PipelineStatus.OFF
        return pipelined or cursor.description is not None


class JoinedConnection(_Joined):
    """A synchronous connection."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection)
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples whatever the connection's row factory."""
        with RawCursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(sql.encode(), parameters)
            return cursor.fetchall() if self.has_rows(cursor) else []


class JoinedAsyncConnection(_Joined):
    """An asynchronous connection."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        super().__init__(connection)
        self._connection = connection

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples whatever the connection's row factory."""
        async with AsyncRawCursor(self._connection, row_factory=tuple_row) as cursor:
            await cursor.execute(sql.encode(), parameters)
            return await cursor.fetchall() if self.has_rows(cursor) else []
