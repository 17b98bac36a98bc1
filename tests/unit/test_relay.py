"""The relay's loop: what wakes it, and what it survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from alimi.buses.local import Exchange, LocalBus
from alimi.errors import StoreError
from alimi.metrics import Metrics
from alimi.model import Applied, Positions
from alimi.relay import Relay
from alimi.settings import Settings
from alimi.store import Store
from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import deliver, event
from tests.support.node import a_node


class FlakyStore:
    """Has nothing to do; every look for work fails."""

    def __init__(self) -> None:
        self.applied = asyncio.Queue[int]()

    async def apply(self, limit: int, followed: Callable[[str], bool] | None = None) -> Applied:
        self.applied.put_nowait(limit)
        return Applied()

    async def pending(self) -> bool:
        raise StoreError("the database is away")


async def test_g8_what_other_processes_commit_asks_for_one_check(tmp_path: Path) -> None:
    """G8: however often another process writes, the relay waits for no comparison of streams."""
    async with a_node(tmp_path) as node:
        await node.open("anna")
        other = SQLiteStore(tmp_path / "alimi.db", synchronous="NORMAL")
        await other.open()
        asked = asyncio.Queue[Sequence[str]]()
        original = node.store.positions

        async def positions(recipients: Sequence[str]) -> Positions:
            asked.put_nowait(recipients)
            return await original(recipients)

        node.store.positions = positions  # type: ignore[method-assign]
        for _ in range(20):
            await deliver(other, event())
            assert await node.store.pending()
            await node.relay.flush()
        assert asked.empty()
        checking = asyncio.ensure_future(node.hub.checks.run())
        async with asyncio.timeout(20):
            assert list(await asked.get()) == ["anna"]
        checking.cancel()
        await other.close()


async def test_g1_a_look_that_fails_ends_nothing() -> None:
    """G1: a database that is away while the relay looks for work is asked again, like any other."""
    store = FlakyStore()

    relay = Relay(
        cast("Store", cast("Any", store)),
        LocalBus(Exchange()),
        Settings(poll_seconds=0.001),
        Metrics(),
        deliver=lambda changes: None,
        check=lambda: None,
    )
    running = asyncio.ensure_future(relay.run())
    async with asyncio.timeout(20):
        for _ in range(3):
            await store.applied.get()
    assert not running.done()
    running.cancel()
