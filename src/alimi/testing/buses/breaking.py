"""What must hold when the server, or the way to it, breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alimi.model import HangUp, Hint, SignalTo
from alimi.testing.buses.harness import PATIENCE, BusHarness, Nodes, Proxy, Server, others


class BreakingTests(BusHarness):
    """Servers that die, freeze and come back; connections that are cut and held."""

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
