"""A log-out while a stream is being opened: who was asked before it is asked once more (G7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from alimi import Alimi, Identity, Settings
from alimi.hub import Again
from alimi.model import HangUp
from alimi.web.request import Request
from tests.hub.test_streams import names, read
from tests.support.nats import NatsServer
from tests.support.node import Node, a_node
from tests.support.sink import HandSink

PHONE = Identity("2", session="phone")


class Asked:
    """The application, asked again: answers `answer` and counts."""

    def __init__(self, answer: object = PHONE) -> None:
        self.answer = answer
        self.times = 0

    async def __call__(self) -> object:
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def open_phone(node: Node, ask: Asked, asked_at: float) -> HandSink:
    """A stream of the phone, whose identity was asked for at `asked_at`."""
    sink = HandSink()
    await node.hub.open(sink, PHONE, None, (), Again(ask, asked_at))
    await node.hub.settled()
    return sink


@pytest.mark.parametrize("answer", [None, "2", Identity("2", session="laptop"), "3"])
async def test_who_has_logged_out_meanwhile_hears_nothing(tmp_path: Path, answer: object) -> None:
    """G7: the hang-up was not heard, for nobody of this recipient was here; the answer tells."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        asked_at = node.now
        node.now += 1
        await node.bus.publish([HangUp("2", "phone")])
        sink = await open_phone(node, Asked(answer), asked_at)
        assert names(read(sink.take())) == ["bye"]
        assert sink.closed
        assert len(node.hub) == 0


async def test_who_is_still_logged_in_has_a_stream(tmp_path: Path) -> None:
    """Another language or a later end is the same login."""
    async with a_node(tmp_path) as node:
        ask = Asked(Identity("2", locale="ko", session="phone", expires_at=node.wall + 10**6))
        sink = await open_phone(node, ask, node.now)
        assert names(read(sink.take())) == ["hello"]
        assert ask.times == 1


async def test_who_comes_back_to_a_quiet_inbox_is_not_asked_twice(tmp_path: Path) -> None:
    """A storm of readers costs the application one answer each: a hang-up would have been heard."""
    async with a_node(tmp_path) as node:
        stream, _ = await node.open()
        stream.sink_gone()
        node.now += 1
        ask = Asked()
        sink = await open_phone(node, ask, node.now)
        assert names(read(sink.take())) == ["hello"]
        assert ask.times == 0


@pytest.mark.parametrize("later", [0, 1])
async def test_a_hang_up_that_was_heard_meanwhile_is_asked_about(
    tmp_path: Path, later: float
) -> None:
    """G7: also one of the same moment, for a loop's clock may stand still."""
    async with a_node(tmp_path) as node:
        await node.open(session="laptop")
        node.now += 1
        asked_at = node.now
        node.now += later
        await node.bus.publish([HangUp("2", "phone")])
        ask = Asked(None)
        sink = await open_phone(node, ask, asked_at)
        assert names(read(sink.take())) == ["bye"]
        assert len(node.hub) == 1


async def test_after_an_interruption_of_the_bus_everybody_is_asked(tmp_path: Path) -> None:
    """G9: a hang-up may have been lost with it."""
    async with a_node(tmp_path) as node:
        await node.open()
        node.now += 1
        asked_at = node.now
        node.hub.bus_was_lost()
        ask = Asked()
        await open_phone(node, ask, asked_at)
        assert ask.times == 1


async def test_an_application_that_fails_to_answer_ends_the_stream(tmp_path: Path) -> None:
    """G7: fails closed; the error is the server's to log, and the reader comes back."""
    async with a_node(tmp_path) as node:
        with pytest.raises(OSError, match="database"):
            await open_phone(node, Asked(OSError("the database is away")), node.now)
        assert len(node.hub) == 0


class Logins:
    """The application's logins; its first look at them takes until `go_on`."""

    def __init__(self) -> None:
        self.open = {"phone"}
        self.looked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def who(self, request: Request) -> Identity | None:
        session = request.cookies["session"]
        found = session in self.open
        if not self.looked.is_set():
            self.looked.set()
            await self.go_on.wait()
        return Identity("2", session=session) if found else None


Nodes = Callable[[str | None], "tuple[Alimi, Alimi]"]


@pytest.fixture
async def two_nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    """Two nodes on one bus; without a bus they are one."""
    async with AsyncExitStack() as stack:

        def made(bus: str | None) -> tuple[Alimi, Alimi]:
            settings = Settings(synchronous="NORMAL", drain_seconds=0.1)
            count = 1 if bus is None else 2
            nodes = [Alimi(tmp_path / "a.db", bus=bus, settings=settings) for _ in range(count)]
            for node in nodes:
                stack.push_async_callback(node.close)
            return nodes[0], nodes[-1]

        yield made


@pytest.mark.parametrize("followed", [False, True], ids=["nobody-here", "somebody-here"])
@pytest.mark.parametrize("bus", ["local", "nats"])
async def test_a_log_out_between_who_and_the_stream_ends_the_stream(
    two_nodes: Nodes, nats_server: NatsServer, bus: str, followed: bool
) -> None:
    """G7: on the same node and on another, whoever else is here."""
    here, other = two_nodes(None if bus == "local" else nats_server.url)
    await here.start()
    await other.start()
    if followed:
        laptop = HandSink()
        await (await here._hub()).open(laptop, Identity("2", session="laptop"), None, ())
    logins = Logins()
    browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(here.asgi(logins.who)),
        base_url="http://site.test",
        cookies={"session": "phone"},
    )
    async with asyncio.timeout(20), browser:
        stream = asyncio.create_task(browser.get("/v1/inbox/stream"))
        await logins.looked.wait()
        logins.open.clear()
        await other.end_streams("2", session="phone")
        logins.go_on.set()
        told = read((await stream).content)
    assert told.said_bye == "hangup"
    # A hang-up that is still on its way to a node that hears of the recipient comes after `hello`.
    assert names(told) == ["bye"] or (followed and other is not here)
