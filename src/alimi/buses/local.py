"""The bus of one process: calls, not messages.  Loses nothing, as it has nowhere to lose it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from alimi.model import BusMessage

_Member = tuple[asyncio.AbstractEventLoop, Callable[[BusMessage], None]]


class Exchange:
    """Where the local buses of one Alimi meet; there is more than one only with several loops."""

    def __init__(self) -> None:
        self.members: dict[int, _Member] = {}


class LocalBus:
    """Delivers to every loop of this process that the exchange knows."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def open(self, deliver: Callable[[BusMessage], None], lost: Callable[[], None]) -> None:
        """Join the exchange; `lost` is never called."""
        del lost
        self._exchange.members[id(self)] = (asyncio.get_running_loop(), deliver)

    async def close(self) -> None:
        """Leave the exchange."""
        self._exchange.members.pop(id(self), None)

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        """Call every member; those on another loop are called there soon."""
        here = asyncio.get_running_loop()
        for key, (loop, deliver) in list(self._exchange.members.items()):
            if loop is here:
                for message in messages:
                    deliver(message)
            elif loop.is_closed():
                self._exchange.members.pop(key, None)
            else:
                loop.call_soon_threadsafe(_deliver_all, deliver, tuple(messages))

    async def follow(self, recipients: Collection[str]) -> None:
        """Everything is heard anyway."""
        del recipients

    def unfollow(self, recipients: Collection[str]) -> None:
        """Everything is heard anyway."""
        del recipients


def _deliver_all(deliver: Callable[[BusMessage], None], messages: Sequence[BusMessage]) -> None:
    for message in messages:
        deliver(message)
