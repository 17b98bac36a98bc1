"""Whose news this node hears: everybody with a stream here, and for a while who had one.

A reader who was cut comes back within seconds, and thousands do at once.  To go on hearing costs
little; to ask the store for each of them, just when all of them come, costs much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alimi.bus import Bus
from alimi.heads import Heads
from alimi.metrics import LetGoReason, Metrics
from alimi.settings import Settings


class Following:
    """Follows recipients on the bus.  `needed` says whether somebody has a stream here."""

    def __init__(
        self,
        bus: Bus,
        heads: Heads,
        settings: Settings,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        needed: Callable[[str], bool],
    ) -> None:
        self._bus = bus
        self._heads = heads
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._needed = needed
        self._confirming: dict[str, asyncio.Future[None]] = {}
        #: Until when those are followed who have no stream; who left first comes first.
        self._lingering: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._heads)

    async def join(self, recipient: str) -> None:
        """Return when the bus has confirmed; streams of one recipient share the wait."""
        self._lingering.pop(recipient, None)
        if recipient in self._heads:
            return
        waiting = self._confirming.get(recipient)
        if waiting is None:
            waiting = self._confirming[recipient] = asyncio.ensure_future(self._confirm(recipient))
        await asyncio.shield(waiting)

    async def _confirm(self, recipient: str) -> None:
        try:
            await self._bus.follow((recipient,))
        except BaseException:
            self._bus.unfollow((recipient,))
            raise
        finally:
            del self._confirming[recipient]
        self._heads.begin(recipient)
        if not self._needed(recipient):  # they left while the bus was asked
            self.leave(recipient)

    def leave(self, recipient: str) -> None:
        """The last stream has gone."""
        if recipient in self._heads:
            self._lingering[recipient] = self._clock() + self._settings.linger_seconds
            if len(self._lingering) > self._settings.linger_inboxes:
                self._let_go(next(iter(self._lingering)), "number")

    def expire(self) -> None:
        """Let go of those who have not come back."""
        now = self._clock()
        while self._lingering:
            recipient, until = next(iter(self._lingering.items()))
            if until > now:
                break
            self._let_go(recipient, "age")
        self._metrics.inboxes_followed.set(len(self._heads))
        self._metrics.tail_bytes.set(self._heads.size)
        self._metrics.tails_dropped.labels("bytes").inc(self._heads.take_dropped())

    def _let_go(self, recipient: str, reason: LetGoReason) -> None:
        del self._lingering[recipient]
        self._heads.forget(recipient)
        self._bus.unfollow((recipient,))
        self._metrics.inboxes_let_go.labels(reason).inc()
