"""The bus of one process: calls, not messages.  Loses nothing, as it has nowhere to lose it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from alimi.model import BusMessage


class Exchange:
    """Where the local buses of one Alimi meet; there is more than one only with several loops."""

    def __init__(self) -> None:
        self.members: dict[int, tuple[asyncio.AbstractEventLoop, LocalBus]] = {}


class LocalBus:
    """Delivers to every loop of this process that the exchange knows."""

    #: Nothing can be.
    trouble: str | None = None

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._followed: set[str] = set()

    async def open(self, deliver: Callable[[BusMessage], None], lost: Callable[[], None]) -> None:
        """Join the exchange; `lost` is never called."""
        del lost
        self._deliver = deliver
        self._exchange.members[id(self)] = (asyncio.get_running_loop(), self)

    async def close(self) -> None:
        """Leave the exchange."""
        self._exchange.members.pop(id(self), None)

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Call every member; those on another loop are called there soon."""
        here = asyncio.get_running_loop()
        for key, (loop, bus) in list(self._exchange.members.items()):
            if loop is here:
                bus.hear(messages)
            elif loop.is_closed():
                self._exchange.members.pop(key, None)
            else:
                loop.call_soon_threadsafe(bus.hear, tuple(messages))

    def hear(self, messages: Sequence[BusMessage]) -> None:
        """Take what concerns somebody here."""
        if id(self) not in self._exchange.members:
            return
        for message in messages:
            if message.recipient in self._followed:
                self._deliver(message)

    async def follow(self, recipients: Collection[str]) -> None:
        """From now on."""
        self._followed.update(recipients)

    def unfollow(self, recipients: Collection[str]) -> None:
        """No longer."""
        self._followed.difference_update(recipients)
