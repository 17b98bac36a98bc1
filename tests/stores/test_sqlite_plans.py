"""What queries cost: the plan of each hot one, and work that depends only on what was missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alimi.model import PageQuery
from alimi.stores.sqlite import SQLiteStore, feed, upkeep
from alimi.stores.sqlite.sql import SQL
from alimi.testing.stores.harness import deliver, do, event, fill

VALUES: dict[str, Any] = {
    "heads": ("[]",),
    "inboxes": ("[]",),
    "owners": ("[]",),
    "known_keys": ("[]",),
    "used_keys": {"keys": "[]"},
    "claim_bulk": (),
    "unclaim": (0, 1, 2),
    "weigh_version": {"recipient": "x", "version": 1, "seen_upto": 0},
    "newest_of_version": {"recipient": "x", "version": 1, "limit": 1},
    "unseen_between": ("x", 0, 1),
    "unread_about": ("a", 1),
    "unread_about_of": ("a", "[]", 1),
    "expired": (1, 1),
    "aged": (1, 1),
    "stretch": {"rows": 1, "after": "", "limit": 1},
    "oldest": ("x", 1),
    "old_tombstones": (1, 1),
    "remove": ("[]",),
    "forget_seen": {"recipient": "x"},
    "old_keys": (1, 1),
    "keep_keys": (1, "[]"),
    "forget_keys": ("[]",),
    "whole_version": ("x", 1),
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    upkeep.migrate(tmp_path / "app.db")
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        yield db


def scans(db: sqlite3.Connection, sql: str, values: Any) -> list[str]:
    """Steps of the plan that walk a whole table or sort."""
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    walks = [step for step in plan if step.startswith("SCAN alimi") or "USE TEMP B-TREE" in step]
    return [step for step in walks if "alimi_outbox_bulk" not in step]


@pytest.mark.parametrize("name", VALUES)
def test_no_query_walks_a_table(db: sqlite3.Connection, name: str) -> None:
    """Every query finds its rows by an index and needs no sort (but of the keys of one call)."""
    found = scans(db, SQL[name], VALUES[name])
    assert [step for step in found if name != "used_keys" or "SCAN" in step] == []


@pytest.mark.parametrize("query", [feed._CHANGES, feed._CUT_CHANGES])
def test_the_feed_walks_no_table(db: sqlite3.Connection, query: str) -> None:
    """Both forms of the feed's query are index ranges; the one for large rows sorts one page."""
    found = scans(db, query, {"wanted": "[]", "limit": 1, "size": 1})
    assert [step for step in found if query == feed._CHANGES or "SCAN" in step] == []


def page_query(query: PageQuery) -> tuple[str, dict[str, Any]]:
    """The statement of a page and its values."""
    which, values = feed._which(query)
    return SQL["page"].format(which=which), values | {"recipient": "x", "limit": 1}


@pytest.mark.parametrize(
    "query",
    [PageQuery(), PageQuery(before=5), PageQuery(ids=("a",)), PageQuery(archived=True)],
)
def test_pages_walk_no_table(db: sqlite3.Connection, query: PageQuery) -> None:
    """A page is an index range, and needs no sort."""
    assert scans(db, *page_query(query)) == []


def test_a_notification_is_found_by_its_id(db: sqlite3.Connection) -> None:
    """A page by ids uses the primary key: it costs the same in the largest inbox."""
    sql, values = page_query(PageQuery(ids=("a", "b")))
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert (
        "SEARCH n USING INDEX sqlite_autoindex_alimi_notifications_1 (id=? AND recipient=?)" in plan
    )


@pytest.mark.parametrize(
    "name", ["mark_ids", "mark_at", "mark_upto", "mark_upto_archived", "these"]
)
@pytest.mark.parametrize("action", ["read", "unread", "archive", "unarchive", "delete"])
def test_marks_walk_no_table(db: sqlite3.Connection, name: str, action: str) -> None:
    """Each target of a mark is found by an index, when it is weighed and when it is changed."""
    own = "" if name == "these" else "recipient = :recipient AND "
    where = f"{own}{SQL[name]} AND {SQL[f'changed_by_{action}']}"
    values = {"recipient": "x", "seen_upto": 0, "version": 1, "now": 1, "target": 1, "rowids": "[]"}
    assert scans(db, SQL["weigh"].format(where=where), values) == []
    assign = SQL[f"set_{action}"]
    assert scans(db, SQL["stamp"].format(where=where, assign=assign), values) == []


def steps(db: sqlite3.Connection, call: Callable[[], object]) -> int:
    """How many instructions of SQLite's machine a call takes."""
    call()  # the first statement of a connection reads the schema
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    db.set_progress_handler(tick, 1)
    call()
    db.set_progress_handler(None, 1)
    return count


async def test_resuming_costs_what_was_missed(tmp_path: Path) -> None:
    """Reading the last three changes takes the same work in an inbox of 10 and of 3,000 rows."""
    store = SQLiteStore(tmp_path / "app.db", synchronous="OFF")
    await store.open()
    await fill(store, 10, "small")
    await fill(store, 3000, "large")
    await store.close()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        small = steps(db, lambda: feed.changes_after(db, [("small", 7)], 100))
        large = steps(db, lambda: feed.changes_after(db, [("large", 2997)], 100))
        many = steps(db, lambda: feed.changes_after(db, [("large", 2900)], 100))
    assert abs(small - large) < 5
    assert many > 10 * large


@pytest.mark.parametrize("query", [PageQuery(unread=True), PageQuery(archived=True)])
async def test_an_empty_list_is_not_searched_for(tmp_path: Path, query: PageQuery) -> None:
    """Nothing unread, or nothing archived, is known without walking the inbox."""
    store = SQLiteStore(tmp_path / "app.db", synchronous="OFF")
    await store.open()
    for count, who in ((10, "small"), (3000, "large")):
        await fill(store, count, who)
        await do(store, "read", who, upto=count)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        small = steps(db, lambda: feed.page(db, "small", query))
        large = steps(db, lambda: feed.page(db, "large", query))
    assert abs(small - large) < 5


async def test_a_limit_bounds_the_work(tmp_path: Path) -> None:
    """A reader who missed thousands costs one page, not thousands."""
    store = SQLiteStore(tmp_path / "app.db", synchronous="OFF")
    await store.open()
    await fill(store, 50, "small")
    await fill(store, 3000, "large")
    await store.close()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        small = steps(db, lambda: feed.changes_after(db, [("small", 0)], 20))
        large = steps(db, lambda: feed.changes_after(db, [("large", 0)], 20))
    assert abs(small - large) < 5


async def test_many_inboxes_are_one_query(tmp_path: Path) -> None:
    """What five hundred readers missed is read by one statement, however many rows it is."""
    store = SQLiteStore(tmp_path / "app.db", synchronous="OFF")
    await store.open()
    people = [f"user-{n}" for n in range(500)]
    await deliver(store, *(event(people) for _ in range(3)))
    await store.close()
    said: list[str] = []
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.set_trace_callback(said.append)
        answers = feed.changes_after(db, [(who, 1) for who in people], 100)
    assert [len(each.items) for each in answers] == [2] * 500
    assert len(said) == 1
