"""The sweeper's step: passing time becomes changes with versions.

Each part is one statement and a transaction of its own, so no lock outlives a round trip.  Inboxes
that another writer is at are left for the next step, and so several nodes may sweep at once.
"""

from __future__ import annotations

from alimi.model import Hint, Retention, Swept
from alimi.stores.postgres.connections import Lane
from alimi.stores.postgres.sql import SQL

_DAY = 86_400_000
#: Inbox rows looked at in one step to find those with too many notifications; 2 ms.
_STRETCH = 20_000


class Roll:
    """Where the search for crowded inboxes goes on; it passes over all of them again and again."""

    def __init__(self) -> None:
        self.after = ""


async def sweep(lane: Lane, now: int, retention: Retention, limit: int, roll: Roll) -> Swept:
    """One step, at most `limit` rows of each sort."""
    step = Step(lane, now, limit)
    expired = await step.bury("bury_expired", now + 1)
    retired = 0
    if retention.days is not None:
        retired = await step.bury("bury_aged", now - retention.days * _DAY)
    if retention.rows is not None:
        retired += await step.thin_out(retention.rows, roll)
    pruned = await step.count("prune", now - retention.tombstone_days * _DAY, limit)
    await step.count("forget_keys", now - retention.key_days * _DAY, limit, now)
    return Swept(expired, retired, pruned, tuple(step.hints), step.more)


class Step:
    """One bounded step: the inboxes it moved, and whether more waits."""

    def __init__(self, lane: Lane, now: int, limit: int) -> None:
        self._lane = lane
        self._now = now
        self._limit = limit
        self.hints: list[Hint] = []
        self.more = False

    async def bury(self, query: str, which: object, *more: object) -> int:
        """Bury what a query finds."""
        values = (self._now, which, self._limit, *more)
        moved = await self._lane.run(lambda db: db.fetch(SQL[query], *values))
        self.hints += [Hint(recipient, version) for recipient, version, _ in moved]
        return self._full(sum(count for _, _, count in moved))

    async def thin_out(self, rows: int, roll: Roll) -> int:
        """Retire the oldest rows of crowded inboxes in one stretch of them."""
        asked = (rows, roll.after, _STRETCH, self._limit)
        looked_at, last, surplus, crowded = await self._lane.run(
            lambda db: db.fetchrow(SQL["stretch"], *asked)
        )
        retired = await self.bury("bury_oldest", crowded, rows) if crowded else 0
        if surplus <= self._limit:
            roll.after = last if looked_at == _STRETCH else ""
        return retired

    async def count(self, query: str, *values: int) -> int:
        """Run what answers with how many rows it was about."""
        return self._full(await self._lane.run(lambda db: db.fetchval(SQL[query], *values)))

    def _full(self, count: int) -> int:
        self.more |= count >= self._limit
        return count
