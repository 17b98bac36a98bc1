"""What a stream tells: where it starts, what it replays, when it says `reset`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from alimi.metrics import ResetReason
from alimi.model import Changes, HangUp, Hint, SignalTo
from tests.support.node import Node, a_node
from tests.support.reader import Reader


def read(data: bytes, reader: Reader | None = None) -> Reader:
    """Feed a whole connection to a reader; nothing may be wrong with it."""
    reader = reader or Reader()
    reader.connect()
    reader.feed(data)
    assert not reader.complaints
    return reader


def names(reader: Reader) -> list[str]:
    return [name for name, _, _ in reader.events]


async def head_of(node: Node, recipient: str = "2") -> str:
    """The cursor of an inbox's head."""
    (changes,) = await node.store.changes_after([(recipient, None)], 1)
    return f"{changes.tag}.{changes.head}"


def keep_deliveries(node: Node) -> list[Sequence[Changes]]:
    """From now on the relay's batches are the test's to deliver."""
    batches: list[Sequence[Changes]] = []
    node.relay._deliver = batches.append
    return batches


async def test_a_stream_without_a_cursor_starts_at_the_head(tmp_path: Path) -> None:
    """`hello` carries the head as its id and no older notification follows."""
    async with a_node(tmp_path) as node:
        await node.notify("2", count=3)
        _, sink = await node.open()
        reader = read(sink.take())
        assert names(reader) == ["hello"]
        assert reader.cursor == await head_of(node)
        assert (reader.unread, reader.unseen) == (3, 3)


async def test_hello_starts_where_the_reader_stood(tmp_path: Path) -> None:
    """G5: with a cursor, `hello`'s id is that cursor and everything after it follows."""
    async with a_node(tmp_path) as node:
        await node.notify("2", count=2)
        cursor = await head_of(node)
        missed = await node.notify("2", count=3)
        _, sink = await node.open(cursor=cursor)
        reader = read(sink.take())
        assert reader.events[0][0] == "hello"
        assert reader.events[0][2] == cursor
        assert reader.shown == missed


async def test_hello_repeats_how_far_everything_was_shown(tmp_path: Path) -> None:
    """G5: cut behind `hello`, a replay that was cut before still goes on where it was."""
    async with a_node(tmp_path) as node:
        first, *_ = await node.notify("2", count=3)
        await node.mark("2", "read", ids=(first,))
        cursor = (await head_of(node)).rpartition(".")[0] + ".2.0"
        _, sink = await node.open(cursor=cursor)
        assert read(sink.take()).events[0][2] == cursor


async def test_a_cut_anywhere_in_a_replay_loses_nothing(tmp_path: Path) -> None:
    """G5: cut the bytes at every place; the next connection brings exactly the rest."""
    async with a_node(tmp_path, page=4, max_streams_per_recipient=5_000) as node:
        await node.notify("2")
        cursor = await head_of(node)
        missed = await node.notify("2", count=5)
        await node.mark("2", "read", ids=(missed[1], missed[3]))
        _, sink = await node.open(cursor=cursor)
        whole = sink.take()
        for cut in range(0, len(whole) + 1, 7):
            reader = Reader(cursor=cursor)
            reader.connect()
            reader.feed(whole[:cut])
            _, again = await node.open(cursor=reader.cursor)
            read(again.take(), reader)
            assert set(reader.rows) == set(missed), cut
            # But for a row of the version that was cut in two, which has only one id.
            assert len(reader.shown) <= len(missed) + 1, cut
            assert not reader.complaints
            assert reader.cursor == await head_of(node)


async def test_a_replay_goes_on_over_as_many_streams_as_it_takes(tmp_path: Path) -> None:
    """G5: a line so slow that each stream dies of age in mid-replay still gets all, and once.

    The first row, born before all others, was read last: until the end no version is a place where
    a reader has been shown everything born before.
    """
    async with a_node(tmp_path, page=3, backlog_bytes=500, max_stream_seconds=100) as node:
        reader = Reader(cursor=(await head_of(node)).rpartition(".")[0] + ".0")
        missed = await node.notify("2", count=40)
        await node.mark("2", "read", ids=(missed[0],))
        streams = 0
        while reader.cursor != await head_of(node):
            _, sink = await node.open(cursor=reader.cursor, slow=True)
            streams += 1
            for _ in range(3):
                sink.drain()
                await node.hub.settled()
            node.now += 100
            node.hub.turn_wheel()
            reader = read(sink.take(), reader)
            assert streams < 40
        assert streams > 5
        assert sorted(reader.shown) == sorted(missed)
        assert reader.rows[missed[0]]["read"]
        assert reader.resets == 0


