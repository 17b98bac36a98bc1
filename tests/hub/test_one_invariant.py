"""The one invariant, as a property.

Whatever the interleaving of events, marks, cuts in mid-replay, resumes, prunes between pages, slow
readers, lost hints, interruptions of the bus, inboxes that are let go and users who take each
other's place: a reader sees each change once and in order, or is told to reload; and its counts
equal the rows.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alimi.model import PageQuery, Retention, Retraction, now_ms
from alimi.stores.postgres import PostgresStore
from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import FullStore
from tests.support.node import Node, a_node
from tests.support.postgres import empty_tables
from tests.support.reader import Reader
from tests.support.sink import HandSink

RECIPIENTS = ("1", "2")
MATTERS = ("card:1", "card:2")
who = st.sampled_from(RECIPIENTS)
seat = st.integers(0, 3)


class Seat:
    """A reader, whose it is, and its connection of the moment."""

    def __init__(self, recipient: str) -> None:
        self.recipient = recipient
        self.reader = Reader()
        self.sink: HandSink | None = None


class Invariant(RuleBasedStateMachine):
    """Every rule runs the loop for as long as it wants; reads may be held open meanwhile."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.node: Node = self.runner.run(self._open())
        self.seats = [Seat(RECIPIENTS[number % 2]) for number in range(4)]
        for each in self.seats:
            self.run(self._load(each))

    def make_store(self, folder: Path) -> FullStore:
        """Not open, and empty."""
        return SQLiteStore(folder / "alimi.db", synchronous="NORMAL")

    async def _open(self) -> Node:
        folder = Path(self.folder.name)
        node = await self.stack.enter_async_context(
            a_node(folder, self.make_store(folder), page=3, backlog_bytes=700, tail_bytes=3_000)
        )
        original = node.store.changes_after
        self.parked = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()

        async def held(wanted: Any, limit: int) -> Any:
            answer = await original(wanted, limit)
            if not self.reading.is_set():
                self.parked.set()
                await self.reading.wait()
                self.parked.clear()
            return answer

        node.store.changes_after = held  # type: ignore[method-assign]
        return node

    def run(self, work: Any) -> Any:
        """Do it, then go on until the pump rests or stands in a held read: no run differs."""

        async def and_rest() -> Any:
            result = await work
            waits = [asyncio.ensure_future(each.wait()) for each in (self.parked, self.node.idle)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
            return result

        return self.runner.run(and_rest())

    # -- what may happen ----------------------------------------------------------------------

    @rule(to=st.sets(who, min_size=1), count=st.integers(1, 5), about=st.sampled_from(MATTERS))
    def notify(self, to: set[str], count: int, about: str) -> None:
        self.run(self.node.notify(*sorted(to), count=count, about=about))

    @rule(to=st.sets(who, min_size=1), count=st.integers(1, 3))
    def notify_unheard(self, to: set[str], count: int) -> None:
        """Another process wrote it, and its hint was lost."""
        before = self.node.bus.deaf, self.node.deliver_directly
        self.node.bus.deaf, self.node.deliver_directly = True, False
        self.run(self.node.notify(*sorted(to), count=count))
        self.node.bus.deaf, self.node.deliver_directly = before

    @rule(
        recipient=who,
        action=st.sampled_from(["read", "unread", "archive", "unarchive", "delete", "seen"]),
        upto=st.integers(0, 30),
    )
    def mark_all(self, recipient: str, action: str, upto: int) -> None:
        self.run(self.node.mark(recipient, action, upto=upto))

    @rule(
        recipient=who,
        action=st.sampled_from(["read", "unread", "archive", "unarchive", "delete"]),
        pick=st.integers(0, 30),
    )
    def mark_one(self, recipient: str, action: str, pick: int) -> None:
        rows = self.run(self._rows(recipient))
        if rows:
            ids = (sorted(rows)[pick % len(rows)],)
            self.run(self.node.mark(recipient, action, ids=ids))

    @rule(recipient=who, version=st.integers(1, 30))
    def undo(self, recipient: str, version: int) -> None:
        self.run(self.node.mark(recipient, "unread", at=version))

    @rule(about=st.sampled_from(MATTERS), only=st.none() | who)
    def retract(self, about: str, only: str | None) -> None:
        to = None if only is None else (only,)
        self.run(self.node.store.append([Retraction(about, now_ms(), to)]))
        self.run(self.node.relay.flush())

    @rule()
    def prune(self) -> None:
        never = Retention(days=None, rows=None, tombstone_days=0)
        self.run(self.node.store.sweep(now_ms() + 1_000, never, 1_000))

    @rule(number=seat, slow=st.booleans())
    def connect(self, number: int, slow: bool) -> None:
        each = self.seats[number]
        self._leave(each, 0)
        self.run(self._connect(each, slow))

    @rule(number=seat, share=st.floats(0, 1))
    def cut(self, number: int, share: float) -> None:
        self._leave(self.seats[number], share)

    @rule(number=seat)
    def take_the_other_ones_place(self, number: int) -> None:
        each = self.seats[number]
        self._leave(each, 0)
        each.recipient = RECIPIENTS[1 - RECIPIENTS.index(each.recipient)]
        each.reader.rows.clear()
        each.reader.must_reload = True
        self.run(self._connect(each, slow=False))

    @rule(number=seat)
    def drain(self, number: int) -> None:
        sink = self.seats[number].sink
        if sink is not None and sink.unsent:
            sink.drain()
            self.run(asyncio.sleep(0))

    @rule(deaf=st.booleans(), direct=st.booleans())
    def disturb_the_bus(self, deaf: bool, direct: bool) -> None:
        self.node.bus.deaf, self.node.deliver_directly = deaf, direct

    @rule()
    def interrupt_the_bus(self) -> None:
        """It hears again from now on, and says that it did not."""
        self.node.bus.deaf = False
        self.node.hub.bus_was_lost()

    @rule(seconds=st.sampled_from([1, 61]))
    def wait(self, seconds: int) -> None:
        """Who has left is let go."""
        self.node.now += seconds
        self.node.hub._following.expire()

    @rule(open=st.booleans())
    def hold_reads(self, open: bool) -> None:
        (self.reading.set if open else self.reading.clear)()
        if open:
            self.parked.clear()
        self.run(asyncio.sleep(0))

    @rule()
    def compare(self) -> None:
        self.run(self._quiet())
        for each in self.seats:
            if each.sink is None:
                self.run(self._connect(each, slow=False))
        self.run(self._quiet())
        for each in self.seats:
            self.run(self._compare(each))
        assert self.run(self.node.store.inspect()).drift == ()

    @invariant()
    def nobody_has_complained(self) -> None:
        for each in getattr(self, "seats", ()):
            self._feed(each)
            assert not each.reader.complaints, each.reader.complaints

    def teardown(self) -> None:
        if not hasattr(self, "seats"):
            return
        try:
            self.compare()
        finally:
            self.reading.set()
            self.runner.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    # -- how it is done -----------------------------------------------------------------------

    async def _load(self, each: Seat) -> None:
        """What a page does first, and after a reset: ask for the whole inbox."""
        reader = each.reader
        page = await self.node.store.page(each.recipient, PageQuery(limit=10_000))
        reader.rows = await self._rows(each.recipient)
        reader.unread, reader.unseen = page.counts.unread, page.counts.unseen
        reader.cursor = str(page.cursor)
        reader.must_reload = False

    async def _rows(self, recipient: str) -> dict[str, dict[str, Any]]:
        rows = {}
        for archived in (False, True):
            query = PageQuery(limit=10_000, archived=archived)
            for row in (await self.node.store.page(recipient, query)).items:
                rows[row.id] = {
                    "version": row.version,
                    "read": row.read_at is not None,
                    "archived": row.archived_at is not None,
                }
        return rows

    async def _connect(self, each: Seat, slow: bool) -> None:
        each.reader.connect()
        before = self.reading.is_set()
        self.reading.set()
        self.parked.clear()
        _, each.sink = await self.node.open(each.recipient, each.reader.cursor, slow=slow)
        if not before:
            self.reading.clear()

    def _leave(self, each: Seat, share: float) -> None:
        if each.sink is None:
            return
        sink, each.sink = each.sink, None
        data = sink.take() + bytes(sink.unsent)
        each.reader.feed(data[: int(len(data) * share)])
        assert sink.owner is not None
        sink.owner.sink_gone()

    def _feed(self, each: Seat) -> None:
        if each.sink is not None:
            each.reader.feed(each.sink.take())

    async def _quiet(self) -> None:
        """Let everything arrive: reads go on, hints are made up for, slow readers take all."""
        self.node.bus.deaf = False
        self.reading.set()
        self.parked.clear()
        await self.node.hub.settled()
        await self.node.hub.checks.compare()
        while True:
            await self.node.hub.settled()
            full = [each.sink for each in self.seats if each.sink and each.sink.unsent]
            for sink in full:
                sink.drain()
            if not full:
                return

    async def _compare(self, each: Seat) -> None:
        self._feed(each)
        reader = each.reader
        assert not reader.complaints, reader.complaints
        counts = (reader.unread, reader.unseen)
        cursor = reader.cursor
        page = await self.node.store.page(each.recipient, PageQuery(limit=0))
        assert counts == (page.counts.unread, page.counts.unseen), "G6: the badge"
        assert cursor == str(page.cursor), "G5: the position"
        if reader.must_reload:
            await self._load(each)
        seen = {name: (row["read"], row["archived"]) for name, row in reader.rows.items()}
        rows = await self._rows(each.recipient)
        assert seen == {name: (row["read"], row["archived"]) for name, row in rows.items()}


class PostgresInvariant(Invariant):
    """The same on a server; fewer examples, because each step crosses the network."""

    url = ""

    def make_store(self, folder: Path) -> FullStore:
        empty_tables(self.url)
        return PostgresStore(self.url)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Invariant.TestCase.settings = _settings(40)
PostgresInvariant.TestCase.settings = _settings(8)
TestOneInvariant = Invariant.TestCase


class TestOneInvariantOnPostgres(PostgresInvariant.TestCase):  # type: ignore[misc, valid-type]
    @pytest.fixture(autouse=True)
    def _use(self, postgres_url: str) -> None:
        PostgresInvariant.url = postgres_url
