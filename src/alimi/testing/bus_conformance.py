"""The tests that every bus passes: inherit, say how a bus is made, and run pytest.

class TestMyBus(NetworkBusConformance):
    def make_bus(self, name="one", port=None): ...

A bus may lose, repeat and reorder.  With a healthy server the ones that are tested here do not, so
a test waits for what must come and never for a time in which nothing may.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest_asyncio

from alimi.bus import Bus
from alimi.model import BusMessage, HangUp, Hint, SignalTo

#: Longer than anything takes; a test that waits so long has failed.
PATIENCE = 30.0
#: Everybody hears it; what was said before it by the same node has been heard when it has.
FENCE = "fence"
UNUSUAL = (
    "7", "anna", "a.b.c", "a b", "*", ">", "a.*", "a.>", "alimi.all", "all", "안나", "🙂" * 128,
    "é", "e\u0301", "x" * 128, "%", "{a}", "[x]", "'", '"', "\\", "$1", "-1", "to", "\u2028", "A",
)  # fmt: skip


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


class BusHarness(ABC):
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


class BusConformance(BusHarness):
    """The contract, with nothing broken."""

    async def test_hints_signals_and_hangups_arrive(self, node: Nodes) -> None:
        """What is said on one node is heard on another that follows the recipient, as it was."""
        one, two = await node(), await node()
        await two.bus.follow(["anna"])
        said: list[BusMessage] = [
            Hint("anna", 41),
            SignalTo("anna", "board.changed", {"card": 12, "제목": ["a", None, 1.5, True]}),
            SignalTo("anna", "board.changed"),
            HangUp("anna"),
            HangUp("anna", "session 🙂"),
        ]
        await one.bus.publish(said)
        await two.hears(*said)
        await fence(one, two)
        assert sorted(map(repr, others(two))) == sorted(map(repr, said))

    async def test_only_what_concerns_followed_recipients_is_delivered(self, node: Nodes) -> None:
        """A node is not woken for recipients that it does not follow."""
        one, two = await node(), await node()
        await two.bus.follow(["anna"])
        await one.bus.publish(
            [Hint("ben", 1), SignalTo("ben", "x"), HangUp("ben"), Hint("anna", 2)]
        )
        await fence(one, two)
        assert others(two) == [Hint("anna", 2)]
        assert others(one) == []

    async def test_a_node_hears_itself_once(self, node: Nodes) -> None:
        """What a node says reaches its own streams too."""
        one, two = await node(), await node()
        await one.bus.follow(["anna"])
        await two.bus.follow(["anna"])
        await one.bus.publish([Hint("anna", 1), HangUp("anna")])
        await two.hears(Hint("anna", 1), HangUp("anna"))
        await fence(two, one)
        assert others(one) == [Hint("anna", 1), HangUp("anna")]

    async def test_every_node_that_follows_hears(self, node: Nodes) -> None:
        """A recipient may be connected to several nodes, and any node may speak."""
        nodes = [await node() for _ in range(4)]
        for each in nodes:
            await each.bus.follow(["anna"])
        for number, each in enumerate(nodes):
            await each.bus.publish([Hint("anna", number)])
        for each in nodes:
            await each.hears(*(Hint("anna", number) for number in range(4)))

    async def test_what_is_said_after_follow_returned_is_heard(self, node: Nodes) -> None:
        """G5: subscribe, then read: nothing may fall between."""
        one, two = await node(), await node()
        for number in range(200):
            await two.bus.follow([f"user {number}"])
            await one.bus.publish([Hint(f"user {number}", number)])
        await two.hears(*(Hint(f"user {number}", number) for number in range(200)))

    async def test_many_may_follow_at_the_same_time(self, node: Nodes) -> None:
        """A thousand streams that open in one turn all get their confirmation."""
        one, two = await node(), await node()
        names = [f"user {number}" for number in range(1_000)]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(two.bus.follow([name]) for name in names))
        await one.bus.publish([Hint(name, 1) for name in names])
        await two.hears(*(Hint(name, 1) for name in names))

    async def test_who_is_no_longer_followed_is_not_heard(self, node: Nodes) -> None:
        """Interest ends; and may begin again."""
        one, two = await node(), await node()
        await two.bus.follow(["anna", "ben"])
        two.bus.unfollow(["anna", "nobody"])
        await fence(two, one)
        await one.bus.publish([Hint("anna", 1), Hint("ben", 1)])
        await fence(one, two)
        assert others(two) == [Hint("ben", 1)]
        await two.bus.follow(["anna"])
        await one.bus.publish([Hint("anna", 2)])
        await two.hears(Hint("anna", 2))

    async def test_a_recipient_may_be_called_anything(self, node: Nodes) -> None:
        """G7: dots, spaces, wildcards and other scripts are names, and no two are mixed up."""
        one, two = await node(), await node()
        for number, name in enumerate(UNUSUAL):
            three = await node()
            await three.bus.follow([name])
            await one.bus.publish([Hint(each, 1) for each in UNUSUAL])
            await fence(one, three)
            assert others(three) == [Hint(name, 1)], name
            await three.bus.close()
            assert number < len(UNUSUAL)
        await two.bus.follow(UNUSUAL)
        await one.bus.publish([Hint(each, 2) for each in UNUSUAL])
        await two.hears(*(Hint(each, 2) for each in UNUSUAL))

    async def test_much_may_be_said_at_once(self, node: Nodes) -> None:
        """G8: whatever a bus packs into one payload, everything arrives or `lost` is called."""
        one, two = await node(), await node()
        names = [f"사용자-{number}" for number in range(4_000)]
        await two.bus.follow(names)
        data = {"text": "가" * 330}
        said: list[BusMessage] = [Hint(name, 2**60) for name in names]
        said += [SignalTo(name, "big", data) for name in names]
        await one.bus.publish(said)
        await two.until(lambda: two.lost > 0 or len(others(two)) >= len(said))
        if not two.lost:
            assert len(others(two)) == len(said)

    async def test_ten_thousand_recipients_can_be_followed(self, node: Nodes) -> None:
        """A node with many streams follows each of them, and hears each."""
        one, two = await node(), await node()
        names = [f"user-{number}" for number in range(10_000)]
        async with asyncio.timeout(PATIENCE):
            await two.bus.follow(names)
        for start in range(0, len(names), 500):
            await one.bus.publish([Hint(name, start) for name in names[start : start + 500]])
            await fence(one, two)
        assert {message.recipient for message in others(two)} == set(names)
        two.bus.unfollow(names)
        await fence(two, one)

    async def test_names_keep_applications_apart(self, node: Nodes) -> None:
        """G7: two applications on one server do not hear each other."""
        one, two, stranger = await node(), await node(), await node("another")
        for each in (two, stranger):
            await each.bus.follow(["anna"])
        await one.bus.publish([Hint("anna", 1)])
        await two.hears(Hint("anna", 1))
        await stranger.bus.publish([Hint("anna", 2)])
        await stranger.hears(Hint("anna", 2))
        await fence(one, two)
        assert others(two) == [Hint("anna", 1)]
        assert others(stranger) == [Hint("anna", 2)]

    async def test_a_closed_bus_is_silent(self, node: Nodes) -> None:
        """Nothing is delivered to a hub that is gone; to close twice is no mistake."""
        one, two, three = await node(), await node(), await node()
        for each in (two, three):
            await each.bus.follow(["anna"])
        await two.bus.close()
        await one.bus.publish([Hint("anna", 1)])
        await three.hears(Hint("anna", 1))
        assert others(two) == []
        assert two.lost == 0
        await two.bus.close()

    async def test_what_was_said_before_a_close_is_heard(self, node: Nodes) -> None:
        """A node that stops has told the others what its relay wrote last."""
        one, two = await node(), await node()
        await two.bus.follow(["anna"])
        await one.bus.publish([Hint("anna", 7)])
        await one.bus.close()
        await two.hears(Hint("anna", 7))


class NetworkBusConformance(BusConformance):
    """And what must hold when the server, or the way to it, breaks."""

    #: The server and, for its port, a proxy: fixtures of the subclass set them.
    server: Server
    proxy: Proxy
    #: Whether the server hears whom a node follows; otherwise every node hears all.
    confirms = True

    async def _told_to_wait(self, *calls: Callable[[], object]) -> None:
        for call in calls:
            await asyncio.to_thread(call)

    async def test_follow_waits_for_the_server(self, node: Nodes) -> None:
        """G5: it does not return before the server has confirmed."""
        if not self.confirms:
            return
        two = await node(port=self.proxy.port)
        self.proxy.hold("down")
        following = asyncio.ensure_future(two.bus.follow(["anna"]))
        await asyncio.to_thread(self.proxy.wait_held, "down")
        assert not following.done()
        self.proxy.release()
        async with asyncio.timeout(PATIENCE):
            await following

    async def test_a_restarted_server_is_found_again(self, node: Nodes) -> None:
        """G9: after `kill -9` of the server `lost` is called, and hints flow again."""
        one, two = await node(), await node()
        await two.bus.follow(["anna"])
        await self._told_to_wait(self.server.kill)
        await two.until(lambda: two.lost > 0)
        before = two.lost
        await self._told_to_wait(self.server.start)
        await two.until_it_hears(one, "anna")
        assert two.lost > before

    async def test_nobody_waits_for_a_dead_server(self, node: Nodes) -> None:
        """G9: while it is away streams open, own news is heard, and nothing is raised."""
        one = await node()
        await self._told_to_wait(self.server.kill)
        await one.until(lambda: one.lost > 0)
        async with asyncio.timeout(1):
            await one.bus.follow(["anna"])
            await one.bus.publish([Hint("anna", 1), SignalTo("anna", "x"), HangUp("anna")])
        assert others(one) == [Hint("anna", 1), SignalTo("anna", "x"), HangUp("anna")]
        one.bus.unfollow(["anna"])
        await one.bus.follow(["ben"])
        await self._told_to_wait(self.server.start)
        two = await node()
        await one.until_it_hears(two, "ben")

    async def test_a_server_that_is_away_at_the_start_is_found_later(self, node: Nodes) -> None:
        """G9: an application starts without its bus; `lost` says when to look again."""
        await self._told_to_wait(self.server.kill)
        one = await node()
        await one.bus.follow(["anna"])
        await self._told_to_wait(self.server.start)
        two = await node()
        await one.until_it_hears(two, "anna")
        assert one.lost > 0

    async def test_a_frozen_server_stops_nobody(self, node: Nodes) -> None:
        """G9: a server that takes bytes and says nothing costs a stream a bounded wait."""
        one, two = await node(), await node()
        await self._told_to_wait(self.server.freeze)
        try:
            async with asyncio.timeout(PATIENCE / 2):
                await two.bus.follow(["anna"])
                await one.bus.publish([Hint("anna", 1)])
                await two.until(lambda: two.lost > 0)
        finally:
            await self._told_to_wait(self.server.thaw)
        await two.until_it_hears(one, "anna")

    async def test_a_flood_at_a_frozen_server_is_dropped_and_looked_up(self, node: Nodes) -> None:
        """G8: what it cannot take is bounded; once it is back, everybody is told to look."""
        one, two = await node(port=self.proxy.port), await node()
        self.proxy.hold()
        async with asyncio.timeout(PATIENCE):
            for start in range(0, 100_000, 1_000):
                await one.bus.publish([Hint(f"{start + each}", 1) for each in range(1_000)])
        await one.until(lambda: one.lost > 0)
        before = two.lost
        self.proxy.cut()
        self.proxy.release()
        await two.until(lambda: two.lost > before)

    async def test_a_cut_connection_is_made_again(self, node: Nodes) -> None:
        """G9: whoever was cut calls `lost`, and hears again what it followed."""
        one, two = await node(), await node(port=self.proxy.port)
        await two.bus.follow(["anna"])
        for _ in range(3):
            before = two.lost
            await self._told_to_wait(self.proxy.cut)
            await two.until(lambda before=before: two.lost > before)  # type: ignore[misc]
            two.heard.clear()
            await two.until_it_hears(one, "anna")

    async def test_who_was_cut_while_it_spoke_tells_the_others_to_look(self, node: Nodes) -> None:
        """G9: bytes that a broken connection took along are known to be missing."""
        one, two = await node(port=self.proxy.port), await node()
        await two.bus.follow(["anna"])
        before = two.lost
        self.proxy.hold("up")
        await one.bus.publish([Hint("anna", 1)])
        await asyncio.to_thread(self.proxy.wait_held, "up")
        await self._told_to_wait(self.proxy.cut)
        self.proxy.release()
        await two.until(lambda: two.lost > before)
        assert Hint("anna", 1) not in two.heard

    async def test_what_was_said_during_an_outage_is_looked_up(self, node: Nodes) -> None:
        """G9: the others, who noticed nothing, are told to look when the speaker is back."""
        one, two = await node(port=self.proxy.port), await node()
        await self._told_to_wait(self.proxy.refuse, self.proxy.cut)
        await one.until(lambda: one.lost > 0)
        await one.bus.publish([Hint("anna", 1)])
        assert two.lost == 0
        await self._told_to_wait(self.proxy.accept)
        await two.until(lambda: two.lost > 0)

    async def test_hang_ups_outlive_an_outage(self, node: Nodes) -> None:
        """G7: who is logged out while the bus is away is told when it is back."""
        one, two = await node(port=self.proxy.port), await node()
        await two.bus.follow(["anna"])
        await self._told_to_wait(self.proxy.refuse, self.proxy.cut)
        await one.until(lambda: one.lost > 0)
        await one.bus.publish([HangUp("anna", "s")])
        await self._told_to_wait(self.proxy.accept)
        await two.hears(HangUp("anna", "s"))

    async def test_hang_ups_outlive_the_connection_that_took_them(self, node: Nodes) -> None:
        """G7: bytes that a broken connection took along are sent again, maybe twice."""
        one, two = await node(port=self.proxy.port), await node()
        await two.bus.follow(["anna"])
        self.proxy.hold("up")
        await one.bus.publish([HangUp("anna", "s")])
        await asyncio.to_thread(self.proxy.wait_held, "up")
        await self._told_to_wait(self.proxy.cut)
        self.proxy.release()
        await two.hears(HangUp("anna", "s"))

    async def test_a_bus_closes_during_an_outage(self, node: Nodes) -> None:
        """A node that stops while the server is away, or frozen, stops."""
        one, two = await node(), await node()
        await self._told_to_wait(self.server.freeze)
        try:
            await two.bus.publish([Hint("anna", 1)])
            async with asyncio.timeout(5):
                await two.bus.close()
        finally:
            await self._told_to_wait(self.server.thaw)
        await self._told_to_wait(self.server.kill)
        try:
            async with asyncio.timeout(5):
                await one.bus.close()
        finally:
            await self._told_to_wait(self.server.start)
