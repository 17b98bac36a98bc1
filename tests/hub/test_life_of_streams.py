"""Bounds and ends: slow readers, pings, ages, hang-ups, lost hints, drains."""

from __future__ import annotations

import asyncio
import gc
import itertools
from pathlib import Path

import msgspec

from alimi.model import HangUp, Identity, SignalTo
from alimi.stream import Stream
from tests.hub.test_streams import head_of, names, read
from tests.support.node import a_node
from tests.support.reader import Reader
from tests.support.sink import HandSink


async def test_a_slow_reader_holds_no_more_than_its_cap_and_misses_nothing(tmp_path: Path) -> None:
    """G8, G5: past the cap nothing is queued; once drained it catches up in order."""
    async with a_node(tmp_path, backlog_bytes=2_000) as node:
        _, sink = await node.open(slow=True)
        sent = []
        for _ in range(40):
            sent += await node.notify("2")
            await node.hub.settled()
        assert sink.backlog < 2_000 + 1_500
        assert node.metrics.streams_behind._value.get() == 1
        while sink.unsent:
            sink.drain()
            await node.hub.settled()
        assert read(sink.take()).shown == sent


async def test_a_reader_that_takes_nothing_is_cut(tmp_path: Path) -> None:
    """G8: no progress for a minute ends it, without waiting for its bytes to leave."""
    async with a_node(tmp_path, backlog_bytes=100) as node:
        await node.open(slow=True)
        _, sink = await node.open(slow=True)
        await node.notify("2")
        await node.hub.settled()
        for _ in range(70):
            node.now += 1
            node.hub.turn_wheel()
        assert sink.aborted
        assert len(node.hub) == 0


async def test_a_silent_stream_is_pinged(tmp_path: Path) -> None:
    """Proxies cut what is silent; news counts as a sign of life."""
    async with a_node(tmp_path, max_stream_seconds=10_000) as node:
        _, sink = await node.open()
        sink.take()

        def heard_in(seconds: int) -> list[str]:
            for _ in range(seconds):
                node.now += 1
                node.hub.turn_wheel()
            return names(read(sink.take()))

        assert heard_in(46) == ["ping"] * 3
        await node.notify("2")
        await node.hub.settled()
        assert names(read(sink.take())) == ["message"]
        assert (heard_in(14), heard_in(1)) == ([], ["ping"])


async def test_a_stream_ends_at_its_age(tmp_path: Path) -> None:
    """It bounds how long a lost hang-up can last; the reader is told to come back."""
    async with a_node(tmp_path, max_stream_seconds=60) as node:
        _, sink = await node.open()
        node.now += 61
        node.hub.turn_wheel()
        assert read(sink.take()).said_bye == "age"
        assert sink.closed


async def test_ages_differ(tmp_path: Path) -> None:
    """Streams that were opened together do not come back together."""
    async with a_node(tmp_path) as node:
        streams = [(await node.open())[0] for _ in range(20)]
        assert len({round(stream.ends_at, 3) for stream in streams}) > 10


async def test_a_stream_ends_with_its_identity(tmp_path: Path) -> None:
    """G7: an expired login hears nothing more."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open(expires_at=node.wall + 5_000)
        node.wall += 5_001
        node.now += 6
        node.hub.turn_wheel()
        await node.notify("2")
        await node.hub.settled()
        reader = read(sink.take())
        assert reader.said_bye == "expired"
        assert reader.shown == []


async def test_a_hang_up_ends_only_that_session(tmp_path: Path) -> None:
    """Logging out on the phone leaves the laptop's stream alone."""
    async with a_node(tmp_path) as node:
        phone = (await node.open(session="phone"))[1]
        laptop = (await node.open(session="laptop"))[1]
        await node.bus.publish([HangUp("2", "phone")])
        assert read(phone.take()).said_bye == "hangup"
        assert not laptop.closed
        await node.bus.publish([HangUp("2")])
        assert laptop.closed


