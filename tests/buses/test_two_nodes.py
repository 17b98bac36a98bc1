"""End to end: what happens on one node rings on another, over each bus, and without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from alimi import Alimi
from alimi.facade import BoundKind
from alimi.settings import Settings
from tests.buses.listening import counted, listen
from tests.support.nats import NatsServer
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import ValkeyServer

#: Nothing but the bus, or its loss, can make a node look.
ONLY_THE_BUS = Settings(poll_seconds=3_600, position_check_seconds=3_600, sweep_seconds=3_600,
                        drain_seconds=0.05)  # fmt: skip


@pytest.fixture(params=["postgres", "nats", "valkey"])
def proxy(
    request: pytest.FixtureRequest,
    postgres_url: str,
    nats_server: NatsServer,
    valkey_server: ValkeyServer,
) -> Iterator[TcpProxy]:
    """The way to a bus; its `url` leads through it."""
    urls = {"postgres": postgres_url, "nats": nats_server.url, "valkey": valkey_server.url}
    parts = urlsplit(urls[request.param])
    assert parts.port is not None
    with TcpProxy(parts.port) as proxy:
        user = f"{parts.username}@" if parts.username else ""
        proxy.url = f"{parts.scheme}://{user}127.0.0.1:{proxy.port}{parts.path}"  # type: ignore[attr-defined]
        yield proxy


@asynccontextmanager
async def nodes(database: str, bus: str) -> AsyncIterator[tuple[Alimi, BoundKind, Alimi]]:
    """Two nodes of one application; the second's relay never looks by itself."""
    first, second = (Alimi(database, bus=bus, settings=ONLY_THE_BUS) for _ in range(2))
    kind = first.kind("card.assigned", category="cards", text={"en": "Yours now."})
    await first.start()
    await second.start()
    try:
        yield first, kind, second
    finally:
        await second.close()
        await first.close()


async def reconnection(node: Alimi) -> asyncio.Event:
    """Set once its bus, which is away, is back."""
    back = asyncio.Event()
    bus: Any = (await node._hub())._following._bus
    lost = bus._lost

    def note() -> None:
        lost()
        if bus.trouble is None:
            back.set()

    bus._lost = note
    return back


async def test_a_notification_rings_on_another_node(postgres_url: str, proxy: Any) -> None:
    """G9: the relay's node hints, the other reads; no position check was needed."""
    async with nodes(postgres_url, proxy.url) as (first, kind, second):
        here, there, stranger = await listen(first), await listen(second), await listen(second, "3")
        for number in range(5):
            sent = (await kind.notify(to="2", data={"n": number})).id
            for sink in (here, there):
                await sink.until(lambda reader, sent=sent: sent in reader.shown)  # type: ignore[misc]
        assert counted(second, "alimi_positions_healed_total") == 0
        # Now and then the second node relays an event itself, and needs no hint.
        assert counted(second, "alimi_bus_received_total", what="hint") >= 1
        assert stranger.reader.shown == []


async def test_signals_marks_and_hangups_cross_nodes(postgres_url: str, proxy: Any) -> None:
    """Read on one node it is read on the other; a signal arrives; a log-out ends the streams."""
    async with nodes(postgres_url, proxy.url) as (first, kind, second):
        there, phone = await listen(second, session="laptop"), await listen(second, session="phone")
        receipt = await kind.notify(to="2")
        await there.until(lambda reader: reader.unread == 1)
        await first.inbox("2").mark("read", ids=[receipt.id])
        await there.until(lambda reader: reader.unread == 0)
        await first.signal("2", "board.changed", {"card": 12})
        await there.until(lambda reader: any(event[0] == "signal" for event in reader.events))
        await first.end_streams("2", session="laptop")
        await there.until(lambda reader: reader.said_bye == "hangup")
        assert not phone.closed


async def test_without_its_bus_a_node_looks_into_the_store(postgres_url: str, proxy: Any) -> None:
    """G9: the bus dies; streams open, and what happens elsewhere arrives all the same."""
    async with nodes(postgres_url, proxy.url) as (_, kind, second):
        before = await listen(second)
        await asyncio.to_thread(proxy.refuse)
        await asyncio.to_thread(proxy.cut)
        during = await listen(second)
        receipt = await kind.notify(to="2")
        for sink in (before, during):
            await sink.until(lambda reader: receipt.id in reader.shown)
        assert counted(second, "alimi_bus_lost_total") >= 1
        back = await reconnection(second)
        await asyncio.to_thread(proxy.accept)
        await asyncio.wait_for(back.wait(), 30)
        assert counted(second, "alimi_bus_reconnects_total") >= 1
        after = await kind.notify(to="2")
        for sink in (before, during):
            await sink.until(lambda reader: after.id in reader.shown)
