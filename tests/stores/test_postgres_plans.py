"""What queries cost: the plan of each hot one, and work that depends only on what was missed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from alimi.model import PageQuery
from alimi.stores.postgres import feed
from alimi.stores.postgres.sql import SQL
from tests.support.postgres import PostgresServer

#: One inbox is far larger than all others; everything in it but the newest three rows was read.
LARGE = 20_000
CROWD = 2_000
_FILL = f"""
INSERT INTO alimi_inboxes (recipient, version, unread, unseen, kept)
    SELECT 'user-' || n, 10, 10, 10, 10 FROM generate_series(1, {CROWD}) AS n;
INSERT INTO alimi_inboxes (recipient, version, unread, unseen, kept)
    VALUES ('large', {LARGE}, 3, 3, {LARGE}), ('small', 10, 3, 3, 10);
INSERT INTO alimi_notifications (recipient, id, version, born, content_version, created_at,
    expires_at, read_at, kind, category, about, content)
    SELECT 'user-' || n, 'id-' || v || '-' || n, v, v, v, v, CASE WHEN n < 100 THEN v END,
        NULL, 'k', 'c', 'about-' || n, '{{"texts":{{"en":"{200 * "x"}"}}}}'
    FROM generate_series(1, 10) AS v, generate_series(1, {CROWD}) AS n;
INSERT INTO alimi_notifications (recipient, id, version, born, content_version, created_at,
    read_at, seen_at, kind, category, content)
    SELECT who, who || '-' || v, v, v, v, v, CASE WHEN v <= last - 3 THEN 1 END,
        CASE WHEN v <= last - 3 THEN 1 END, 'k', 'c', '{{"texts":{{"en":"{200 * "x"}"}}}}'
    FROM (VALUES ('large', {LARGE}), ('small', 10)) AS w (who, last), generate_series(1, last) AS v;
INSERT INTO alimi_keys (key, event_id, fingerprint, at)
    SELECT 'key-' || n, 'id-' || n, 'f', n FROM generate_series(1, {CROWD}) AS n;
INSERT INTO alimi_seen (recipient, upto, at)
    SELECT 'user-' || n, v, v FROM generate_series(1, 5) AS v, generate_series(1, {CROWD}) AS n;
"""


@pytest.fixture(scope="module")
def filled(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A database of which the planner knows what is in it."""
    name = postgres_server.create_database(postgres_template)
    for statement in _FILL.split(";\n"):
        if statement.strip():
            postgres_server.execute(statement, database=name)
    postgres_server.execute("VACUUM ANALYZE", database=name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
async def db(filled: str) -> AsyncIterator[asyncpg.Connection]:
    """Whatever a test does is undone."""
    connection = await asyncpg.connect(filled)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def explain(
    db: asyncpg.Connection, options: str, sql: str, values: tuple[Any, ...]
) -> list[dict[str, Any]]:
    told = await db.fetchval(f"EXPLAIN ({options}FORMAT JSON) {sql}", *values)
    return list(nodes(json.loads(told)[0]["Plan"]))


def walks(steps: list[dict[str, Any]], *allowed: str) -> list[str]:
    """Steps that read a whole table or sort rows of one; sorting what a call brought is allowed."""
    kinds = {"Seq Scan", "Sort", "Incremental Sort", "Bitmap Heap Scan"}
    named = [
        f"{step['Node Type']} {step.get('Relation Name', step.get('Sort Key', ''))}"
        for step in steps
        if step["Node Type"] in kinds and step.get("Relation Name") != "alimi_meta"
    ]
    return [step for step in named if step not in allowed]


async def blocks(db: asyncpg.Connection, sql: str, *values: Any) -> int:
    """How many pages a statement touches, once its plan and the catalogue are in memory."""
    touched = 0
    for _ in range(3):
        savepoint = db.transaction()
        await savepoint.start()
        (top, *_) = await explain(db, "ANALYZE, BUFFERS, ", sql, values)
        await savepoint.rollback()
        touched = int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
    return touched


ASKED: dict[str, tuple[Any, ...]] = {
    "one": (["user-1"], [8], 100, 10**6),
    "many": ([f"user-{n}" for n in range(1, 500)], 499 * [8], 100, 10**6),
    "large": (["large"], [0], 100, 10**6),
}


@pytest.mark.parametrize("cache", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("asked", ASKED)
async def test_the_feed_walks_no_table(db: asyncpg.Connection, asked: str, cache: str) -> None:
    """The feed is an index range for each inbox and sorts none, whatever the planner guesses."""
    await db.execute(f"SET LOCAL plan_cache_mode = {cache}")
    steps = await explain(db, "ANALYZE, ", SQL["changes"], ASKED[asked])
    ran = [step for step in steps if step["Actual Loops"]]
    assert "alimi_notifications_version" in {step.get("Index Name") for step in ran}
    assert walks(ran) == []


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("heads", (["user-1", "user-2"],), "alimi_inboxes_pkey"),
        ("bury_expired", (1, 5, 10), "alimi_notifications_expires"),
        ("bury_aged", (1, 5, 10), "alimi_notifications_created"),
        ("bury_oldest", (1, ["large", "user-1"], 10, 5), "alimi_notifications_content"),
        ("stretch", (1, "user-5", 10, 10), "alimi_inboxes_pkey"),
        ("forget_keys", (5, 10, 1), "alimi_keys_at"),
    ],
)
async def test_no_query_walks_a_table(
    db: asyncpg.Connection, name: str, values: tuple[Any, ...], index: str
) -> None:
    """Every query finds its rows by an index and needs no sort."""
    steps = await explain(db, "", SQL[name], values)
    assert index in {step.get("Index Name") for step in steps}
    assert walks(steps, "Bitmap Heap Scan alimi_inboxes") == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (PageQuery(), "alimi_notifications_content"),
        (PageQuery(before=500), "alimi_notifications_content"),
        (PageQuery(unread=True), "alimi_notifications_content"),
        (PageQuery(archived=True), "alimi_notifications_archived"),
        (PageQuery(ids=("large-1", "large-2")), "alimi_notifications_pkey"),
    ],
    ids=["newest", "before", "unread", "archived", "ids"],
)
@pytest.mark.parametrize("who", ["user-1", "large"])
async def test_pages_walk_no_table(
    db: asyncpg.Connection, query: PageQuery, index: str, who: str
) -> None:
    """A page is an index range, and needs no sort."""
    which, values = feed._which(query)
    steps = await explain(db, "", SQL["page"].format(which=which), (who, *values))
    assert index in {step.get("Index Name") for step in steps}
    assert walks(steps) == []


