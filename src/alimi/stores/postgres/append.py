"""Group commit: everything that waits is written by one statement of one transaction.

A connection may be lost while its COMMIT is under way.  The transaction's id came with the rows, so
a new connection is asked what became of it: nothing is guessed, and nothing is written twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import asyncpg

from alimi.errors import StoreClosed, StoreError, StoreFull, StoreReadOnly
from alimi.model import Receipt
from alimi.stores.postgres.connections import LOST, Lane, as_alimi_error, begin, roll_back
from alimi.stores.postgres.outbox import Prepared, Row
from alimi.stores.postgres.sql import SQL

#: Rows of one group: below 10 ms.
MERGE = 1000
#: Groups under way at once: while one waits for its fsync, the next is written.
FLIGHTS = 2
#: How long, and how often, to ask for a transaction whose connection was lost.
_ASK_SECONDS, _ASK_PAUSE = 20.0, 0.05
_UNKNOWN = "the connection was lost during a commit: what was appended may be recorded or not"
#: Who used a key, and for which body.
Use = tuple[str, str | None]


class Load:
    """What one caller brings, and where it waits."""

    __slots__ = ("entries", "future", "rows")

    def __init__(self, entries: Sequence[Prepared]) -> None:
        self.entries = entries
        self.rows = sum(len(each.rows) for each in entries)
        self.future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()


class Appender:
    """The writers of the outbox on one event loop."""

    def __init__(self, lane: Lane, bound: int) -> None:
        self._lane = lane
        self._bound = bound
        self._waiting: deque[Load] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False

    async def append(self, entries: Sequence[Prepared]) -> list[Receipt]:
        """Durable when it returns."""
        if self._closed:
            raise StoreClosed
        if len(self._waiting) >= self._bound:
            raise StoreFull
        load = Load(entries)
        self._waiting.append(load)
        self._take_off()
        # A caller that goes away takes nothing back: others may be in the same transaction.
        return await asyncio.shield(load.future)

    async def close(self) -> None:
        """Finish what was accepted."""
        self._closed = True
        while self._flights:
            await asyncio.wait(set(self._flights))

    def _take_off(self) -> None:
        if self._waiting and len(self._flights) < FLIGHTS:
            flight = asyncio.ensure_future(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if flight.cancelled():  # the loop is being torn down
            while self._waiting:
                self._waiting.popleft().future.cancel()
        self._take_off()

    async def _fly(self) -> None:
        await asyncio.sleep(0)  # who else comes in this turn of the loop is taken along
        loads = self._next()
        if not loads:
            return
        try:
            await self._write(loads)
        except BaseException as error:
            failure = as_alimi_error(error)
            for load in loads:
                if not load.future.done():
                    load.future.set_exception(failure)
            if not isinstance(error, Exception):
                raise

    def _next(self) -> list[Load]:
        loads: list[Load] = []
        rows = 0
        while self._waiting and (not loads or rows + self._waiting[0].rows <= MERGE):
            loads.append(self._waiting.popleft())
            rows += loads[-1].rows
        return loads

    async def _write(self, loads: list[Load]) -> None:
        try:
            receipts = await self._persist(loads)
        except StoreError as error:
            if len(loads) == 1 or not isinstance(error.__cause__, asyncpg.DataError):
                raise
            await asyncio.gather(*(self._alone(load) for load in loads))  # who fails fails alone
            return
        for load, its in zip(loads, receipts, strict=True):
            if not load.future.done():
                load.future.set_result(its)

    async def _alone(self, load: Load) -> None:
        try:
            (receipts,) = await self._persist([load])
        except StoreError as error:
            load.future.set_exception(error)
        else:
            load.future.set_result(receipts)

    async def _persist(self, loads: list[Load]) -> list[list[Receipt]]:
        was_stale = False
        while True:
            commit = Commit(loads)
            try:
                await self._lane.bare(commit.run)
            except StoreError as error:
                if not isinstance(error.__cause__, (*LOST, TimeoutError)):
                    raise
                if commit.xid is None:  # COMMIT was never said, so nothing was recorded
                    if was_stale:
                        raise
                    was_stale = True
                    continue
                if not await self._was_committed(commit):
                    continue
            return commit.receipts

    async def _was_committed(self, commit: Commit) -> bool:
        """Ask on a new connection until the transaction is over."""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                while True:
                    status = await self._ask(commit)
                    if status != "in progress":
                        return status == "committed"
                    await asyncio.sleep(_ASK_PAUSE)
        except TimeoutError as error:
            raise StoreError(f"{_UNKNOWN}, and the server does not answer") from error

    async def _ask(self, commit: Commit) -> str:
        try:
            return await self._lane.bare(commit.ask)
        except StoreError as error:
            # A standby that is about to take over does not know the end of it either.
            if isinstance(error, StoreReadOnly) or isinstance(error.__cause__, LOST):
                return "in progress"
            raise


class Commit:
    """One transaction: what it writes, and who it is once that is known."""

    def __init__(self, loads: list[Load]) -> None:
        self._loads = loads
        self.xid: str | None = None
        self.life: str | None = None
        self.receipts: list[list[Receipt]] = []
        self._rows: list[Row] = []

    async def run(self, connection: asyncpg.Connection) -> None:
        """Write and commit; `xid` is None unless the COMMIT was sent."""
        self.xid = None
        try:
            await begin(connection)
            used = await self._used(connection)
            rows = self._rows = list[Row]()
            self.receipts = [
                [_take(each, used, rows) for each in load.entries] for load in self._loads
            ]
            if rows:
                columns = map(list, zip(*rows, strict=True))
                self.xid, self.life = await connection.fetchrow(SQL["append"], *columns)
        except BaseException:
            self.xid = None
            await roll_back(connection)
            raise
        await self.commit(connection)

    async def commit(self, connection: asyncpg.Connection) -> None:
        """From here on it is not known what became of it, until the server has answered."""
        await connection.execute("COMMIT")

    async def ask(self, connection: asyncpg.Connection) -> str:
        """What became of the transaction; raises StoreError when that cannot be known.

        After a crash nothing is in progress: what was recorded is there, or has left its rows.
        """
        status = str(await connection.fetchval(SQL["transaction_status"], self.xid, self.life))
        if status != "of another life":
            return status
        if all(row.key is not None for row in self._rows):
            return "aborted"  # written again, a key is known or not
        lasting = [row.event_id for row in self._rows if _lasts(row)]
        if not lasting:
            raise StoreError(f"{_UNKNOWN}, and the server has begun another life")
        found = await connection.fetchval(SQL["any_recorded"], lasting)
        return "committed" if found else "aborted"

    async def _used(self, connection: asyncpg.Connection) -> dict[str, Use]:
        keys = [each.key for load in self._loads for each in load.entries if each.key is not None]
        if not keys:
            return {}
        await connection.execute(SQL["lock_keys"], keys)
        found = await connection.fetch(SQL["used_keys"], keys)
        return {key: (used_by, fingerprint) for key, used_by, fingerprint in found}


def _lasts(row: Row) -> bool:
    """Whether it leaves a row in somebody's inbox, if only a tombstone."""
    return row.type == "event" and row.key is None and bool(row.recipients) and not row.expires_at


def _take(entry: Prepared, used: dict[str, Use], rows: list[Row]) -> Receipt:
    if entry.key is not None:
        use = used.get(entry.key)
        if use is not None:
            return Receipt(use[0], "repeated" if use[1] == entry.fingerprint else "conflict")
        used[entry.key] = (entry.id, entry.fingerprint)
    rows.extend(entry.rows)
    return Receipt(entry.id)
