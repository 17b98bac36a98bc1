"""What the buses over a network share, on links that end in the middle of things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import pytest

from alimi import carrier
from alimi.buses import postgres
from alimi.carrier import Carrier, Ears, Patience
from alimi.metrics import Metrics
from alimi.model import HangUp, Hint, SignalTo
from alimi.telegrams import Look, Said
from alimi.testing.buses.harness import Node
from alimi.wire import LinkError


class HeldLink:
    """A link that sends when the test lets it."""

    def __init__(self) -> None:
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sent: list[Said] = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.sending = asyncio.Event()
        self.confirms = True
        self.error: Exception | None = None

    def follow(self, recipients: Iterable[str]) -> None:
        """Nobody is heard."""

    def unfollow(self, recipients: Iterable[str]) -> None:
        """See `follow`."""

    def confirm(self) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.confirms:
            done.set_result(None)
        return done

    async def probe(self) -> None:
        if self.gone.done():
            raise LinkError(self.gone.result())

    async def send(self, batch: Sequence[Said]) -> None:
        self.sending.set()
        await self.may_send.wait()
        if self.error is not None:
            raise self.error
        await self.probe()
        self.sent += batch

    def close(self, reason: str = "closed") -> None:
        if not self.gone.done():
            self.gone.set_result(reason)


class Links:
    """Makes links."""

    def __init__(self) -> None:
        self.made: list[HeldLink] = []
        self.news = asyncio.Condition()

    async def connect(self, ears: Ears) -> HeldLink:
        del ears
        async with self.news:
            self.made.append(HeldLink())
            self.news.notify_all()
        return self.made[-1]

    async def reach(self, number: int) -> HeldLink:
        """The link of this number, once there is one."""
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.made) >= number)
        return self.made[number - 1]


Opener = Callable[[Links], Awaitable[Node]]


@pytest.fixture
async def open_node() -> AsyncIterator[Opener]:
    """Opens a node on these links."""
    made: list[Carrier] = []

    async def opened(links: Links) -> Node:
        bus = Carrier("held", links.connect, Metrics(), Patience(confirm=0.05, pauses=(0.01, 0.02)))
        made.append(bus)
        node = Node(bus)
        await node.open()
        return node

    yield opened
    for each in made:
        await each.close()


async def test_what_is_said_while_a_link_ends_is_kept_or_looked_up(open_node: Opener) -> None:
    """G9, G7: a hang-up reaches the next link, and a hint that went with the last is a look."""
    links = Links()
    node = await open_node(links)

    async def end() -> None:
        links.made[0].close("it broke in the same turn")

    await asyncio.gather(node.bus.publish([HangUp("2", "session"), Hint("2", 1)]), end())
    second = await links.reach(2)
    await asyncio.wait_for(second.sending.wait(), 10)
    assert links.made[0].sent == []
    assert second.sent == [HangUp("2", "session"), Look()]


async def test_what_is_dropped_while_a_look_is_sent_is_looked_up_too(
    open_node: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G9: the look that is under way may be read before what was dropped has been committed."""
    monkeypatch.setattr(carrier, "_MOST_WAITING", 2)
    links = Links()
    node = await open_node(links)
    link = links.made[0]
    link.may_send.clear()
    await node.bus.publish([Hint(name, 1) for name in "abc"])
    await asyncio.wait_for(link.sending.wait(), 10)
    link.sending.clear()
    await node.bus.publish([Hint(name, 1) for name in "def"])
    link.may_send.set()
    await asyncio.wait_for(link.sending.wait(), 10)
    said = [(type(each), each.recipient if isinstance(each, Hint) else "") for each in link.sent]
    assert said == [(Hint, "a"), (Hint, "b"), (Look, ""), (Hint, "d"), (Hint, "e"), (Look, "")]


async def test_of_several_hints_the_newest_is_said(
    open_node: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8, G9: how far an inbox is takes one place in the queue, also when that is full."""
    monkeypatch.setattr(carrier, "_MOST_WAITING", 2)
    links = Links()
    node = await open_node(links)
    await node.bus.publish([Hint("2", 1), Hint("3", 1), Hint("2", 2)])
    assert links.made[0].sent == [Hint("2", 2), Hint("3", 1)]


async def test_g8_hang_ups_that_were_too_many_to_be_said_again_are_counted(
    open_node: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: of those that may be lost with a link the newest are said again, the others counted."""
    monkeypatch.setattr(carrier, "_MOST_WAITING", 2)
    links = Links()
    node = await open_node(links)
    for session in "abc":
        await node.bus.publish([HangUp("2", session)])
    assert isinstance(node.bus, Carrier)
    full = node.bus._metrics.bus_dropped.labels("full")._value
    assert (len(links.made[0].sent), full.get()) == (3, 0)
    links.made[0].close()
    second = await links.reach(2)
    await asyncio.wait_for(second.sending.wait(), 10)
    assert second.sent == [HangUp("2", "b"), HangUp("2", "c"), Look()]
    assert full.get() == 1


async def test_a_server_that_confirms_nothing_is_left(open_node: Opener) -> None:
    """G5, G9: who cannot be heard of for sure waits a moment only, and another link is tried."""
    links = Links()
    node = await open_node(links)
    links.made[0].confirms = False
    await node.bus.follow(["2"])
    assert links.made[0].gone.done()
    await links.reach(2)


async def test_an_idle_link_has_what_was_published(open_node: Opener) -> None:
    """What a relay has to say does not stand behind the batch that it begins next."""
    links = Links()
    node = await open_node(links)
    for version in (1, 2):
        await node.bus.publish([Hint("2", version)])
        assert links.made[0].sent[-1:] == [Hint("2", version)]


async def test_a_server_that_speaks_nonsense_is_a_trouble(open_node: Opener) -> None:
    """Whatever a link fails with, an operator sees that the bus is away, and it comes back."""
    links = Links()
    node = await open_node(links)
    link = links.made[0]
    link.error = ValueError("no number")
    await node.bus.publish([Hint("2", 1)])
    await asyncio.wait_for(asyncio.shield(link.gone), 10)
    assert node.bus.trouble == "ValueError"
    second = await links.reach(2)
    await asyncio.wait_for(second.sending.wait(), 10)
    assert second.sent == [Look()]


def test_signals_are_packed_in_their_order() -> None:
    """Of "on", "off", "on" the last one counts: what stands alike is not drawn together."""
    names = ["on", "off", "on"]
    said = [SignalTo(to, name) for name in names for to in ("1", "2")]
    packed = list(postgres.pack(said, lambda reason, count: None))
    assert len(packed) == len(names)
    assert [each for payload in packed for each in postgres.unpack(payload) or ()] == said
