"""Readers who were cut come back: what that costs, and that nobody is told less for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from alimi.metrics import LetGoReason
from alimi.model import Identity
from tests.hub.test_streams import head_of, names, read
from tests.support.node import Node, a_node
from tests.support.reader import Reader
from tests.support.sink import HandSink


def reads(node: Node) -> float:
    return float(node.metrics.reads._value.get())


def watched(node: Node) -> list[str]:
    """Whom the bus is told to hear no longer."""
    let_go: list[str] = []

    def unfollow(recipients: Collection[str]) -> None:
        let_go.extend(recipients)

    node.bus.unfollow = unfollow  # type: ignore[method-assign]
    return let_go


async def left(node: Node, cursor: str | None = None) -> Reader:
    """A reader of 2 who had a stream and has none any more."""
    stream, sink = await node.open(cursor=cursor)
    reader = read(sink.take())
    stream.sink_gone()
    return reader


async def come_back(node: Node, reader: Reader) -> HandSink:
    """Connect from where the reader stands; it takes what comes."""
    _, sink = await node.open(cursor=reader.cursor)
    read(sink.take(), reader)
    return sink


async def test_who_comes_back_with_the_current_cursor_costs_no_read(tmp_path: Path) -> None:
    """G6: hello tells the head and the counts of it, out of memory."""
    async with a_node(tmp_path) as node:
        await node.notify("2", count=3)
        reader = await left(node)
        before = reads(node)
        await come_back(node, reader)
        assert reads(node) == before
        assert node.metrics.memory_answers._value.get() == 1
        assert names(reader) == ["hello", "hello"]
        assert (reader.unread, reader.unseen) == (3, 3)
        assert reader.cursor == await head_of(node)


async def test_what_was_missed_meanwhile_is_told_from_memory(tmp_path: Path) -> None:
    """G5: rows that this node's relay wrote while nobody was here need no read either."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        reader = await left(node)
        missed = await node.notify("2", count=3) + await node.notify("2")
        before = reads(node)
        await come_back(node, reader)
        assert reads(node) == before
        assert reader.shown == missed
        assert (reader.unread, reader.cursor) == (5, await head_of(node))


async def test_a_mark_meanwhile_is_read(tmp_path: Path) -> None:
    """G6: a hint says that there is more than memory holds."""
    async with a_node(tmp_path) as node:
        beginning = (await head_of(node)).rpartition(".")[0] + ".0"
        await node.notify("2", count=2)
        reader = await left(node, beginning)
        await node.mark("2", "read", upto=1)
        before = reads(node)
        await come_back(node, reader)
        assert reads(node) == before + 1
        assert reader.unread == 1


async def test_many_who_come_back_at_once_cost_no_read(tmp_path: Path) -> None:
    """A storm of readers with nothing missed asks the store for nothing."""
    async with a_node(tmp_path) as node:
        everybody = [str(number) for number in range(300)]
        await node.notify(*everybody)
        for recipient in everybody:
            stream, _ = await node.open(recipient)
            stream.sink_gone()
        before = reads(node)
        sinks = [HandSink() for _ in everybody]
        for recipient, sink in zip(everybody, sinks, strict=True):
            await node.hub.open(sink, Identity(recipient), await head_of(node, recipient), ())
        await node.hub.settled()
        assert all(names(read(sink.take())) == ["hello"] for sink in sinks)
        assert reads(node) == before


async def test_who_has_a_newer_cursor_than_memory_is_not_reset(tmp_path: Path) -> None:
    """G5: a page may have asked the store meanwhile; then the store is asked again."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        await left(node)
        node.bus.deaf, node.deliver_directly = True, False
        await node.notify("2")
        _, sink = await node.open(cursor=await head_of(node))
        assert names(read(sink.take())) == ["hello"]


async def test_a_lost_hint_is_found_by_the_position_check(tmp_path: Path) -> None:
    """G9: memory is at worst as late as a stream; the check looks at inboxes without one too."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        reader = await left(node)
        node.bus.deaf, node.deliver_directly = True, False
        (missed,) = await node.notify("2")
        await node.hub.checks.compare()
        await come_back(node, reader)
        assert reader.shown == [missed]


