"""What is not ours on a bus: foreign payloads, and the usual clients beside us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest
from valkey.asyncio import Valkey

from alimi.buses.nats import make as make_nats
from alimi.buses.postgres import make as make_postgres
from alimi.buses.valkey import make as make_valkey
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from alimi.model import BusMessage, HangUp, Hint, SignalTo
from alimi.stores.postgres.target import Target
from alimi.testing.buses.harness import Node
from tests.support.nats import NatsServer
from tests.support.valkey import ValkeyServer

#: For a channel of one recipient: none of them is a word of ours.
GARBAGE = (
    b"", b"x", b"{}", b"[]", b"null", b'["h"]', b'["h",-1]', b'["h","7"]', b'["h",1e400]',
    b'["h",99999999999999999999]', b'["s"]', b'["s",7]', b'["z",1]', b'["l"]', b"\xff\xfe",
    b'["h",7', b"[" * 100_000, b'["s","x",' + b"[" * 50_000,
)  # fmt: skip
#: For PostgreSQL's one channel: text, below 8,000 bytes.
GARBAGE_TEXT = (
    "", "x", "{}", "[]", '["h"]', '["h",["2"],[]]', '["h",["2"],[-1]]', '["h",[2],[1]]',
    '["s","2","x"]', '["x"]', '["z",1]', "[" * 7_000, '["h",["2"],[99999999999999999999]]',
)  # fmt: skip


class Site:
    """A node of ours, and its numbers."""

    def __init__(self, make: Callable[[Metrics], Carrier]) -> None:
        self.metrics = Metrics()
        self.bus = make(self.metrics)
        self.node = Node(self.bus)

    def dropped(self, reason: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "alimi_bus_dropped_total", {"reason": reason}
        )
        return found or 0.0


Sites = Callable[[Callable[[Metrics], Carrier]], Awaitable[Site]]


@pytest.fixture
async def site() -> AsyncIterator[Sites]:
    made: list[Site] = []

    async def make(how: Callable[[Metrics], Carrier]) -> Site:
        made.append(Site(how))
        await made[-1].node.open()
        await made[-1].bus.follow(["2"])
        return made[-1]

    yield make
    for each in made:
        await each.bus.close()


async def test_garbage_on_nats_is_counted_and_ignored(site: Sites, nats_server: NatsServer) -> None:
    """A stranger with the usual client cannot stop a node; hints go on, and it sees ours."""
    ours = await site(lambda metrics: make_nats(f"{nats_server.url}?prefix=shop", "", metrics))
    stranger = await nats.connect(nats_server.url)
    heard = await stranger.subscribe("alimi.shop.*")
    await stranger.flush()
    await ours.bus.publish([Hint("2", 41)])
    seen = await heard.next_msg(10)
    assert seen.data == b'["h",41]'
    for payload in GARBAGE:
        await stranger.publish(seen.subject, payload)
    await stranger.publish(seen.subject, b'["h",42]')
    await ours.node.hears(Hint("2", 42))
    assert ours.dropped("malformed") == len(GARBAGE)
    assert ours.node.lost == 0
    await stranger.close()


async def test_garbage_on_valkey_is_counted_and_ignored(
    site: Sites, valkey_server: ValkeyServer
) -> None:
    """The same beside Valkey's usual client, which speaks another version of the protocol."""
    ours = await site(lambda metrics: make_valkey(f"{valkey_server.url}?prefix=shop", "", metrics))
    async with Valkey(host="127.0.0.1", port=valkey_server.port) as stranger:
        tell: Any = stranger.execute_command
        channels = await tell("PUBSUB", "SHARDCHANNELS", "alimi:shop:*")
        assert len(channels) == 3  # of 2, of the fence, of everybody
        everybody = b"alimi:shop:all"
        for channel in channels:
            for payload in GARBAGE:
                if payload != b'["l"]':
                    await tell("SPUBLISH", channel, b"stranger" + payload)
        await tell("SPUBLISH", everybody, b"short")
        await tell("SPUBLISH", everybody, b'stranger["l"]')
        await ours.node.until(lambda: ours.node.lost == 1)
    assert ours.dropped("malformed") == 3 * (len(GARBAGE) - 1) + 1
    assert ours.node.heard == []


