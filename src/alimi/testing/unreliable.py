"""A bus that does everything a bus is allowed to: it drops, doubles and reorders (G9).

Signals and hang-ups are not doubled: a bus of ours sends each at most once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

from alimi.bus import Bus
from alimi.model import BusMessage, Hint

Deliver = Callable[[BusMessage], None]


class UnreliableBus:
    """Wraps a bus; `dropped`, `doubled` and `reordered` are shares of what arrives."""

    def __init__(
        self,
        bus: Bus,
        *,
        seed: int = 0,
        dropped: float = 0.1,
        doubled: float = 0.1,
        reordered: float = 0.2,
    ) -> None:
        self._bus = bus
        self._random = random.Random(seed)
        self._dropped, self._doubled, self._reordered = dropped, doubled, reordered
        self._kept: list[BusMessage] = []
        #: How often it did what.
        self.done = {"dropped": 0, "doubled": 0, "reordered": 0}

    @property
    def trouble(self) -> str | None:
        """That of the bus behind it."""
        return self._bus.trouble

    async def open(self, deliver: Deliver, lost: Callable[[], None]) -> None:
        """Open the bus behind it."""
        await self._bus.open(lambda message: self._arrive(message, deliver), lost)

    async def close(self) -> None:
        """Close it; what was kept back is dropped."""
        self._kept.clear()
        await self._bus.close()

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Pass it on: faults happen where it arrives."""
        await self._bus.publish(messages)

    async def follow(self, recipients: Collection[str]) -> None:
        """Pass it on."""
        await self._bus.follow(recipients)

    def unfollow(self, recipients: Collection[str]) -> None:
        """Pass it on."""
        self._bus.unfollow(recipients)

    def _arrive(self, message: BusMessage, deliver: Deliver) -> None:
        if self._happens("dropped", self._dropped):
            return
        if self._happens("reordered", self._reordered):
            self._kept.append(message)  # until another one has overtaken it
            return
        deliver(message)
        if isinstance(message, Hint) and self._happens("doubled", self._doubled):
            deliver(message)
        while self._kept:
            deliver(self._kept.pop())

    def _happens(self, what: str, share: float) -> bool:
        happens = self._random.random() < share
        self.done[what] += happens
        return happens
