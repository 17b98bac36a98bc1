"""Record inside a transaction of asyncpg.

async with pool.acquire() as connection, connection.transaction():
    await connection.execute("UPDATE card …")
    await card_assigned.notify(to=2, object=card, within=connection)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncpg import Connection, Pool
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from alimi.errors import UnknownTransaction
from alimi.store import Joined, Recording, Rows, drive_async


def run(within: object, write: Callable[[Joined], Recording]) -> Awaitable[None]:
    """Record in the open transaction of a connection, a pool's or one's own."""
    joined = JoinedConnection(_connection(within))
    return drive_async(write(joined), joined.execute)


def run_sync(within: object, write: Callable[[Joined], Recording]) -> None:
    """Raises UnknownTransaction: asyncpg has no synchronous side."""
    del write
    _connection(within)
    raise UnknownTransaction(
        "record() cannot wait for an asyncpg connection: use await notify(…, within=…)"
    )


def _connection(within: object) -> Connection | PoolConnectionProxy:
    if isinstance(within, (PoolConnectionProxy, Connection)):  # the first is told without Python
        return within
    if isinstance(within, Pool):
        raise UnknownTransaction(
            "a pool has no transaction: pass the connection that `async with pool.acquire()` "
            "gives you, inside its `async with connection.transaction()`"
        )
    if isinstance(within, Transaction):
        raise UnknownTransaction("pass the connection that this transaction was begun on")
    raise UnknownTransaction


class JoinedConnection:
    """An asyncpg connection as a store sees it (`alimi.store.Joined`)."""

    dialect = "postgresql"
    begins_explicitly = True

    def __init__(self, connection: Connection | PoolConnectionProxy) -> None:
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """What the server said last; without `transaction()` each statement commits."""
        return bool(self._connection.is_in_transaction())

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples whatever the connection's record class."""
        return [tuple(row) for row in await self._connection.fetch(sql, *parameters)]