async def test_live_news_reaches_every_stream_of_the_recipient_and_no_other(
    tmp_path: Path,
) -> None:
    """G7: three streams of 2 hear it, the stream of 3 hears nothing."""
    async with a_node(tmp_path) as node:
        mine = [(await node.open("2"))[1] for _ in range(3)]
        _, other = await node.open("3")
        (sent,) = await node.notify("2")
        await node.hub.settled()
        assert all(read(sink.take()).shown == [sent] for sink in mine)
        assert read(other.take()).shown == []


async def test_rows_of_the_own_relay_are_not_read_again(tmp_path: Path) -> None:
    """The node whose relay wrote a batch hands its rows over; no read of the store is spent."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        reads = node.metrics.reads._value.get()
        sent = await node.notify("2", count=5)
        await node.hub.settled()
        assert read(sink.take()).shown == sent
        assert node.metrics.reads._value.get() == reads


async def test_a_batch_of_news_is_one_write(tmp_path: Path) -> None:
    """Everything that is due for a stream in one turn leaves in one write."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        before = sink.writes
        await node.notify("2", count=50)
        await node.hub.settled()
        assert sink.writes == before + 1


async def test_news_during_a_read_is_neither_lost_nor_doubled(tmp_path: Path) -> None:
    """G4, G5: a batch is delivered while a read for the same stream is under way."""
    async with a_node(tmp_path) as node:
        sent = await node.notify("2", count=2)
        zero = (await head_of(node)).rpartition(".")[0] + ".0"
        original = node.store.changes_after
        meanwhile: list[str] = []

        async def slow_read(wanted, limit):  # type: ignore[no-untyped-def]
            answer = await original(wanted, limit)
            if not meanwhile:
                meanwhile.extend(await node.notify("2", count=2))
            return answer

        node.store.changes_after = slow_read  # type: ignore[method-assign]
        _, sink = await node.open(cursor=zero)
        await node.hub.settled()
        reader = read(sink.take())
        assert sorted(reader.shown) == sorted(sent + meanwhile)
        assert len(reader.shown) == len(set(reader.shown))


async def test_a_read_that_a_shorter_delivery_overtook_is_made_again(tmp_path: Path) -> None:
    """G5: while a read of two is under way a delivery brings one: the other comes at once too."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        node.bus.deaf = True
        batches = keep_deliveries(node)
        sent = await node.notify("2") + await node.notify("2")
        original = node.store.changes_after

        async def overtaken(wanted, limit):  # type: ignore[no-untyped-def]
            answer = await original(wanted, limit)
            node.store.changes_after = original  # type: ignore[method-assign]
            node.hub.deliver(batches[0])
            return answer

        node.store.changes_after = overtaken  # type: ignore[method-assign]
        node.hub.hear(Hint("2", 2))
        await node.hub.settled()
        assert read(sink.take()).shown == sent


async def test_a_delivery_of_another_store_is_read_for_at_once(tmp_path: Path) -> None:
    """G5: a restored store may be behind what a stream has seen; its first word is a `reset`."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        batches = keep_deliveries(node)
        await node.notify("2", count=2)
        await node.hub.settled()
        sink.take()
        await node.store.renew_epoch()
        cursor = await head_of(node)
        (changes,) = batches[0]
        older = msgspec.structs.replace(changes, tag=cursor.partition(".")[0])
        node.hub.deliver([older])
        await node.hub.settled()
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert (reader.events[0][1]["reason"], reader.cursor) == ("epoch", cursor)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda cursor: "AAAAAAAA." + cursor.rpartition(".")[2], "foreign"),
        (lambda cursor: cursor.rpartition(".")[0] + ".999", "ahead"),
        (lambda _: "nonsense", "malformed"),
        (lambda _: "a" * 5_000, "malformed"),
        (lambda _: "7fQ2.1\r\nevent: x", "malformed"),
    ],
)
async def test_a_cursor_that_cannot_be_resumed_is_a_reset(
    tmp_path: Path, spoil: Callable[[str], str], reason: ResetReason
) -> None:
    """G5: `reset` comes before `hello`, so that a cut between them still leaves the word said."""
    async with a_node(tmp_path) as node:
        await node.notify("2", count=2)
        head = await head_of(node)
        _, sink = await node.open(cursor=spoil(head))
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert reader.events[0][1]["reason"] == reason
        assert reader.cursor == head
        assert node.metrics.resets.labels(reason)._value.get() == 1


