"""A hub and a relay on a real store; the clock is in the test's hand, only the pump runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alimi.buses.local import Exchange, LocalBus
from alimi.hub import Hub
from alimi.kinds import Kind
from alimi.metrics import Metrics
from alimi.model import BusMessage, Hint, Identity, Mark, Marked, Retention
from alimi.relay import Relay
from alimi.settings import Settings
from alimi.stores.sqlite import SQLiteStore
from alimi.stream import Stream
from alimi.testing.stores.harness import FullStore
from tests.support.sink import HandSink

KIND = Kind("card.assigned", category="cards", texts={"en": "Card {object.name}", "ko": "카드"})


class LossyBus(LocalBus):
    """Loses everything while `deaf`; a bus may (G9)."""

    deaf = False

    async def publish(self, messages: Sequence[BusMessage]) -> None:
        if not self.deaf:
            await super().publish(messages)


@dataclass
class Node:
    """What a test holds."""

    store: FullStore
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)
    now: float = 1_000.0
    wall: int = 1_800_000_000_000
    deliver_directly: bool = True

    def __post_init__(self) -> None:
        self.bus = LossyBus(Exchange())
        self.hub = Hub(
            self.store,
            self.bus,
            self.settings,
            self.metrics,
            clock=lambda: self.now,
            wall_ms=lambda: self.wall,
        )
        self.relay = Relay(
            self.store,
            self.bus,
            self.settings,
            self.metrics,
            deliver=self._deliver,
            check=self.hub.checks.want,
        )

    def _deliver(self, changes: Any) -> None:
        if self.deliver_directly:
            self.hub.deliver(changes)

    @property
    def idle(self) -> asyncio.Event:
        """Set while the pump has nothing to do."""
        return self.hub._pump.idle

    async def notify(self, *to: str, count: int = 1, **parts: Any) -> list[str]:
        """Record `count` events and relay them; answers their ids."""
        events = [
            KIND.event(to=to, object={"id": i, "name": str(i)}, **parts) for i in range(count)
        ]
        await self.store.append(events)
        await self.relay.flush()
        return [event.id for event in events]

    async def mark(self, recipient: str, action: Any, **target: Any) -> Marked:
        """Mark, and hint as the facade does."""
        marked = await self.store.mark(recipient, Mark(action, **target))
        if marked.count:
            await self.bus.publish([Hint(recipient, marked.version)])
        return marked

    async def open(
        self,
        recipient: str = "2",
        cursor: str | None = None,
        *,
        slow: bool = False,
        **identity: Any,
    ) -> tuple[Stream, HandSink]:
        """A stream and its sink, after its first read."""
        sink = HandSink(slow=slow)
        locales = (identity["locale"],) if "locale" in identity else ()
        stream = await self.hub.open(sink, Identity(recipient, **identity), cursor, locales)
        assert stream is not None
        await self.hub.settled()
        return stream, sink

    async def retire(self, recipient: str) -> None:
        """Delete everything in an inbox and prune the tombstones: lifts the floor."""
        await self.store.mark(recipient, Mark("delete", upto=2**40))
        await self.store.sweep(self.wall + 10**12, Retention(tombstone_days=0), 100_000)


@asynccontextmanager
async def a_node(
    folder: Path, store: FullStore | None = None, **settings: Any
) -> AsyncIterator[Node]:
    """Open a store, SQLite's if none is given, keep the pump running, close both."""
    settings = {"synchronous": "NORMAL", **settings}
    if store is None:
        store = SQLiteStore(folder / "alimi.db", synchronous=settings["synchronous"])
    await store.open()
    node = Node(store, Settings(**settings))
    await node.bus.open(node.hub.hear, node.hub.bus_was_lost)
    body = asyncio.current_task()
    pump = asyncio.create_task(node.hub.run())
    # A test that waits for a dead pump would wait for ever.
    pump.add_done_callback(lambda _: body.cancel() if body and not ended else None)
    ended = False
    try:
        yield node
    finally:
        ended = True
        pump.cancel()
        (outcome,) = await asyncio.gather(pump, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome
        await store.close()