async def test_a_lost_hint_is_healed_by_the_position_check(tmp_path: Path) -> None:
    """G9: a bus that loses everything costs time and nothing else."""
    async with a_node(tmp_path, position_check_seconds=10) as node:
        _, sink = await node.open()
        node.bus.deaf, node.deliver_directly = True, False
        sent = await node.notify("2", count=2)
        await node.hub.settled()
        assert read(sink.take()).shown == []
        await node.hub.checks.compare()
        await node.hub.settled()
        assert read(sink.take()).shown == sent
        assert node.metrics.healed._value.get() == 1


async def test_repeated_and_stale_hints_cost_nothing(tmp_path: Path) -> None:
    """G9: a hint for what was delivered long ago starts no read and sends no byte."""
    from alimi.model import Hint

    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        await node.notify("2", count=3)
        await node.hub.settled()
        sink.take()
        reads = node.metrics.reads._value.get()
        await node.bus.publish([Hint("2", 1), Hint("2", 3), Hint("2", 3), Hint("9", 7)])
        await node.hub.settled()
        assert sink.take() == b""
        assert node.metrics.reads._value.get() == reads


async def test_a_new_epoch_resets_open_streams(tmp_path: Path) -> None:
    """G5: a restored database is noticed while streams are open."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        await node.hub.checks.compare()
        sink.take()
        await node.store.renew_epoch()
        await node.hub.checks.compare()
        await node.hub.settled()
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert reader.cursor == await head_of(node)


async def test_a_reader_past_the_cap_is_refused_and_nobody_evicted(tmp_path: Path) -> None:
    """G8: both caps refuse the newcomer."""
    async with a_node(tmp_path, max_streams=3, max_streams_per_recipient=2) as node:
        sinks = [(await node.open("2"))[1] for _ in range(2)]
        assert node.hub.refusal("2") == "capacity"
        assert node.hub.refusal("3") is None
        await node.open("3")
        assert node.hub.refusal("4") == "capacity"
        late = HandSink()  # asked before the last place was taken, opened after
        assert await node.hub.open(late, Identity("4"), None, ()) is None
        assert read(late.take()).said_bye == "capacity"
        assert late.closed
        assert len(node.hub) == 3
        assert not any(sink.closed for sink in sinks)


async def test_one_that_is_told_to_end_and_does_not_is_cut(tmp_path: Path) -> None:
    """G8: a stuck reader that was hung up holds its place until it is cut, and is cut."""
    async with a_node(tmp_path, max_streams=1, stall_seconds=60) as node:
        _, sink = await node.open(slow=True)
        await node.bus.publish([HangUp("2")])
        assert (sink.closed, sink.aborted, len(node.hub)) == (True, False, 0)
        assert node.hub.refusal("3") == "capacity"
        node.now += 62
        node.hub.turn_wheel()
        assert sink.aborted
        assert sink.owner is not None
        sink.owner.sink_gone()
        assert node.hub.refusal("3") is None


async def test_a_slow_reader_that_progresses_is_kept(tmp_path: Path) -> None:
    """Taking a little now and then is progress, however long it lasts."""
    async with a_node(tmp_path, stall_seconds=10, max_stream_seconds=9_000) as node:
        _, sink = await node.open(slow=True)
        await node.notify("2", count=5)
        await node.hub.settled()
        for _ in range(40):
            node.now += 1
            del sink.unsent[:20]
            node.hub.turn_wheel()
        assert not sink.aborted


async def test_a_row_that_cannot_be_told_ends_only_its_stream(tmp_path: Path) -> None:
    """One stream fails to render; the others of the same turn go on."""
    async with a_node(tmp_path) as node:
        _, well = await node.open()
        stream, ill = await node.open()
        stream.place = msgspec.structs.replace(stream.place, locales=(object(),))
        sent = await node.notify("2")
        await node.hub.settled()
        assert read(well.take()).shown == sent
        assert ill.closed


async def test_a_mass_catch_up_keeps_the_loop_alive(tmp_path: Path) -> None:
    """G8: two hundred readers who missed much get it whole, and others have their turns."""
    async with a_node(tmp_path, max_streams_per_recipient=500) as node:
        first = (await head_of(node)).rpartition(".")[0] + ".0"
        sent = await node.notify("2", count=200, data={"filler": "x" * 2_000})

        class Costly(HandSink):
            """Each write takes a millisecond."""

            def write(self, data: bytes) -> int:
                node.now += 0.001
                return super().write(data)

        sinks = [Costly() for _ in range(200)]
        for sink in sinks:
            await node.hub.open(sink, Identity("2"), first, ())
        turns, before = set(), node.now
        while not node.idle.is_set():
            turns.add(node.now)
            await asyncio.sleep(0)
        assert len(turns) > (node.now - before) / 0.02
        assert all(read(sink.take()).shown == sent for sink in sinks)


async def test_a_drain_says_bye_with_different_delays(tmp_path: Path) -> None:
    """Each reader gets its own time to come back, and newcomers are refused."""
    async with a_node(tmp_path) as node:
        opened = [await node.open() for _ in range(20)]
        for _, sink in opened:
            sink.take()
        for stream, _ in opened:
            node_sink = stream.sink
            assert node_sink is not None
        await node.hub.drain(0.05)
        delays = set()
        for _, sink in opened:
            reader = Reader()
            reader.connect()
            reader.feed(sink.take())
            assert reader.said_bye == "drain"
            delays.add(reader._decoder.retry)
        assert len(delays) > 10
        assert node.hub.refusal("2") == "drain"


async def test_a_drain_of_ten_thousand_is_spread_and_bounded(tmp_path: Path) -> None:
    """G8: a fiftieth in one go and others' turns between; who does not go is cut in the end."""
    async with a_node(tmp_path, max_streams=10_000) as node:
        sinks = [(await open_quickly(node, str(number % 500)))[1] for number in range(10_000)]
        drain = asyncio.create_task(node.hub.drain(0.5))
        ended = [0]
        while not drain.done():
            ended.append(sum(sink.closed for sink in sinks))
            await asyncio.sleep(0)
        steps = [after - before for before, after in itertools.pairwise(ended)]
        assert max(steps) <= 10_000 / 50
        assert sum(steps) == 10_000
        assert all(sink.aborted for sink in sinks)


