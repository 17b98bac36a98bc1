"""The PostgreSQL store: the verbs of the contract, each handed to the lane that does it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import asyncpg

from alimi.errors import StoreClosed
from alimi.model import (
    MAX_WAITING,
    Applied,
    Changes,
    Entry,
    Mark,
    Marked,
    Page,
    PageQuery,
    Positions,
    Receipt,
    Retention,
    Swept,
    Waiting,
)
from alimi.store import Joined, Recording, Report
from alimi.stores.postgres import feed, marks, outbox, schema, upkeep, within
from alimi.stores.postgres.append import Appender
from alimi.stores.postgres.apply import Relay
from alimi.stores.postgres.connections import Lane
from alimi.stores.postgres.epoch import Epoch
from alimi.stores.postgres.sql import SQL
from alimi.stores.postgres.sweep import Roll, sweep
from alimi.stores.postgres.target import Target

#: Writes, and reads, that may wait at once; each holds a few hundred bytes to a few kilobytes.
QUEUE_BOUND = 10_000
#: After a record in a transaction of our own: for how long what waits may be that, and is not left
#: to other relays.
_OWN_SECONDS = 2.0


class PostgresStore:
    """Outbox and inboxes in one PostgreSQL database; implements Store, Outbox and Maintenance."""

    def __init__(self, url: str, *, queue_bound: int = QUEUE_BOUND) -> None:
        self._target = Target(url)
        self._bound = queue_bound
        self._parts: dict[asyncio.AbstractEventLoop, _Parts] = {}
        self._place = within.Place(self._target)
        self._recorded_at = float("-inf")

    @property
    def name(self) -> str:
        """The database, for people: without the password."""
        return self._target.name

    @property
    def _open(self) -> _Parts:
        parts = self._parts.get(asyncio.get_running_loop())
        if parts is None:
            raise StoreClosed
        return parts

    async def open(self) -> None:
        """Connect and check the schema; each event loop has connections of its own."""
        loop = asyncio.get_running_loop()
        self._forget_dead_loops()
        if loop in self._parts:
            return
        parts = _Parts(self._target, self._bound)
        try:
            self._place.learn(await parts.feed.bare(parts.meet))
        except BaseException:
            parts.terminate()
            raise
        if loop in self._parts:
            parts.terminate()
        else:
            self._parts[loop] = parts

    async def close(self) -> None:
        """Finish what was accepted on this loop, then let go; of other loops' connections too."""
        self._forget_dead_loops()
        mine = self._parts.pop(asyncio.get_running_loop(), None)
        others, self._parts = self._parts, {}
        for loop, parts in others.items():
            loop.call_soon_threadsafe(parts.terminate)
        if mine is not None:
            await mine.close()

    def _forget_dead_loops(self) -> None:
        for loop in [each for each in self._parts if each.is_closed()]:
            del self._parts[loop]

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write to the outbox, durably (G1)."""
        parts = self._open
        return await parts.appender.append(outbox.prepare(entries, parts.partitions))

    async def apply(self, limit: int, followed: Callable[[str], bool] | None = None) -> Applied:
        """Claim entries in order and move them to the inboxes."""
        parts = self._open
        return await parts.relay.apply(parts.partitions, limit, followed)

    async def pending(self) -> bool:
        """Whether `apply` might find something."""
        parts = self._open
        at_once = time.monotonic() - self._recorded_at < _OWN_SECONDS
        return await parts.relay.pending(parts.partitions, at_once=at_once)

    async def waiting(self) -> Waiting:
        """What is in the outbox, from a real read."""
        parts = self._open

        async def read(connection: asyncpg.Connection) -> Waiting:
            return Waiting(*await connection.fetchrow(SQL["waiting"], MAX_WAITING))

        return await parts.pages.read(read)

    async def changes_after(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[Changes]:
        """What changed in each inbox after its position."""
        parts = self._open
        return await parts.feed.read(lambda db: feed.changes_after(db, parts.epoch, wanted, limit))

    async def page(self, recipient: str, query: PageQuery) -> Page:
        """Rows, counts and head from one snapshot."""
        parts = self._open
        return await parts.pages.read(lambda db: feed.page(db, parts.epoch, recipient, query))

    async def mark(self, recipient: str, mark: Mark) -> Marked:
        """Change rows under one new version."""
        parts = self._open
        return await parts.pages.run(lambda db: marks.mark(db, parts.epoch, recipient, mark))

    async def positions(self, recipients: Sequence[str]) -> Positions:
        """The epoch and the heads."""
        parts = self._open
        return await parts.feed.read(lambda db: feed.positions(db, parts.epoch, recipients))

    async def sweep(self, now: int, retention: Retention, limit: int) -> Swept:
        """One bounded step of expiry, retention and pruning."""
        parts = self._open
        return await sweep(parts.pages, now, retention, limit, parts.roll)

    def write(self, joined: Joined, entries: Sequence[Entry]) -> Recording:
        """INSERT inside the application's transaction (G2)."""
        self._recorded_at = time.monotonic()
        return within.write(self._place, joined, entries)

    async def migrate(self) -> list[str]:
        """Apply pending migrations."""
        return await upkeep.look_after(self._target, schema.migrate)

    def pending_sql(self) -> str:
        """The SQL that `migrate` would run now."""
        return upkeep.pending_sql(self._target)

    async def inspect(self) -> Report:
        """Look, change nothing."""
        return await upkeep.look_after(
            self._target, lambda db: upkeep.inspect(db, self._target.name)
        )

    async def is_empty(self) -> bool:
        """Whether nobody was ever told of anything."""
        return await upkeep.look_after(self._target, upkeep.is_empty)

    async def renew_epoch(self) -> str:
        """Make every cursor out there worthless, so that clients reload."""
        return await upkeep.look_after(self._target, upkeep.renew_epoch)


class _Parts:
    """What an open store consists of on one event loop."""

    def __init__(self, target: Target, bound: int) -> None:
        self._target = target
        self._claims, self.feed, self.pages, self._outbox = (
            Lane(target, name, bound) for name in ("relay", "feed", "pages", "outbox")
        )
        self.appender = Appender(self._outbox, bound)
        self.epoch = Epoch()
        self.relay = Relay(self._claims, self.epoch)
        self.roll = Roll()
        #: Of the outbox; they change only while no store is open.
        self.partitions = 1

    async def meet(self, connection: asyncpg.Connection) -> within.Here:
        """Check the schema; answer where we are."""
        await schema.check(connection)
        await self.epoch.read(connection)
        self._target.is_bracketed |= await connection.fetchval(SQL["has_other_isolation"])
        here = await within.look(connection)
        self.partitions = here.partitions
        return here

    async def close(self) -> None:
        """The outbox first: what was accepted is written."""
        await self.appender.close()
        for lane in self._lanes():
            await lane.close()

    def terminate(self) -> None:
        """Let go at once."""
        for lane in self._lanes():
            lane.terminate()

    def _lanes(self) -> tuple[Lane, ...]:
        return (self._claims, self.feed, self.pages, self._outbox)
