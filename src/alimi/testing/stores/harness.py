"""What the parts of the suite share: stores to test, events to give them, and the audit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest_asyncio

from alimi.model import (
    Applied,
    Changes,
    Content,
    Entry,
    Event,
    Mark,
    Marked,
    Notification,
    PageQuery,
    event_id,
    normalise_recipients,
    now_ms,
)
from alimi.store import Joined, Maintenance, Outbox, Rows, Store, drive
from alimi.testing.completeness import Complete

#: More than any test puts into one inbox.
ALL = 10_000
DAY = 86_400_000


class FullStore(Store, Outbox, Maintenance, Protocol):
    """What the suite asks of a store."""


class Application(Protocol):
    """An application's own connection to the same database."""

    @property
    def joined(self) -> Joined:
        """What `within=` hands to the store."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement."""

    def begin(self) -> None:
        """Start a write transaction."""

    def commit(self) -> None:
        """Make it true."""

    def rollback(self) -> None:
        """Make it never have been."""


class StoreHarness(Complete):
    """How a subclass names the store that is tested."""

    @abstractmethod
    def make_store(self, place: Path) -> FullStore:
        """A store, not open; for the same place it is another store on the same database."""

    @abstractmethod
    def connect(self, place: Path) -> AbstractContextManager[Application]:
        """An application's connection to the database of that place."""

    @abstractmethod
    def put_garbage(self, app: Application) -> None:
        """In an open transaction put a row into the outbox that no decoder accepts."""

    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[FullStore]:
        """An open store on an empty database."""
        store = self.make_store(tmp_path)
        await store.migrate()
        await store.open()
        yield store
        await store.close()

    @pytest_asyncio.fixture
    async def other(self, store: FullStore, tmp_path: Path) -> AsyncIterator[FullStore]:
        """A second store on the same database, as another process has it."""
        other = self.make_store(tmp_path)
        await other.open()
        yield other
        await other.close()


def event(to: object = "anna", **given: Any) -> Event:
    """An event with everything it needs; `text` and the fields of Event may be given."""
    text = given.pop("text", "You are now the assignee of a card.")
    fields: dict[str, Any] = {
        "id": event_id(given.get("key")),
        "kind": "card.assigned",
        "category": "cards",
        "content": Content(texts={"en": text}),
        "created_at": now_ms(),
        "recipients": normalise_recipients(to),
    }
    return Event(**(fields | given))


def record(store: Outbox, app: Application, *entries: Entry) -> None:
    """Record inside the application's transaction."""
    drive(store.write(app.joined, entries), app.execute)


async def settle(*stores: Store) -> list[Applied]:
    """Apply until nothing waits."""
    done = []
    for store in stores:
        while True:
            done.append(await store.apply(1000))
            if not done[-1].more:
                break
    return done


async def deliver(store: Store, *events: Event) -> list[Applied]:
    """Append and apply."""
    await store.append(events)
    return await settle(store)


async def fill(store: Store, count: int, to: str = "anna", **given: Any) -> list[str]:
    """So many notifications in one inbox; answers their ids, oldest first."""
    events = [event(to, text=f"number {n}", **given) for n in range(count)]
    await deliver(store, *events)
    return [each.id for each in events]


async def read(store: Store, recipient: str = "anna", after: int | None = 0) -> Changes:
    """Everything after a position, in one answer."""
    (changes,) = await store.changes_after([(recipient, after)], ALL)
    return changes


async def rows(store: Store, recipient: str = "anna") -> dict[str, Notification]:
    """What the feed holds above the floor, tombstones too, by id."""
    changes = await read(store, recipient, (await read(store, recipient, None)).floor)
    return {row.id: row for row in changes.items if isinstance(row, Notification)}


async def ids(store: Store, recipient: str = "anna", **query: Any) -> list[str]:
    """The ids of a page."""
    page = await store.page(recipient, PageQuery(**({"limit": 200} | query)))
    return [row.id for row in page.items]


async def do(store: Store, action: Any, recipient: str = "anna", **target: Any) -> Marked:
    """A mark."""
    return await store.mark(recipient, Mark(action, **target))


async def audit(store: FullStore, *recipients: str) -> None:
    """G6: the counts are those of the rows, in one snapshot; and the store says so itself."""
    for recipient in recipients or ("anna",):
        page = await store.page(recipient, PageQuery(limit=ALL))
        assert page.counts.unread == sum(row.read_at is None for row in page.items)
        assert page.counts.unseen == sum(row.seen_at is None for row in page.items)
        for row in page.items:
            assert 1 <= row.born <= row.content_version <= row.version <= page.head
            assert not row.deleted
    assert (await store.inspect()).drift == ()


def versions(changes: Changes) -> Sequence[int]:
    """The versions of the items, as they came."""
    return [item.version for item in changes.items]