async def test_resuming_costs_what_was_missed(db: asyncpg.Connection) -> None:
    """Reading the last three changes touches as many pages in an inbox of 10 and of 20,000 rows."""
    small = await blocks(db, SQL["changes"], ["small"], [7], 100, 10**6)
    large = await blocks(db, SQL["changes"], ["large"], [LARGE - 3], 100, 10**6)
    many = await blocks(db, SQL["changes"], ["large"], [LARGE - 3_000], 5_000, 10**9)
    assert abs(small - large) < 6
    assert many > 5 * large


async def test_a_limit_bounds_the_work(db: asyncpg.Connection) -> None:
    """A reader who missed thousands costs one page, not thousands."""
    small = await blocks(db, SQL["changes"], ["small"], [0], 9, 10**6)
    large = await blocks(db, SQL["changes"], ["large"], [0], 9, 10**6)
    assert abs(small - large) < 6


@pytest.mark.parametrize("query", [PageQuery(unread=True), PageQuery(archived=True)])
async def test_an_empty_list_is_not_searched_for(db: asyncpg.Connection, query: PageQuery) -> None:
    """Nothing more that is unread, or archived, is known without walking the inbox."""
    which, values = feed._which(query)
    sql = SQL["page"].format(which=which)
    small, large = [await blocks(db, sql, who, *values) for who in ("small", "large")]
    assert abs(small - large) < 6


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("read", {"upto": 10**6}),
        ("seen", {"upto": 10**6}),
        ("archive", {"ids": -1}),
        ("delete", {"at": 0}),
    ],
    ids=["all", "seen", "one", "at"],
)
async def test_a_mark_costs_what_it_changes(
    db: asyncpg.Connection, action: str, target: dict[str, int]
) -> None:
    """Marking the last few touches as many pages in an inbox of 10 and of 20,000 rows."""
    await db.execute("UPDATE alimi_inboxes SET seen_upto = version - 3")
    touched = []
    for who, last in (("small", 10), ("large", LARGE)):
        ids = [f"{who}-{last}"] if "ids" in target else None
        at = last + target["at"] if "at" in target else None
        values = (who, action, ids, target.get("upto"), at, 1)
        touched.append(await blocks(db, SQL["mark"], *values))
    # Each changed row has an entry in each index, and the larger ones are a level deeper.
    assert abs(touched[0] - touched[1]) < 40
