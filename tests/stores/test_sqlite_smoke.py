"""The SQLite store's whole way once, from an event to a mark."""

from __future__ import annotations

from pathlib import Path

from alimi.model import Content, Event, Mark, PageQuery, event_id, now_ms
from alimi.store import Maintenance, Outbox, Store
from alimi.stores.sqlite import SQLiteStore


async def test_whole_way(tmp_path: Path) -> None:
    """An appended event is applied, read, paged, marked, and the counts follow."""
    store = SQLiteStore(tmp_path / "app.db")
    contract: Store = store
    outbox: Outbox = store
    maintenance: Maintenance = store
    await contract.open()
    assert callable(outbox.write)
    content = Content(texts={"en": "You are now the assignee of a card."})
    event = Event(event_id(), "card.assigned", "cards", content, now_ms(), ("2",))
    (receipt,) = await contract.append([event])
    assert await contract.pending()
    applied = await contract.apply(1000)
    assert (applied.notifications, applied.more, await contract.pending()) == (1, False, False)
    (changes,) = await contract.changes_after([("2", 0)], 100)
    assert changes == applied.changes[0]
    page = await contract.page("2", PageQuery())
    assert [row.id for row in page.items] == [receipt.id]
    marked = await contract.mark("2", Mark("read", upto=page.head))
    assert (marked.count, marked.counts.unread) == (1, 0)
    assert (await maintenance.inspect()).drift == ()
    await contract.close()