async def test_after_the_bus_was_lost_memory_is_not_believed(tmp_path: Path) -> None:
    """G9, G5: nobody knows what was said meanwhile."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        reader = await left(node)
        node.bus.deaf, node.deliver_directly = True, False
        (missed,) = await node.notify("2")
        node.hub.bus_was_lost()
        await come_back(node, reader)
        assert reader.shown == [missed]


async def test_a_read_that_the_loss_of_the_bus_overtook_is_not_remembered(tmp_path: Path) -> None:
    """G9, G5: its answer may be from before what was lost."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        original = node.store.changes_after

        async def overtaken(wanted, limit):  # type: ignore[no-untyped-def]
            answer = await original(wanted, limit)
            node.bus.deaf, node.deliver_directly = True, False
            if answer[0].head == 1:
                await node.notify("2")
                node.hub.bus_was_lost()
            return answer

        node.store.changes_after = overtaken  # type: ignore[method-assign]
        reader = await left(node)
        await come_back(node, reader)
        assert len(reader.shown) == 1


async def test_another_store_forgets_what_was_known_of_this_one(tmp_path: Path) -> None:
    """G5: with the first position check too, when nothing is there to compare its epoch with."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        _, sink = await node.open()
        reader = read(sink.take())
        await node.store.renew_epoch()
        await node.hub.checks.compare()
        await node.hub.settled()
        reader.feed(sink.take())
        assert reader.resets == 1
        assert reader.cursor == await head_of(node)


@pytest.mark.parametrize(
    ("settings", "later", "reason"),
    [({}, 60, "age"), ({"linger_inboxes": 0}, 0, "number"), ({"linger_seconds": 0}, 1, "age")],
    ids=["old", "none", "not-long"],
)
async def test_who_stays_away_is_let_go(
    tmp_path: Path, settings: dict[str, Any], later: float, reason: LetGoReason
) -> None:
    """G8: by age and by number; the bus is told, and the next stream reads."""
    async with a_node(tmp_path, **settings) as node:
        let_go = watched(node)
        reader = await left(node)
        node.now += later
        node.hub.turn_wheel()
        assert let_go == ["2"]
        assert node.metrics.inboxes_let_go.labels(reason)._value.get() == 1
        before = reads(node)
        await come_back(node, reader)
        assert reads(node) == before + 1


async def test_who_left_longest_ago_makes_room(tmp_path: Path) -> None:
    """G8: of more than the bound, those who left last are still heard of."""
    async with a_node(tmp_path, linger_inboxes=2) as node:
        let_go = watched(node)
        for recipient in ("1", "2", "3", "1", "4"):
            stream, _ = await node.open(recipient)
            stream.sink_gone()
        assert let_go == ["1", "2", "3"]


async def test_who_has_a_stream_is_never_let_go(tmp_path: Path) -> None:
    """Coming back ends the lingering."""
    async with a_node(tmp_path) as node:
        sink = await come_back(node, await left(node))
        node.now += 61
        node.hub.turn_wheel()
        sink.take()
        (sent,) = await node.notify("2")
        await node.hub.settled()
        assert read(sink.take()).shown == [sent]
        assert len(node.hub._following) == 1


async def test_who_leaves_before_the_bus_has_confirmed_is_let_go_later(tmp_path: Path) -> None:
    """G8: nobody is followed for ever because a stream was short."""
    async with a_node(tmp_path) as node:
        confirmed = asyncio.Event()

        async def slowly(recipients: Collection[str]) -> None:
            await confirmed.wait()

        node.bus.follow = slowly  # type: ignore[method-assign]
        opening = asyncio.create_task(node.hub.open(HandSink(), Identity("2"), None, ()))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert len(node.hub) == 0
        confirmed.set()
        await asyncio.gather(*node.hub._following._confirming.values())
        assert len(node.hub._following) == 1
        node.now += 60
        node.hub.turn_wheel()
        assert len(node.hub._following) == 0


async def test_a_bus_that_cannot_follow_is_asked_again_by_the_next(tmp_path: Path) -> None:
    """One failure ends the streams that waited for it, and nothing is believed to be heard."""
    async with a_node(tmp_path) as node:
        original = node.bus.follow

        async def fails(recipients: Collection[str]) -> None:
            raise OSError("no bus")

        node.bus.follow = fails  # type: ignore[method-assign]
        with pytest.raises(OSError, match="no bus"):
            await node.open()
        assert (len(node.hub), len(node.hub._following)) == (0, 0)
        node.bus.follow = original  # type: ignore[method-assign]
        await node.open()
