"""What must hold with nothing broken."""

from __future__ import annotations

import asyncio

from alimi.model import BusMessage, HangUp, Hint, SignalTo
from alimi.testing.buses.harness import PATIENCE, BusHarness, Nodes, fence, others

UNUSUAL = (
    "7", "anna", "a.b.c", "a b", "*", ">", "a.*", "a.>", "alimi.all", "all", "안나", "🙂" * 128,
    "é", "e\u0301", "x" * 128, "%", "{a}", "[x]", "'", '"', "\\", "$1", "-1", "to", "\u2028", "A",
)  # fmt: skip


class CarryingTests(BusHarness):
    """What is said arrives where it concerns somebody, and nowhere else."""

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
        for name in UNUSUAL:
            three = await node()
            await three.bus.follow([name])
            await one.bus.publish([Hint(each, 1) for each in UNUSUAL])
            await fence(one, three)
            assert others(three) == [Hint(name, 1)], name
            await three.bus.close()
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
