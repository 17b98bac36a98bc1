"""What waits behind nothing is applied by the transaction that records it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from alimi.model import Event, Mark, Retraction, Signal, now_ms
from alimi.stores.sqlite import SQLiteStore, news
from alimi.testing.stores.harness import FullStore, audit, event, ids, read, record, rows, settle
from tests.stores.fsyncs import counted_fsyncs
from tests.stores.sqlite_application import application
from tests.stores.test_inbox_properties import Inboxes
from tests.stores.test_sqlite import TestSQLiteStore as _Conformance


class TestAtOnce(_Conformance):
    """The whole contract holds for a store that applies at once, too."""

    def make_store(self, place: Path) -> FullStore:
        return SQLiteStore(place / "app.db", at_once=1000)


class Machine(Inboxes):
    """Any order of everything, with events to one person applied at once."""

    at_once = 1

    def make_store(self, folder: Path) -> FullStore:
        return SQLiteStore(folder / "app.db", synchronous="OFF", at_once=self.at_once)


TestInboxesAtOnce = pytest.mark.timeout(300)(Machine.TestCase)
TestInboxesAtOnce.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db", at_once=10)
    await store.open()
    yield store
    await store.close()


def waiting(store: SQLiteStore) -> int:
    """Rows of the outbox."""
    with closing(sqlite3.connect(store.path)) as db:
        (count,) = db.execute("SELECT count(*) FROM alimi_outbox").fetchone()
        return int(count)


async def test_g1_one_transaction_and_one_fsync(store: SQLiteStore) -> None:
    """G1: when append has answered, the notification is in the inbox; it cost one fsync."""
    assert store._parts is not None
    await store.append([event("ben")])
    with counted_fsyncs(store._parts.writer._db) as counted:
        (receipt,) = await store.append([event()])
    assert (counted.count, waiting(store), await ids(store)) == (1, 0, [receipt.id])


async def test_the_next_apply_tells_of_it(store: SQLiteStore) -> None:
    """What was applied at once is told by `apply`, once, in order, and needs no transaction."""
    await store.append([event(), event("ben")])
    await store.append([event()])
    assert await store.pending()
    applied = await store.apply(3)
    told = [(each.recipient, each.after, each.upto) for each in applied.changes]
    assert sorted(told[:2]) == [("anna", 0, 1), ("ben", 0, 1)]
    assert told[2:] == [("anna", 1, 2)]
    assert (applied.entries, applied.notifications, applied.more) == (3, 3, False)
    assert not await store.pending()
    assert (await store.apply(1)).entries == 0


async def test_g8_what_is_told_at_once_is_bounded(store: SQLiteStore) -> None:
    """G8: of many transactions that nobody has fetched, `apply` tells about `limit`; then more."""
    for _ in range(7):
        await store.append([event(), event("ben")])
    told = [await store.apply(4) for _ in range(4)]
    assert [each.notifications for each in told] == [4, 4, 4, 2]
    assert [each.more for each in told] == [True, True, True, False]
    assert [hint.version for each in told for hint in each.hints if hint.recipient == "anna"] == [
        *range(1, 8)
    ]


async def test_g8_what_others_do_does_not_pile_up(store: SQLiteStore) -> None:
    """G8: a process that only marks, beside one that writes, keeps one note of what it heard."""
    other = SQLiteStore(store.path, at_once=10)
    await other.open()
    for _ in range(5):
        await other.append([event()])
        await store.mark("anna", Mark("read", upto=9))
    await other.close()
    assert store._parts is not None
    assert len(store._parts.news._committed) == 1
    assert (await store.apply(10)).elsewhere


async def test_changes_are_for_whom_somebody_follows(store: SQLiteStore) -> None:
    """Who is not connected here costs a hint for other nodes, and no rows for this one."""
    await store.append([event(["anna", "ben"])])
    applied = await store.apply(1, {"ben"}.__contains__)
    assert [each.recipient for each in applied.changes] == ["ben"]
    assert sorted(each.recipient for each in applied.hints) == ["anna", "ben"]


async def test_g8_many_heavy_calls_are_many_transactions(store: SQLiteStore) -> None:
    """G8: what many callers bring is merged by its weight, and all of it is applied at once."""
    calls = [store.append([event() for _ in range(5)]) for _ in range(80)]
    await asyncio.gather(*calls)
    assert waiting(store) == 0
    assert len(await rows(store)) == 400


async def test_g3_nothing_overtakes_what_waits(store: SQLiteStore) -> None:
    """G3: behind an event of an application's transaction an event waits in the outbox."""
    with application(store.path) as app:
        app.begin()
        first = event()
        record(store, app, first)
        app.commit()
    (second,) = await store.append([event()])
    assert (waiting(store), await ids(store)) == (2, [])
    await settle(store)
    (third,) = await store.append([event()])
    assert await ids(store) == [third.id, second.id, first.id]