async def test_another_recipients_cursor_is_worthless(tmp_path: Path) -> None:
    """G7: a cursor of 3's inbox opens nothing in 2's, though the versions would fit."""
    async with a_node(tmp_path) as node:
        await node.notify("2", "3", count=2)
        _, sink = await node.open("2", cursor=(await head_of(node, "3"))[:-1] + "1")
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert reader.shown == []


async def test_a_cursor_below_the_floor_is_a_reset(tmp_path: Path) -> None:
    """G5: what was pruned cannot be told, and is not passed over in silence."""
    async with a_node(tmp_path) as node:
        await node.notify("2")
        old = await head_of(node)
        await node.notify("2", count=2)
        await node.retire("2")
        _, sink = await node.open(cursor=old)
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert reader.events[0][1]["reason"] == "floor"


async def test_a_prune_between_two_pages_is_a_reset(tmp_path: Path) -> None:
    """G5: the floor is checked in the snapshot of every page, not only of the first."""
    async with a_node(tmp_path, page=2) as node:
        await node.notify("2")
        old = await head_of(node)
        await node.notify("2", count=6)
        original = node.store.changes_after
        pages = 0

        async def prune_after_the_first(wanted, limit):  # type: ignore[no-untyped-def]
            nonlocal pages
            answer = await original(wanted, limit)
            pages += 1
            if pages == 1:
                await node.retire("2")
            return answer

        node.store.changes_after = prune_after_the_first  # type: ignore[method-assign]
        _, sink = await node.open(cursor=old)
        await node.hub.settled()
        reader = read(sink.take())
        assert reader.resets == 1
        assert reader.cursor == await head_of(node)


async def test_a_row_changed_during_a_long_replay_is_shown_once(tmp_path: Path) -> None:
    """G4, G5: read between two pages, a row is new if not shown yet, else a change."""
    async with a_node(tmp_path, page=2) as node:
        await node.notify("3")
        zero = (await head_of(node)).rpartition(".")[0] + ".0"
        sent = await node.notify("2", count=6)
        original = node.store.changes_after
        done = False

        async def mark_after_the_first(wanted, limit):  # type: ignore[no-untyped-def]
            nonlocal done
            answer = await original(wanted, limit)
            if not done:
                done = True
                await node.mark("2", "read", ids=(sent[0], sent[5]))
            return answer

        node.store.changes_after = mark_after_the_first  # type: ignore[method-assign]
        _, sink = await node.open(cursor=zero)
        await node.hub.settled()
        reader = read(sink.take())
        assert sorted(reader.shown) == sorted(sent)
        assert reader.rows[sent[0]]["read"]
        assert reader.rows[sent[5]]["read"]
        assert reader.unread == 4


