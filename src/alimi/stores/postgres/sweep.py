"""The sweeper's step: passing time becomes changes with versions.

Each part is one statement and a transaction of its own, so no lock outlives a round trip.  Inboxes
that another writer is at are left for the next step, and so several nodes may sweep at once.
"""

from __future__ import annotations

import asyncpg

from alimi.model import Hint, Retention, Swept
from alimi.stores.postgres.sql import SQL

_DAY = 86_400_000
#: Inbox rows looked at in one step to find those with too many notifications; 2 ms.
_STRETCH = 20_000


class Roll:
    """Where the search for crowded inboxes goes on; it passes over all of them again and again."""

    def __init__(self) -> None:
        self.after = ""


async def sweep(
    connection: asyncpg.Connection, now: int, retention: Retention, limit: int, roll: Roll
) -> Swept:
    """One step, at most `limit` rows of each sort; needs no transaction around it."""
    step = Step(connection, now, limit)
    step.swept.expired = await step.bury("bury_expired", now + 1)
    if retention.days is not None:
        step.swept.retired = await step.bury("bury_aged", now - retention.days * _DAY)
    if retention.rows is not None:
        step.swept.retired += await step.thin_out(retention.rows, roll)
    step.swept.pruned = await step.count("prune", now - retention.tombstone_days * _DAY, limit)
    await step.count("forget_keys", now - retention.key_days * _DAY, limit, now)
    return step.swept


class Step:
    """One bounded step and what it did so far."""

    def __init__(self, connection: asyncpg.Connection, now: int, limit: int) -> None:
        self._connection = connection
        self._now = now
        self._limit = limit
        self.swept = Swept()

    async def bury(self, query: str, which: object, limit: int | None = None) -> int:
        """Bury what a query finds; `limit` where it is less than the step's."""
        most = self._limit if limit is None else limit
        moved = await self._connection.fetch(SQL[query], self._now, which, most)
        self.swept.hints += [Hint(recipient, version) for recipient, version, _ in moved]
        return self._full(sum(count for _, _, count in moved))

    async def thin_out(self, rows: int, roll: Roll) -> int:
        """Retire the oldest rows of crowded inboxes in one stretch of them."""
        asked = (rows, roll.after, _STRETCH)
        looked_at, last, crowded, kept = await self._connection.fetchrow(SQL["stretch"], *asked)
        retired = 0
        for recipient, has in zip(crowded or (), kept or (), strict=True):
            surplus = min(has - rows, self._limit - retired)
            retired += await self.bury("bury_oldest", recipient, surplus)
            if retired >= self._limit:
                return self._full(retired)
        roll.after = last if looked_at == _STRETCH else ""
        return retired

    async def count(self, query: str, *values: int) -> int:
        """Run what answers with how many rows it was about."""
        return self._full(await self._connection.fetchval(SQL[query], *values))

    def _full(self, count: int) -> int:
        self.swept.more |= count >= self._limit
        return count
