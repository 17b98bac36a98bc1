"""The net under the bus: when positions are compared, and what counts as healed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from alimi import checks
from alimi.model import Positions
from alimi.stores.sqlite import SQLiteStore
from alimi.tasks import Tasks
from alimi.testing.stores.harness import deliver, event
from tests.support.node import Node, a_node
from tests.support.reader import Reader


class Counted:
    """Stands before the store's `positions`: counts, and may hold or break the next call."""

    def __init__(self, node: Node) -> None:
        self.calls = 0
        self.failures = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._positions = node.store.positions
        node.store.positions = self  # type: ignore[method-assign]

    async def __call__(self, recipients: Sequence[str]) -> Positions:
        self.calls += 1
        self.asked.set()
        if self.failures:
            self.failures -= 1
            raise OSError("the database is away")
        found = await self._positions(recipients)
        await self.may_answer.wait()
        return found


def healed(node: Node) -> float:
    return float(node.metrics.healed._value.get())


async def test_an_interruption_of_the_bus_heals_at_once(tmp_path: Path) -> None:
    """G9: after the bus was lost nobody waits for the next regular check."""
    async with a_node(tmp_path, position_check_seconds=3_600) as node:
        _, sink = await node.open()
        sink.take()
        node.bus.deaf, node.deliver_directly = True, False
        sent = await node.notify("2")
        tasks = Tasks(lambda name: None)
        tasks.start("check", node.hub.checks.run)
        node.hub.bus_was_lost()
        while not sink.sent:  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # the pump tells nobody that it wrote; the answer decides
        reader = Reader()
        reader.connect()
        reader.feed(sink.take())
        assert reader.shown == sent
        assert healed(node) == 1
        await tasks.stop()


async def test_what_another_process_wrote_to_the_file_is_found_at_once(tmp_path: Path) -> None:
    """G9: two processes on one file have no bus; the relay that meets the other's work checks."""
    async with a_node(tmp_path, position_check_seconds=3_600) as node:
        _, sink = await node.open()
        sink.take()
        other = SQLiteStore(tmp_path / "alimi.db", synchronous="NORMAL")
        await other.open()
        sent = event("2")
        await deliver(other, sent)
        tasks = Tasks(lambda name: None)
        tasks.start("check", node.hub.checks.run)
        await node.relay.flush()
        while not sink.sent:  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # the pump tells nobody that it wrote; the answer decides
        reader = Reader()
        reader.connect()
        reader.feed(sink.take())
        assert reader.shown == [sent.id]
        await tasks.stop()
        await other.close()


async def test_many_interruptions_are_one_check(tmp_path: Path) -> None:
    """A bus that flaps, or a hundred nodes that say "look", cost one query and not a hundred."""
    async with a_node(tmp_path, position_check_seconds=3_600) as node:
        await node.open()
        counted = Counted(node)
        counted.may_answer.clear()
        tasks = Tasks(lambda name: None)
        tasks.start("check", node.hub.checks.run)
        for _ in range(100):
            node.hub.bus_was_lost()
        await counted.asked.wait()
        assert counted.calls == 1
        # What is lost while a check reads may be too late for it: one more follows.
        counted.asked.clear()
        for _ in range(100):
            node.hub.bus_was_lost()
        counted.may_answer.set()
        await counted.asked.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                counted.asked.clear()
                await counted.asked.wait()
        assert counted.calls == 2
        await tasks.stop()


async def test_a_check_that_failed_is_made_again_soon(tmp_path: Path) -> None:
    """A database that is away when the bus comes back does not cost a whole interval."""
    async with a_node(tmp_path, position_check_seconds=3_600) as node:
        await node.open()
        counted = Counted(node)
        counted.failures = 1
        tasks = Tasks(lambda name: None)
        tasks.start("check", node.hub.checks.run)
        node.hub.bus_was_lost()
        await counted.asked.wait()
        counted.asked.clear()
        await counted.asked.wait()
        assert counted.calls == 2
        await tasks.stop()


async def test_g9_all_are_compared_however_many_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9, G8: of more recipients than one query takes, the last are compared like the first."""
    monkeypatch.setattr(checks, "_CHECK", 2)
    async with a_node(tmp_path) as node:
        people = [str(number) for number in range(5)]
        sinks = [(await node.open(who))[1] for who in people]
        for sink in sinks:
            sink.take()
        node.bus.deaf, node.deliver_directly = True, False
        await node.notify(*people)
        counted = Counted(node)
        await node.hub.checks.compare()
        await node.hub.settled()
        assert (counted.calls, healed(node)) == (3, 5)
        assert all(sink.sent for sink in sinks)


async def test_news_that_was_only_under_way_is_not_called_healed(tmp_path: Path) -> None:
    """The metric tells of lost hints, not of those that the check has overtaken."""
    async with a_node(tmp_path) as node:
        await node.open()
        counted = Counted(node)
        counted.may_answer.clear()
        node.deliver_directly = False
        node.bus.deaf = True
        await node.notify("2")
        check = asyncio.create_task(node.hub.checks.compare(grace=0.01))
        await counted.asked.wait()
        node.bus.deaf = False
        await node.notify("2")
        await node.hub.settled()
        counted.may_answer.set()
        await check
        assert healed(node) == 0
