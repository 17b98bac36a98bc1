"""C1 and C5: what an application's transactions cost with a notification in them, and without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg

from alimi import Alimi

#: Transactions that run at the same time.
CONCURRENT = 32
#: Rows that they change; a share for each of them, so that nobody waits for a row.
_CARDS = 312 * CONCURRENT
_CHANNEL = "bench"

Then = Callable[[asyncpg.Connection, int], Awaitable[object]]


async def nothing(connection: asyncpg.Connection, number: int) -> None:
    """A transaction without a notification."""


async def own_notify(connection: asyncpg.Connection, number: int) -> None:
    """What one would write by hand: the row that Alimi writes too, and NOTIFY beside it."""
    await connection.execute("INSERT INTO by_hand (said) VALUES ($1)", f"event {number}")
    await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, str(number))


async def insert_only(connection: asyncpg.Connection, number: int) -> None:
    """The same row without NOTIFY."""
    await connection.execute("INSERT INTO by_hand (said) VALUES ($1)", f"event {number}")


class Bank:
    """A table that 32 clients change."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._alimi = Alimi(url)
        self._kind = self._alimi.kind("bench", category="bench", text={"en": "Hello {object.id}"})
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Make the tables and the connections."""
        self._pool = await asyncpg.create_pool(self._url, min_size=CONCURRENT, max_size=CONCURRENT)
        await self._pool.execute(
            "CREATE TABLE IF NOT EXISTS card AS SELECT n AS id, 0 AS assignee, 0 AS changes "
            f"FROM generate_series(1, {_CARDS}) AS n"
        )
        await self._pool.execute("CREATE UNIQUE INDEX IF NOT EXISTS card_id ON card (id)")
        await self._pool.execute(
            "CREATE TABLE IF NOT EXISTS by_hand (id bigserial PRIMARY KEY, said text)"
        )

    async def close(self) -> None:
        """Let go of both."""
        assert self._pool is not None
        await self._pool.close()
        await self._alimi.close()

    async def within(self, connection: asyncpg.Connection, number: int) -> None:
        """A notification of Alimi in the transaction."""
        await self._kind.notify(to=number % 1_000, object=number, within=connection)

    async def rate(self, then: Then, count: int, statements: int) -> float:
        """Transactions per second of so many UPDATEs each, and `then`."""
        share = count // CONCURRENT
        started = time.monotonic()
        await asyncio.gather(
            *(self._client(number, share, statements, then) for number in range(CONCURRENT))
        )
        return share * CONCURRENT / (time.monotonic() - started)

    async def _client(self, client: int, share: int, statements: int, then: Then) -> None:
        assert self._pool is not None
        async with self._pool.acquire() as connection:
            for turn in range(share):
                number = client + CONCURRENT * turn
                async with connection.transaction():
                    for each in range(statements):
                        card = (number + each * _CARDS // 5) % _CARDS // CONCURRENT * CONCURRENT
                        await connection.execute(_CHANGE, card + client + 1, number)
                    await then(connection, number)


_CHANGE = "UPDATE card SET assignee = $2, changes = changes + 1 WHERE id = $1"
