"""The writer thread: group commit, fsyncs, failures that stay where they belong, several loops."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alimi.errors import ForeignDatabase, StoreError, StoreFull, UnpreparedEngine
from alimi.model import Mark, now_ms
from alimi.stores.sqlite import SQLiteStore, feed
from alimi.stores.sqlite.connections import Synchronous
from alimi.stores.sqlite.transaction import Transaction
from alimi.stores.sqlite.writer import Writer
from alimi.testing.stores.harness import audit, deliver, event, ids, read, record, settle
from tests.stores.fsyncs import counted_fsyncs
from tests.stores.sqlite_application import SQLiteApplication, application

EVENT = (
    '{"type":"event","id":"a","kind":"k","category":"c","content":{"texts":{}},'
    '"created_at":%d,"recipients":["%s"]}'
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db")
    await store.open()
    yield store
    await store.close()


def writer_of(store: SQLiteStore) -> Writer:
    assert store._parts is not None
    return store._parts.writer


def transactions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT value FROM alimi_meta WHERE name = 'changes'").fetchone()
        return int(count)


class Gate:
    """Keeps the writer inside a transaction until opened, so that jobs pile up behind it."""

    def __init__(self, store: SQLiteStore) -> None:
        self.inside = asyncio.Event()
        self._open = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.held = asyncio.ensure_future(writer_of(store).run(self._hold))

    def _hold(self, tx: Transaction) -> None:
        self._loop.call_soon_threadsafe(self.inside.set)
        self._open.wait(30)

    async def open(self) -> None:
        self._open.set()
        await self.held


@pytest.mark.parametrize(("synchronous", "fsyncs"), [("FULL", 10), ("NORMAL", 0)])
async def test_g1_one_fsync_for_each_commit(
    tmp_path: Path, synchronous: Synchronous, fsyncs: int
) -> None:
    """G1: with FULL every answered append was fsynced, with NORMAL none (the docs say so)."""
    store = SQLiteStore(tmp_path / "app.db", synchronous=synchronous)
    await store.open()
    with counted_fsyncs(writer_of(store)._db) as counted:
        for _ in range(10):
            await store.append([event()])
    assert counted.count == fsyncs
    assert synchronous in (await store.inspect()).durability
    await store.close()


async def test_group_commit(store: SQLiteStore) -> None:
    """What waits behind one transaction shares the next: one fsync for a hundred callers."""
    await deliver(store, event())
    gate = Gate(store)
    await gate.inside.wait()
    before = transactions(store.path)
    appends = [asyncio.ensure_future(store.append([event(n)])) for n in range(100)]
    mark = asyncio.ensure_future(store.mark("anna", Mark("read", upto=1)))
    await asyncio.sleep(0)
    with counted_fsyncs(writer_of(store)._db) as counted:
        await gate.open()
        await asyncio.gather(*appends, mark)
    assert counted.count == transactions(store.path) - before <= 3


async def test_looking_costs_no_commit(store: SQLiteStore) -> None:
    """Jobs that change nothing leave the count of changes, and the disk, alone."""
    before = transactions(store.path)
    with counted_fsyncs(writer_of(store)._db) as counted:
        await store.apply(10)
        await store.mark("nobody", Mark("read", upto=1))
    assert (transactions(store.path), counted.count) == (before, 0)


async def test_statements_do_not_grow_with_rows(store: SQLiteStore) -> None:
    """A batch of 1,000 takes few statements: each may cost a turn of a busy interpreter."""
    said: list[str] = []
    writer_of(store)._db.set_trace_callback(said.append)
    await store.append([event(n) for n in range(1000)])
    assert len(said) < 40
    said.clear()
    assert (await store.apply(1000)).notifications == 1000
    assert len(said) < 60


async def test_a_failing_job_fails_alone(store: SQLiteStore) -> None:
    """Of jobs that share a transaction the failing one is told; the others are committed."""
    gate = Gate(store)
    await gate.inside.wait()

    def fail(tx: Transaction) -> None:
        tx.db.execute("UPDATE alimi_meta SET value = 'broken' WHERE name = 'epoch'")
        raise StoreError("mine")

    jobs: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(store.append([event()])),
        asyncio.ensure_future(writer_of(store).run(fail)),
        asyncio.ensure_future(store.append([event()])),
    ]
    await asyncio.sleep(0)
    await gate.open()
    one, failed, two = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(failed, StoreError)
    assert not isinstance(one, BaseException)
    assert not isinstance(two, BaseException)
    await settle(store)
    assert set(await ids(store)) == {one[0].id, two[0].id}
    assert (await store.inspect()).epoch != "broken"


async def test_g8_the_queue_has_a_bound(tmp_path: Path) -> None:
    """G8: when too many writes wait the next is refused, and the others are not harmed."""
    store = SQLiteStore(tmp_path / "app.db", queue_bound=3)
    await store.open()
    gate = Gate(store)
    await gate.inside.wait()
    accepted = [asyncio.ensure_future(store.append([event()])) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreFull):
        await store.append([event()])
    await gate.open()
    await asyncio.gather(*accepted)
    await settle(store)
    assert len(await ids(store)) == 3
    await store.close()


async def test_a_dead_writer_is_noticed(store: SQLiteStore) -> None:
    """If the thread dies, who waits hears it and so does the next caller; nobody waits for ever."""

    def die(tx: Transaction) -> None:
        raise SystemExit

    with pytest.raises(StoreError, match="died"):
        await writer_of(store).run(die)
    with pytest.raises(StoreError, match="died"):
        await store.append([event()])


async def test_a_cancelled_caller_disturbs_nobody(store: SQLiteStore) -> None:
    """A caller that gave up leaves the others their answers."""
    gate = Gate(store)
    await gate.inside.wait()
    leaves, stays = (asyncio.ensure_future(store.append([event()])) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    await gate.open()
    (receipt,) = await stays
    await settle(store)
    assert receipt.id in await ids(store)


def test_several_loops_in_turn_and_at_once(tmp_path: Path) -> None:
    """One store serves an event loop after another, and two in two threads at the same time."""
    store = SQLiteStore(tmp_path / "app.db")

    async def use(who: str) -> int:
        for _ in range(20):
            await asyncio.gather(store.append([event(who)]), store.append([event(who)]))
            await store.apply(100)
        return (await read(store, who)).head

    asyncio.run(store.open())
    heads: list[int] = []
    threads = [
        threading.Thread(target=lambda who=who: heads.append(asyncio.run(use(who))))
        for who in ("anna", "ben")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(settle(store))
    assert asyncio.run(use("cho")) == 40
    asyncio.run(audit(store, "anna", "ben", "cho"))
    asyncio.run(store.close())
    assert len(heads) == 2


def test_several_loops_open_one_store_at_once(tmp_path: Path) -> None:
    """Loops that open the same store in the same moment share one writer; one close ends it."""
    before = threading.active_count()
    store = SQLiteStore(tmp_path / "app.db")
    together = threading.Barrier(4)

    async def open_it() -> None:
        together.wait()
        await store.open()

    threads = [threading.Thread(target=lambda: asyncio.run(open_it())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writers = [each.name for each in threading.enumerate() if each.name == "alimi-writer"]
    asyncio.run(store.close())
    assert writers == ["alimi-writer"]
    assert threading.active_count() == before


async def test_a_full_disk_leaves_everything_in_place(store: SQLiteStore) -> None:
    """An error that is not the entry's fault fails the batch, buries nothing and loses nothing."""
    await store.append([event(text="x" * 1500) for _ in range(200)])
    db = writer_of(store)._db
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        await store.apply(1000)
    db.execute("PRAGMA max_page_count = 1000000")
    report = await store.inspect()
    assert (report.outbox, report.dead_letters, report.notifications) == (200, 0, 0)
    await settle(store)
    assert len(await ids(store)) == 200


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        b"\xff\xfe",
        '{"type":"event"}',
        '{"type":"unknown"}',
        "[]",
        "",
        EVENT % (2**70, "anna"),
        EVENT % (1, "\\ud800"),
    ],
)
async def test_g8_garbage_of_every_sort(store: SQLiteStore, body: object) -> None:
    """G8: whatever somebody put into the outbox becomes one dead letter; nothing waits for it."""
    for lane in (0, 1):
        await store.append([event()])
        with application(store.path) as app:
            app.db.execute(
                "INSERT INTO alimi_outbox (lane, event_id, recorded_at, body)"
                " VALUES (?, 'x', 0, ?)",
                (lane, body),
            )
        await store.append([event()])
    applied = await settle(store)
    assert sum(each.dead for each in applied) == 2
    assert len(await ids(store)) == 4
    report = await store.inspect()
    assert (report.dead_letters, report.outbox) == (2, 0)


