"""How a bus is tested: its server and the way to it in a test's hand, and nodes that listen."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest_asyncio

from alimi.bus import Bus
from alimi.model import BusMessage, Hint
from alimi.testing.completeness import Complete

#: Longer than anything takes; a test that waits so long has failed.
PATIENCE = 30.0
#: Everybody hears it; what was said before it by the same node has been heard when it has.
FENCE = "fence"


class Server(Protocol):
    """The server of a bus, in the hand of a test; calls block."""

    def kill(self) -> None:
        """`kill -9`."""

    def start(self) -> object:
        """A new life at the same address; returns when it answers."""

    def freeze(self) -> None:
        """SIGSTOP."""

    def thaw(self) -> None:
        """SIGCONT."""


class Proxy(Protocol):
    """A TCP proxy before the server."""

    port: int

    def cut(self) -> None:
        """Reset every connection."""

    def refuse(self) -> None:
        """Take no new connections."""

    def accept(self) -> None:
        """Take them again."""

    def hold(self, *directions: str) -> None:
        """Forward nothing, keep everything."""

    def wait_held(self, direction: str, at_least: int = 1) -> None:
        """Until so many bytes wait."""

    def release(self) -> None:
        """Forward what was held."""


class Node:
    """One node: its bus, and what it has heard."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: list[BusMessage] = []
        self.lost = 0
        self._news = asyncio.Event()

    def _hear(self, message: BusMessage) -> None:
        self.heard.append(message)
        self._news.set()

    def _note_loss(self) -> None:
        self.lost += 1
        self._news.set()

    async def open(self) -> None:
        """Join, and hear the fence."""
        await self.bus.open(self._hear, self._note_loss)
        await self.bus.follow([FENCE])

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what is heard or lost."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def hears(self, *messages: BusMessage) -> None:
        """Wait until it has heard all of them."""
        await self.until(lambda: all(message in self.heard for message in messages))

    async def until_it_hears(self, teller: Node, recipient: str) -> None:
        """Tell again and again, as hints may be lost, until it is heard."""
        async with asyncio.timeout(PATIENCE):
            for version in range(1, 1_000_000):
                await teller.bus.publish([Hint(recipient, version)])
                try:
                    async with asyncio.timeout(0.05):
                        await self.until(lambda: any(m.recipient == recipient for m in self.heard))
                except TimeoutError:
                    continue
                return


class BusHarness(Complete):
    """How a subclass names the bus that is tested."""

    @abstractmethod
    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        """Another node's bus, not open.  Those of one name hear each other, and no others.

        Through `port` instead of the server's own, when it is given.
        """

    @pytest_asyncio.fixture
    async def node(self) -> AsyncIterator[Callable[..., Awaitable[Node]]]:
        """Makes open nodes."""
        async with AsyncExitStack() as stack:

            async def make(name: str = "one", port: int | None = None) -> Node:
                node = Node(self.make_bus(name, port))
                stack.push_async_callback(node.bus.close)
                await node.open()
                return node

            yield make


Nodes = Callable[..., Awaitable[Node]]


async def fence(teller: Node, *hearers: Node) -> None:
    """Return when everything that `teller` said before has been heard."""
    last = max([m.version for m in teller.heard if isinstance(m, Hint)], default=0)
    mark = Hint(FENCE, last + 1)
    await teller.bus.publish([mark])
    for each in hearers:
        await each.hears(mark)


def others(node: Node) -> list[BusMessage]:
    """What it has heard beside fences."""
    return [message for message in node.heard if message.recipient != FENCE]