async def test_a_mark_reaches_the_other_tabs(tmp_path: Path) -> None:
    """G6: read on one, the badge and the row change on all."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        sent = await node.notify("2", count=3)
        await node.mark("2", "read", ids=(sent[0],))
        await node.mark("2", "seen", upto=3)
        await node.hub.settled()
        reader = read(sink.take())
        assert reader.rows[sent[0]]["read"]
        assert (reader.unread, reader.unseen) == (2, 0)


async def test_a_bulk_mark_is_one_frame(tmp_path: Path) -> None:
    """More than 100 rows in one version are told as a whole."""
    async with a_node(tmp_path) as node:
        await node.notify("2", count=150)
        _, sink = await node.open()
        await node.mark("2", "read", upto=10**6)
        await node.hub.settled()
        reader = read(sink.take())
        (change,) = [data for name, data, _ in reader.events if name == "change"]
        assert change["all"] is True
        assert reader.unread == 0


@pytest.mark.parametrize("place", ["0", "300.0"])
async def test_a_bulk_change_of_what_was_never_shown_is_a_reset(tmp_path: Path, place: str) -> None:
    """G5: away, 300 came and the phone read them all in one version; no frame could name them.

    Nor to who was told of all but the last version, and not yet shown what was born before.
    """
    async with a_node(tmp_path) as node:
        start = (await head_of(node)).rpartition(".")[0] + "." + place
        await node.notify("2", count=300)
        await node.mark("2", "read", upto=10**6)
        _, sink = await node.open(cursor=start)
        reader = read(sink.take())
        assert names(reader) == ["reset", "hello"]
        assert reader.events[0][1]["reason"] == "bulk"


async def test_ids_are_told_in_the_middle_of_a_long_replay(tmp_path: Path) -> None:
    """A read is written in pieces; a cut between them begins where the last id was."""
    async with a_node(tmp_path, backlog_bytes=3_000) as node:
        start = (await head_of(node)).rpartition(".")[0] + ".0"
        sent = await node.notify("2", count=30)
        _, sink = await node.open(cursor=start)
        whole = sink.take()
        reader = Reader(cursor=start)
        reader.connect()
        reader.feed(whole[: len(whole) // 2])
        assert reader.cursor is not None
        assert int(reader.cursor.rpartition(".")[2]) > 10
        _, again = await node.open(cursor=reader.cursor)
        assert len(read(again.take(), reader).shown) == len(sent)


async def test_the_text_is_in_the_readers_language(tmp_path: Path) -> None:
    """An identity's locale picks the text; the kind's first one is the default."""
    async with a_node(tmp_path) as node:
        korean = (await node.open(locale="ko-KR"))[1]
        french = (await node.open(locale="fr"))[1]
        await node.notify("2")
        await node.hub.settled()
        assert read(korean.take()).events[-1][1]["message"] == "카드"
        assert read(french.take()).events[-1][1]["message"] == "Card 0"


async def test_signals_go_to_the_named_recipients_only(tmp_path: Path) -> None:
    """A signal has no id and touches nobody else's stream."""
    async with a_node(tmp_path) as node:
        (_, mine), (_, other) = await node.open("2"), await node.open("3")
        cursor = read(mine.take()).cursor
        other.take()
        await node.bus.publish([SignalTo("2", "board.changed", {"card": 12})])
        await asyncio.sleep(0)
        reader = read(mine.take(), Reader(cursor=cursor))
        assert reader.signals == [{"name": "board.changed", "data": {"card": 12}}]
        assert reader.cursor == cursor
        assert other.take() == b""


async def test_signals_of_one_turn_are_one_write(tmp_path: Path) -> None:
    """Whatever becomes due for a stream in one turn of the loop leaves in one write, in order."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open("2")
        before = sink.writes
        await node.bus.publish([SignalTo("2", "moved", number) for number in range(20)])
        await asyncio.sleep(0)
        assert sink.writes == before + 1
        signals = [each["data"] for each in read(sink.take()).signals]
        assert signals == list(range(20))


async def test_many_signals_of_one_turn_are_bounded_writes(tmp_path: Path) -> None:
    """G8: what is joined has a bound, so that a reader behind is noticed in between."""
    async with a_node(tmp_path, backlog_bytes=20_000) as node:
        _, sink = await node.open("2", slow=True)
        await node.bus.publish([SignalTo("2", "moved", "x" * 1_000) for _ in range(100)])
        await asyncio.sleep(0)
        assert 20_000 < sink.backlog < 20_000 + 7_000
        dropped = node.metrics.signals_dropped.labels("behind")._value.get()
        sink.drain()
        assert len(read(sink.take()).signals) + dropped == 100


async def test_a_signal_is_not_overtaken(tmp_path: Path) -> None:
    """What was said before a hang-up, or before news, is heard before it."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open("2")
        original = node.hub.deliver

        def signal_first(batch):  # type: ignore[no-untyped-def]
            node.hub.hear(SignalTo("2", "before", None))
            original(batch)

        node.hub.deliver = signal_first  # type: ignore[method-assign]
        await node.notify("2")
        await node.bus.publish([SignalTo("2", "last", None), HangUp("2")])
        names = [name for name, _, _ in read(sink.take()).events]
        assert names == ["hello", "signal", "message", "signal", "bye"]


async def test_rows_behind_a_lost_delivery_are_read(tmp_path: Path) -> None:
    """G5: a batch that does not begin where a stream stands is not written to it."""
    async with a_node(tmp_path) as node:
        _, sink = await node.open()
        node.bus.deaf, node.deliver_directly = True, False
        lost = await node.notify("2")
        node.bus.deaf, node.deliver_directly = False, True
        sent = await node.notify("2")
        await node.hub.settled()
        assert read(sink.take()).shown == lost + sent