@pytest.mark.parametrize("other", [Retraction("m", now_ms()), Signal("ping", ("anna",))])
async def test_only_events_are_applied_at_once(
    store: SQLiteStore, other: Retraction | Signal
) -> None:
    """Whatever else comes goes to the outbox, and so does all that comes behind it."""
    await store.append([event(about="m"), other, event(about="m")])
    assert (waiting(store), len(await ids(store))) == (2, 1)
    await settle(store)
    assert len(await ids(store)) == (1 if isinstance(other, Retraction) else 2)


async def test_g8_no_more_than_fits(store: SQLiteStore) -> None:
    """G8: so many notifications at once as may be in a batch; what is behind them waits."""
    await store.append([event([n, n + 1, n + 2]) for n in range(5)])
    assert waiting(store) == 2
    await settle(store)
    await audit(store, *map(str, range(7)))


async def test_g8_nobody_fetches(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """G8: while too much was not fetched, events go to the outbox, where they cost no memory."""
    monkeypatch.setattr(news, "BOUND", 3)
    for _ in range(5):
        await store.append([event()])
    assert waiting(store) == 2
    assert sum(each.notifications for each in await settle(store)) == 5
    await store.append([event()])
    assert waiting(store) == 0


async def test_g1_what_cannot_be_applied_is_set_aside(store: SQLiteStore) -> None:
    """G1: an event that the inbox refuses harms none beside it: the relay buries it."""
    bad = event(about="m")
    bad = Event(
        **{name: getattr(bad, name) for name in bad.__struct_fields__} | {"created_at": None}
    )
    good = [event(), event("ben")]
    await store.append([good[0], bad, good[1]])
    applied = await settle(store)
    assert sum(each.dead for each in applied) == 1
    assert (await ids(store), await ids(store, "ben")) == ([good[0].id], [good[1].id])


async def test_g4_keys(store: SQLiteStore) -> None:
    """G4: a key counts as used when its event was applied at once, in one call or in two."""
    receipts = await store.append([event(key="k"), event(key="k"), event(key="k", text="other")])
    (later,) = await store.append([event(key="k")])
    states = [receipt.status for receipt in [*receipts, later]]
    assert states == ["recorded", "repeated", "conflict", "repeated"]
    assert len(await ids(store)) == 1
    await audit(store)


async def test_an_expired_event_is_not_shown(store: SQLiteStore) -> None:
    """What expired before it was recorded never comes up."""
    await store.append([event(expires_at=1), event()])
    assert len(await rows(store)) == 1


async def test_g5_told_in_the_order_of_commits(store: SQLiteStore) -> None:
    """G5: several at a time: each inbox's changes join without a hole, whoever fetched them."""

    async def one(who: str) -> None:
        for _ in range(30):
            await store.append([event(who)])

    calls = [asyncio.ensure_future(one(who)) for who in ("anna", "anna", "ben")]
    told: dict[str, int] = {"anna": 0, "ben": 0}
    while not all(call.done() for call in calls) or await store.pending():
        for changes in (await store.apply(7)).changes:
            assert changes.after == told[changes.recipient]
            told[changes.recipient] = changes.upto
    assert told == {"anna": 60, "ben": 30}
    assert (await read(store)).head == 60
