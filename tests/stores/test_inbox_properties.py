"""Any order of events, marks, retractions, prunes and reads: the store is the tiny model."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alimi.model import (
    BulkChange,
    Changes,
    Content,
    Event,
    Mark,
    Notification,
    PageQuery,
    Retention,
    Retraction,
    event_id,
    now_ms,
)
from alimi.stores.postgres import PostgresStore
from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import FullStore
from tests.stores.inbox_model import Inbox
from tests.support.postgres import empty_tables

T = TypeVar("T")
PEOPLE = ["anna", "ben"]
people = st.sampled_from(PEOPLE)
abouts = st.sampled_from([None, "a", "b"])
actions = st.sampled_from(["read", "unread", "archive", "unarchive", "delete"])
LATE = 31 * 86_400_000
State = tuple[int, int, bool, bool, bool, bool]


def state(row: Notification) -> State:
    flags = (row.read_at is not None, row.seen_at is not None, row.archived_at is not None)
    return row.version, row.born, row.deleted, *flags


class Reader:
    """Follows one inbox as a stream does, and knows only what the feed told."""

    def __init__(self) -> None:
        self.position = 0
        self.rows: dict[str, State] = {}
        self.seen_upto = 0

    def start_anew(self, head: int, rows: dict[str, State]) -> None:
        self.position, self.rows = head, rows

    def take(self, changes: Changes) -> None:
        last = self.position
        for item in changes.items:
            assert item.version > self.position, "a version twice"
            assert item.version >= last, "out of order"
            last = item.version
            self._apply(item)
        self.position = changes.upto
        self.seen_upto = changes.seen_upto

    def _apply(self, item: Notification | BulkChange) -> None:
        assert isinstance(item, Notification)
        self.rows[item.id] = state(item)

    def shown(self) -> dict[str, State]:
        """With the watermark, which is told without rewriting rows."""
        return {
            name: (*row[:4], row[4] or row[1] <= self.seen_upto, row[5])
            for name, row in self.rows.items()
        }


class Inboxes(RuleBasedStateMachine):
    #: Events to so many people are applied at once, when nothing waits.
    at_once = 0
    #: In a batch a retraction goes before events about other matters, which the model does not say.
    overtakes = False

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.store = self.begin()
        self.model = {who: Inbox() for who in PEOPLE}
        self.readers = {who: Reader() for who in PEOPLE}
        self.waiting: list[tuple[str, Any]] = []

    def begin(self) -> tuple[asyncio.Runner, FullStore]:
        """A loop, and an empty store that is open on it."""
        self.folder = tempfile.TemporaryDirectory()
        return opened(self.make_store(Path(self.folder.name)))

    def make_store(self, folder: Path) -> FullStore:
        """Not open, and empty."""
        return SQLiteStore(folder / "app.db", synchronous="OFF")

    def end(self) -> None:
        """Give back what `begin` took."""
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        assert self.run(self.store.inspect()).drift == ()
        self.end()

    @rule(to=st.lists(people, unique=True), about=abouts, key=st.sampled_from([None, None, "k"]))
    def append(self, to: list[str], about: str | None, key: str | None) -> None:
        content = Content({"en": "hello"})
        event = Event(event_id(key), "k", "c", content, now_ms(), tuple(to), key, about)
        (receipt,) = self.run(self.store.append([event]))
        if receipt.status != "recorded":
            return
        if not self.waiting and max(1, len(to)) <= self.at_once:
            self._apply(event)
        else:
            self.waiting.append(("event", event))

    @rule(about=st.sampled_from(["a", "b"]), who=st.none() | people)
    def retract(self, about: str, who: str | None) -> None:
        if self.overtakes and self.waiting:
            self.apply(100)
        entry = Retraction(about, now_ms(), None if who is None else (who,))
        self.run(self.store.append([entry]))
        self.waiting.append(("retract", entry))

    @rule(limit=st.integers(1, 4))
    def apply(self, limit: int) -> None:
        before = len(self.waiting)
        if any(kind == "retract" for kind, _ in self.waiting):
            limit = 100  # a retraction larger than a batch goes in steps, each with a version (G8)
        while (applied := self.run(self.store.apply(limit))).more:
            assert applied.entries or applied.hints
        for _, entry in self.waiting:
            self._apply(entry)
        assert before == 0 or applied.entries or applied.hints
        self.waiting.clear()

    def _apply(self, entry: Event | Retraction) -> None:
        if isinstance(entry, Event):
            for who in entry.recipients:
                self.model[who].add(entry.id, entry.about)
        else:
            for who in entry.recipients or PEOPLE:
                self.model[who].retract(entry.about)

    @rule(who=people, action=actions, pick=st.integers(0, 10**6), count=st.integers(0, 3))
    def mark_ids(self, who: str, action: Any, pick: int, count: int) -> None:
        names = list(self.model[who].rows)
        start = pick % len(names) if names else 0
        self._mark(who, action, "ids", tuple(names[start : start + count]))

    @rule(who=people, action=actions, upto=st.integers(0, 30))
    def mark_upto(self, who: str, action: Any, upto: int) -> None:
        self._mark(who, action, "upto", upto)

    @rule(who=people, action=actions, back=st.integers(0, 3))
    def mark_at(self, who: str, action: Any, back: int) -> None:
        self._mark(who, action, "at", max(0, self.model[who].head - back))

    def _mark(self, who: str, action: Any, target: str, value: Any) -> None:
        marked = self.run(self.store.mark(who, Mark(action, **{target: value})))
        assert marked.count == self.model[who].mark(action, target, value)
        assert marked.version == self.model[who].head

    @rule(who=people, upto=st.integers(0, 30))
    def see(self, who: str, upto: int) -> None:
        marked = self.run(self.store.mark(who, Mark("seen", upto=upto)))
        assert (marked.count, marked.version) == (
            self.model[who].see(upto),
            self.model[who].head,
        )

    @rule()
    def prune(self) -> None:
        keep = Retention(days=None, rows=None, key_days=10_000)
        while self.run(self.store.sweep(now_ms() + LATE, keep, 3)).more:
            continue
        for inbox in self.model.values():
            inbox.prune()

    @rule(who=people, limit=st.integers(3, 6))
    def follow(self, who: str, limit: int) -> None:
        """One page for a reader; a whole-version answer or a floor makes it start anew."""
        reader = self.readers[who]
        ((changes),) = self.run(self.store.changes_after([(who, reader.position)], limit))
        whole = any(isinstance(item, BulkChange) for item in changes.items)
        if reader.position < changes.floor or whole:
            assert not (reader.position < changes.floor and changes.items)
            self._start_anew(who)
        else:
            reader.take(changes)

    def _start_anew(self, who: str) -> None:
        pages = [
            self.run(self.store.page(who, PageQuery(limit=200, archived=archived)))
            for archived in (False, True)
        ]
        rows = {row.id: state(row) for page in pages for row in page.items}
        self.readers[who].start_anew(pages[0].head, rows)

    @rule(who=people)
    def catch_up(self, who: str) -> None:
        """G5: whoever follows to the end shows what the store holds."""
        for _ in range(100):
            self.follow(who, 3)
            if self.readers[who].position == self.model[who].head:
                break
        self.follow(who, 3)
        shown = {name: row for name, row in self.readers[who].shown().items() if not row[2]}
        rows = self.model[who].rows.items()
        assert shown == {name: row.state() for name, row in rows if not row.deleted}

    @invariant()
    def counts_equal_rows(self) -> None:
        """G6: counts, head, floor and every row are those of the model."""
        for who, inbox in self.model.items():
            (changes,) = self.run(self.store.changes_after([(who, inbox.floor)], 1000))
            assert (changes.head, changes.floor) == (inbox.head, inbox.floor)
            assert (changes.counts.unread, changes.counts.unseen) == (
                inbox.unread(),
                inbox.unseen(),
            )
            told = {i.id: state(i) for i in changes.items if isinstance(i, Notification)}
            expected = {n: r.state() for n, r in inbox.rows.items() if r.version > inbox.floor}
            assert told == expected


def opened(store: FullStore) -> tuple[asyncio.Runner, FullStore]:
    runner = asyncio.Runner()
    runner.run(store.open())
    return runner, store


class PostgresInboxes(Inboxes):
    """All examples in one database and over one store's connections, emptied before each."""

    overtakes = True
    url = ""
    kept: tuple[asyncio.Runner, FullStore]

    def begin(self) -> tuple[asyncio.Runner, FullStore]:
        empty_tables(self.url)
        return self.kept

    def end(self) -> None:
        """The next example goes on with them."""


TestInboxes = pytest.mark.timeout(300)(Inboxes.TestCase)
TestInboxes.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
# Fewer examples, because each step crosses the network.
PostgresInboxes.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)


@pytest.mark.timeout(300)
class TestPostgresInboxes(PostgresInboxes.TestCase):  # type: ignore[misc, valid-type]
    @pytest.fixture(autouse=True)
    def _use(self, postgres_url: str) -> Iterator[None]:
        PostgresInboxes.url = postgres_url
        runner, store = PostgresInboxes.kept = opened(PostgresStore(postgres_url))
        with runner:
            yield
            runner.run(store.close())