async def test_g2_an_unprepared_connection_is_refused(store: SQLiteStore, tmp_path: Path) -> None:
    """G2: a driver that commits by itself is refused, and so is another database."""
    with closing(sqlite3.connect(store.path)) as db, pytest.raises(UnpreparedEngine):
        record(store, SQLiteApplication(db), event())
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(ForeignDatabase):
            record(store, SQLiteApplication(db), event())
    with application(store.path) as app:
        app.begin()
        app.dialect = "postgresql"
        with pytest.raises(ForeignDatabase):
            record(store, app, event())


async def test_g2_by_another_name(store: SQLiteStore, tmp_path: Path) -> None:
    """G2: the same file through a link is the same database."""
    (tmp_path / "link.db").symlink_to(store.path)
    with closing(sqlite3.connect(tmp_path / "link.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        record(store, SQLiteApplication(db), event())
        db.execute("COMMIT")
    await settle(store)
    assert len(await ids(store)) == 1


async def test_g5_a_read_is_one_snapshot(store: SQLiteStore) -> None:
    """G5: what commits in the middle of a read is not in any part of it."""
    assert store._parts is not None
    loop, committed, halfway = asyncio.get_running_loop(), threading.Event(), asyncio.Event()

    def look_twice(db: sqlite3.Connection) -> tuple[int, int]:
        first = feed.positions(db, ["anna"]).heads["anna"]
        loop.call_soon_threadsafe(halfway.set)
        committed.wait(30)
        return first, feed.positions(db, ["anna"]).heads["anna"]

    looking = asyncio.ensure_future(store._parts.feed.run(look_twice))
    await halfway.wait()
    await deliver(store, event())
    committed.set()
    assert await looking == (0, 0)
    assert (await read(store)).head == 1


async def test_inspect_finds_edited_counts(store: SQLiteStore) -> None:
    """G6: counts that somebody edited are told with what they should be."""
    await deliver(store, event(), event("ben"))
    with application(store.path) as app:
        app.db.execute("UPDATE alimi_inboxes SET unread = 7 WHERE recipient = 'ben'")
    report = await store.inspect()
    (drift,) = report.drift
    assert (drift.recipient, drift.kept, drift.counted) == ("ben", (7, 1), (1, 1))
    assert (report.inboxes, report.notifications, report.outbox_age_ms) == (2, 2, 0)


async def test_inspect_tells_how_long_the_outbox_waits(store: SQLiteStore) -> None:
    """The age of the oldest waiting entry is told."""
    await store.append([event()])
    with application(store.path) as app:
        app.db.execute("UPDATE alimi_outbox SET recorded_at = ?", (now_ms() - 5000,))
    report = await store.inspect()
    assert report.outbox == 1
    assert report.outbox_age_ms >= 5000
