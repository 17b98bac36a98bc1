"""The reading threads: streams and pages do not wait for each other, and each lane has a bound."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from alimi.errors import StoreFull
from alimi.model import PageQuery
from alimi.stores.sqlite import SQLiteStore, feed, upkeep
from alimi.stores.sqlite.connections import READER_SECONDS
from alimi.stores.sqlite.readers import Readers
from alimi.stores.sqlite.watcher import Watcher
from alimi.testing.stores.harness import deliver, event, read


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db", queue_bound=5)
    await store.open()
    await deliver(store, event())
    yield store
    await store.close()


class Held:
    """A lane whose every place is taken, by reads that wait to be released."""

    def __init__(self, lane: Readers, reads: int) -> None:
        self._open = threading.Event()
        self._reads = [asyncio.ensure_future(lane.run(self._hold)) for _ in range(reads)]

    def _hold(self, db: sqlite3.Connection) -> None:
        self._open.wait(30)

    async def release(self) -> None:
        self._open.set()
        await asyncio.gather(*self._reads)


async def test_g8_streams_do_not_wait_for_pages(store: SQLiteStore) -> None:
    """G8: however many pages somebody asks for, streams are fed and positions checked."""
    assert store._parts is not None
    held = Held(store._parts.pages, 4)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert (await read(store)).head == 1
        assert (await store.positions(["anna"])).heads == {"anna": 1}
    await held.release()


async def test_g8_each_lane_of_reads_has_a_bound(store: SQLiteStore) -> None:
    """G8: the page too many is refused; the other lane goes on, and so do pages after it."""
    assert store._parts is not None
    held = Held(store._parts.pages, 5)
    await asyncio.sleep(0)
    with pytest.raises(StoreFull):
        await store.page("anna", PageQuery())
    assert (await read(store)).head == 1
    await held.release()
    assert len((await store.page("anna", PageQuery())).items) == 1


async def test_g8_no_answer_is_too_big_for_sqlite(store: SQLiteStore) -> None:
    """G8: inboxes whose next versions do not fit into one value together are read apart."""
    people = ["anna", "ben", "cho", "dan"]
    await deliver(store, *(event(people, text=16_000 * "x") for _ in range(20)))
    with closing(sqlite3.connect(store.path)) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 600_000)
        answers = feed.changes_after(db, [(who, 0) for who in people], 100)
    assert [(len(each.items), each.more) for each in answers] == [(21, False)] + 3 * [(20, False)]


def test_looking_for_work_never_waits(tmp_path: Path) -> None:
    """The look that runs on the loop answers at once, also while nobody may read the file."""
    upkeep.migrate(tmp_path / "app.db")
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as greedy:
        greedy.execute("PRAGMA locking_mode = EXCLUSIVE")
        greedy.execute("BEGIN IMMEDIATE")
        with closing(Watcher(tmp_path / "app.db")) as watcher:
            began = time.monotonic()
            assert watcher.pending(0)
            assert time.monotonic() - began < READER_SECONDS / 2
