"""Tables in parts: by recipient all holds unchanged, by time a part is dropped truthfully."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from alimi.model import Counts, PageQuery, now_ms
from alimi.stores.postgres import PostgresStore
from alimi.stores.postgres.sql import SQL
from alimi.testing.stores.harness import (
    DAY,
    audit,
    deliver,
    do,
    event,
    fill,
    ids,
    read,
    rows,
)
from tests.stores.test_postgres import PostgresConformance
from tests.stores.test_postgres_plans import explain
from tests.support.postgres import PostgresServer
from tests.support.real_servers import Databases

PARTS = 4


@pytest.fixture(scope="session")
def split_databases(postgres_server: PostgresServer, postgres_template: str) -> Databases:
    name = postgres_server.create_database(postgres_template, "alimi_split_template")
    postgres_server.execute(f"SELECT alimi_split_by_recipient({PARTS})", database=name)
    return Databases(postgres_server, name)


class TestSplitByRecipient(PostgresConformance):
    """The whole contract, on tables in parts by recipient."""

    @pytest.fixture(autouse=True)
    def _use(self, split_databases: Databases) -> Iterator[None]:
        self.databases = split_databases
        yield
        split_databases.give_back()


async def test_splitting_keeps_everything(store: PostgresStore, db: asyncpg.Connection) -> None:
    """Rows, counts, versions and seen times are the same after the split, and it goes on."""
    people = [f"user-{n}" for n in range(20)]
    await deliver(store, *(event(people) for _ in range(3)))
    await do(store, "seen", people[0], upto=2)
    before = [await read(store, who) for who in people]
    await db.execute(f"SELECT alimi_split_by_recipient({PARTS})")
    assert [await read(store, who) for who in people] == before
    names = [row[0] for row in await db.fetch("SELECT indexrelid::regclass::text FROM pg_index")]
    assert "alimi_notifications_version" in names
    filled = await db.fetch("SELECT DISTINCT tableoid FROM alimi_notifications")
    assert len(filled) == PARTS
    await deliver(store, event(people))
    await audit(store, *people)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await db.execute("SELECT alimi_split_by_recipient(2)")


async def test_a_read_touches_one_part(store: PostgresStore, db: asyncpg.Connection) -> None:
    """The feed of one inbox looks into the part where that inbox is, and into no other."""
    await db.execute(f"SELECT alimi_split_by_recipient({PARTS})")
    await fill(store, 30)
    asked = (["anna"], [5], 100, 10**6)
    steps = await explain(db, "ANALYZE, ", SQL["changes"], asked)
    looked = [s for s in steps if s.get("Relation Name", "").startswith("alimi_notifications_")]
    assert len([step for step in looked if step["Actual Loops"]]) == 1


async def test_g5_a_part_is_dropped_truthfully(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G5, G6: what a dropped part held is gone from counts and pages, and readers start anew."""
    now = now_ms()
    moments = [now - 60 * DAY, now - 30 * DAY, now + DAY]
    await db.execute("SELECT alimi_split_by_time($1)", moments)
    old = [event(["anna", "ben"], created_at=now - 40 * DAY) for _ in range(3)]
    new = [event(["anna", "cho"]) for _ in range(2)]
    await deliver(store, *old, *new)
    await do(store, "read", ids=(old[0].id, new[0].id))
    await do(store, "seen", upto=2)
    before = {who: await read(store, who) for who in ("anna", "ben", "cho")}
    (oldest,) = [
        name
        for (name,) in await db.fetch("SELECT DISTINCT tableoid::regclass::text FROM"
        " alimi_notifications WHERE created_at < $1", now - 30 * DAY)
    ]  # fmt: skip
    assert await db.fetchval("SELECT alimi_drop_part($1)", oldest) == 2
    assert await ids(store) == [new[1].id, new[0].id]
    assert (await ids(store, "ben"), await read(store, "cho")) == ([], before["cho"])
    for who in ("anna", "ben"):
        stale = await read(store, who, before[who].head)
        assert stale.head == stale.floor == before[who].head + 1
        assert stale.items == ()
    assert (await read(store, "ben", None)).counts == Counts()
    await deliver(store, event("ben"))
    assert len(await rows(store, "ben")) == 1
    await audit(store, "anna", "ben", "cho")


@pytest.mark.parametrize("action", ["read", "archive", "delete"])
@pytest.mark.parametrize("target", ["ids", "at", "upto"])
async def test_g6_a_mark_meets_one_part(
    store: PostgresStore, db: asyncpg.Connection, action: Any, target: str
) -> None:
    """G6: rows that lie at the same place of two parts by time are told apart by every mark."""
    now = now_ms()
    await db.execute("SELECT alimi_split_by_time($1)", [now - 60 * DAY, now - DAY, now + DAY])
    old, new = event(created_at=now - 2 * DAY), event()
    await deliver(store, old, new)
    places = await db.fetch("SELECT ctid::text FROM alimi_notifications")
    assert len(set(places)) == 1
    which: dict[str, Any] = {target: (old.id,) if target == "ids" else 1}
    marked = await do(store, action, **which)
    assert (marked.count, marked.ids) == (1, (old.id,))
    assert marked.counts == Counts(unread=1, unseen=1)
    await audit(store)


async def test_a_part_is_dropped_while_nodes_write(
    store: PostgresStore, postgres_url: str, db: asyncpg.Connection
) -> None:
    """G6: writers wait for the drop and go on; nothing is lost or counted twice."""
    now = now_ms()
    await db.execute("SELECT alimi_split_by_time($1)", [now - 60 * DAY, now - DAY, now + DAY])
    await deliver(store, *(event(["anna", "ben"], created_at=now - 2 * DAY) for _ in range(20)))

    async def write() -> None:
        for _ in range(20):
            await deliver(store, event(["anna", "ben"]))

    async def mark() -> None:
        for _ in range(20):
            await do(store, "read", upto=10**9)

    async def drop() -> None:
        part = await db.fetchval("SELECT tableoid::regclass::text FROM alimi_notifications LIMIT 1")
        await db.execute("SELECT alimi_drop_part($1)", part)

    await asyncio.gather(write(), mark(), drop())
    await do(store, "read", upto=10**9)
    page = await store.page("anna", PageQuery(limit=100))
    assert (len(page.items), page.counts.unread) == (20, 0)
    await audit(store, "anna", "ben")


async def test_the_page_says_what_works(db: asyncpg.Connection) -> None:
    """Each statement about tables runs: one way of splitting, or the other."""
    page = Path(__file__).parents[2].joinpath("docs/postgres-partitions.md").read_text("utf-8")
    by_recipient, *by_time, _ = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    transaction = db.transaction()
    await transaction.start()
    await db.execute(by_recipient)
    await transaction.rollback()
    for statement in by_time:
        await db.execute(statement)
    names = [name for (name,) in await db.fetch("SELECT inhrelid::regclass::text FROM pg_inherits")]
    left = {name for name in names if "_idx" not in name and "_pkey" not in name}
    assert left == {
        "alimi_notifications_20260101", "alimi_notifications_20260201", "alimi_notifications_rest",
    }  # fmt: skip