async def test_garbage_on_postgres_is_counted_and_ignored(site: Sites, postgres_url: str) -> None:
    """Whoever may connect may notify; it does no harm."""
    ours = await site(lambda metrics: make_postgres(Target(postgres_url), "shop", metrics))
    channel = "SELECT pg_listening_channels()"
    (name,) = [row[0] for row in await ours.bus._link._connection.fetch(channel)]  # type: ignore[union-attr]
    stranger = await psycopg.AsyncConnection.connect(postgres_url, autocommit=True)
    async with stranger:
        for payload in (*GARBAGE_TEXT, '["h",["1","2"],[7,42]]'):
            await stranger.execute("SELECT pg_notify(%s, %s)", (name, payload))
        await ours.node.hears(Hint("2", 42))
    assert ours.dropped("malformed") == len(GARBAGE_TEXT)


async def test_what_does_not_fit_a_payload_is_split(site: Sites, postgres_url: str) -> None:
    """G8: 8,000 bytes are PostgreSQL's bound, whatever script a recipient is written in."""
    one, two = [
        await site(lambda metrics: make_postgres(Target(postgres_url), "shop", metrics))
        for _ in range(2)
    ]
    names = [f"{number:04}" + "🙂" * 124 for number in range(100)]
    await two.bus.follow(names)
    data = {"text": "🙂" * 250}
    said: list[BusMessage] = [
        Hint(names[0], 2**63 - 1),
        *(SignalTo(name, "s" * 100, data) for name in names),
    ]
    said.append(HangUp(names[0], "🙂" * 256))
    await one.bus.publish(said)
    await two.node.hears(*said)
    assert one.dropped("too-large") == 0


async def test_too_many_hints_for_postgres_are_one_look(site: Sites, postgres_url: str) -> None:
    """G8: at some size one says "look": nodes compare positions, signals still arrive."""
    one, two = [
        await site(lambda metrics: make_postgres(Target(postgres_url), "shop", metrics))
        for _ in range(2)
    ]
    hints = [Hint(f"somebody-with-a-long-name-{number}", 1) for number in range(15_000)]
    await one.bus.publish([*hints, SignalTo("2", "still")])
    await two.node.hears(SignalTo("2", "still"))
    await two.node.until(lambda: two.node.lost > 0)
    assert one.dropped("too-many") == 15_000


async def test_a_hub_that_fails_ends_no_connection(site: Sites, nats_server: NatsServer) -> None:
    """A bug behind one message must not silence the bus for everybody."""
    ours = await site(lambda metrics: make_nats(nats_server.url, "fails", metrics))
    other = await site(lambda metrics: make_nats(nats_server.url, "fails", metrics))
    hear, failed = ours.bus._deliver, asyncio.Event()

    def fail(message: object) -> None:
        ours.bus._deliver = hear
        failed.set()
        raise RuntimeError(message)

    ours.bus._deliver = fail
    await other.bus.publish([Hint("2", 1)])
    await failed.wait()
    await other.bus.publish([Hint("2", 2)])
    await ours.node.hears(Hint("2", 2))
    assert ours.dropped("failed") == 1


async def test_a_server_with_little_room_gets_less(site: Sites, tmp_path: Path) -> None:
    """NATS' `max_payload` is kept to: the server would end the connection."""
    settings = tmp_path / "nats.conf"
    settings.write_text("max_payload: 512")
    with NatsServer("-c", str(settings)) as server:
        one, two = [
            await site(lambda metrics: make_nats(server.url, "small", metrics)) for _ in range(2)
        ]
        await one.bus.publish([SignalTo("2", "big", "x" * 600), SignalTo("2", "small")])
        await two.node.hears(SignalTo("2", "small"))
        assert one.dropped("too-large") == 1
        assert two.node.lost == 0
