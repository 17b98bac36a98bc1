"""A stream on a node of the test's own process, read as a browser does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from alimi import Alimi, Identity
from tests.support.reader import Reader
from tests.support.sink import HandSink


class Listener(HandSink):
    """A sink that tells when something was written, and reads it as a browser does."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = Reader()
        self.reader.connect()
        self._news = asyncio.Event()

    def write(self, data: bytes) -> int:
        self._news.set()
        return super().write(data)

    def close(self, *, abort: bool = False) -> None:
        super().close(abort=abort)
        self._news.set()

    async def until(self, holds: Callable[[Reader], bool]) -> None:
        async with asyncio.timeout(30):
            while True:
                self._news.clear()
                self.reader.feed(self.take())
                if holds(self.reader):
                    return
                await self._news.wait()


async def listen(node: Alimi, recipient: str = "2", **identity: Any) -> Listener:
    """An open stream, after its `hello`."""
    sink = Listener()
    hub = await node._hub()
    await hub.open(sink, Identity(recipient, **identity), None, ())
    await sink.until(lambda reader: bool(reader.events))
    return sink


async def at_rest(node: Alimi) -> None:
    """Its relay has looked into the outbox once, as each does when it starts, and found nothing.

    Later it looks when the node itself records something, or its settings say so.
    """
    async with asyncio.timeout(30):
        while not counted(node, "alimi_relay_batch_seconds_count"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # a gauge tells nobody that it moves; the answer decides


def counted(node: Alimi, series: str, **labels: str) -> float:
    return node.metrics.registry.get_sample_value(series, labels) or 0.0