async def test_a_signal_to_a_reader_behind_is_dropped_and_counted(tmp_path: Path) -> None:
    """G8: signals are at most once; they never pile up."""
    async with a_node(tmp_path, backlog_bytes=200) as node:
        _, sink = await node.open(slow=True)
        for _ in range(200):
            await node.bus.publish([SignalTo("2", "typing", None)])
        await asyncio.sleep(0)
        assert sink.backlog < 400
        assert node.metrics.signals_dropped.labels("behind")._value.get() > 100


async def test_a_signal_to_a_stream_that_has_not_begun_is_dropped_and_counted(
    tmp_path: Path,
) -> None:
    """G8: nothing comes before `hello`, which tells the page to look for itself."""
    async with a_node(tmp_path) as node:
        sink = HandSink()
        await node.hub.open(sink, Identity("2"), None, ())
        await node.bus.publish([SignalTo("2", "typing", None)] * 2)
        node.hub.deliver(())
        assert node.metrics.signals_dropped.labels("early")._value.get() == 2
        await node.hub.settled()
        assert names(read(sink.take())) == ["hello"]


async def test_twenty_thousand_streams_leave_nothing_behind(tmp_path: Path) -> None:
    """G8: registering and dropping them returns every object."""
    async with a_node(tmp_path, max_streams=30_000, max_streams_per_recipient=30_000) as node:
        for _ in range(2):
            for number in range(10_000):
                _stream, sink = await open_quickly(node, str(number % 500))
                sink.close()
            await node.hub.settled()
            for group in list(node.hub._streams.values()):
                for stream in list(group):
                    stream.sink_gone()
        del _stream, sink, stream, group
        gc.collect()
        left = [each for each in gc.get_objects() if isinstance(each, Stream)]
        assert left == []
        assert len(node.hub) == 0
        assert len(node.hub._wheel) == 0
        node.now += node.settings.linger_seconds
        node.hub.turn_wheel()
        assert len(node.hub._following) == 0


async def open_quickly(node, recipient: str):  # type: ignore[no-untyped-def]
    """Open without waiting for the first read."""
    sink = HandSink()
    return await node.hub.open(sink, Identity(recipient), None, ()), sink
