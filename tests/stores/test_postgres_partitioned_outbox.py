"""An outbox in partitions: relays side by side, and how it comes to be one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from alimi.errors import ForeignDatabase, StoreBusy
from alimi.model import Retraction, now_ms
from alimi.stores.postgres import PostgresStore
from alimi.stores.postgres.outbox import part_of
from alimi.testing.stores.harness import audit, event, ids, record, settle
from tests.stores.postgres_application import application
from tests.stores.test_postgres_relay import write
from tests.support.postgres import until_locked_out


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open()
    return store


def one_of(part: int, partitions: int) -> str:
    """A recipient in this partition."""
    return next(who for n in range(99) if part_of(who := f"user-{n}", partitions) == part)


async def test_partitions_are_applied_beside_each_other(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """Recipients hashed into partitions: once each, keys known across, retractions everywhere."""
    await db.execute("SELECT alimi_partition_outbox(4)")
    one, two = PostgresStore(postgres_url), PostgresStore(postgres_url)
    await one.open()
    await two.open()
    everybody = [f"user-{n}" for n in range(40)]
    await one.append([event(everybody, about="card:1") for _ in range(5)])
    keyed = [event(everybody[:20], key="k"), event(everybody[:20], key="k"), event("x", key="k")]
    receipts = await two.append(keyed)
    assert [each.status for each in receipts] == ["recorded", "repeated", "conflict"]
    async with db.transaction():
        lock = "SELECT pg_advisory_xact_lock('alimi_outbox'::regclass::oid::integer, 2)"
        await db.execute(lock)  # one that hangs does not hold up the other three
        await asyncio.gather(*(each.apply(100) for each in (one, two) for _ in range(8)))
        parts = await db.fetch("SELECT DISTINCT part FROM alimi_outbox")
        assert [part for (part,) in parts] == [2]
    await asyncio.gather(*(settle(each) for each in (one, two)))
    assert [len(await ids(one, who)) for who in everybody] == 20 * [6] + 20 * [5]
    await one.append([Retraction("card:1", now_ms())])
    await settle(two, one)
    assert [len(await ids(one, who)) for who in everybody] == 20 * [1] + 20 * [0]
    await audit(one, *everybody)
    await one.close()
    await two.close()


async def test_a_key_that_two_partitions_know_differently(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """Recorded in two transactions under one key, to recipients of two partitions: a conflict."""
    await db.execute("SELECT alimi_partition_outbox(2)")
    store = PostgresStore(postgres_url)
    await store.open()
    for part in (0, 1):
        await write(db, f"{part}", one_of(part, 2))
        await db.execute(
            "UPDATE alimi_outbox SET part = $1::smallint, key = 'k' WHERE event_id = $2",
            part,
            f"{part}1",
        )
    applied = await settle(store)
    assert sum(each.notifications for each in applied) == 1
    assert sum(each.conflicts for each in applied) == 1
    await store.close()


async def test_g1_a_partition_that_fails_hides_nothing(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """G1: what was applied before another partition failed is told, and then the failure."""
    await db.execute("SELECT alimi_partition_outbox(2)")
    free, stuck = one_of(0, 2), one_of(1, 2)
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET lock_timeout = '50ms'")
    store = await opened(postgres_url)
    await store.append([event(stuck)])
    await settle(store)
    await store.append([event(free), event(stuck)])
    store._open.relay._next = 0
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = $1 FOR UPDATE", stuck)
        applied = await store.apply(100)
        assert ([hint.recipient for hint in applied.hints], applied.more) == ([free], True)
        with pytest.raises(StoreBusy):
            await store.apply(100)
    assert (await store.apply(100)).notifications == 1
    await audit(store, free, stuck)
    await store.close()


async def test_partitions_change_only_while_nobody_runs(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """While a node runs or something waits the number stays; no number means no relay."""
    change = "SELECT alimi_partition_outbox(4)"
    store = await opened(postgres_url)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="running nodes"):
        await db.execute(change)
    await store.append([event()])
    await store.close()
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="wait in the outbox"):
        await db.execute(change)
    store = await opened(postgres_url)
    await settle(store)
    await store.close()
    for number in ("0", "257", "NULL"):
        with pytest.raises(asyncpg.InvalidParameterValueError, match="1 to 256"):
            await db.execute(change.replace("4", number))
    await db.execute(change)
    store = await opened(postgres_url)
    assert store._open.partitions == store._place.here.partitions == 4
    await store.close()


async def test_g3_who_notifies_by_sql_waits_for_the_new_number(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """G3: alimi_notify() that met the change half-way hashes recipients as those behind it do."""
    who = one_of(3, 4)
    told = """SELECT alimi_notify('a.b', ARRAY[$1::text], '{"en": "x"}')"""
    caller = await asyncpg.connect(postgres_url)
    change = db.transaction()
    await change.start()
    await db.execute("SELECT alimi_partition_outbox(4)")
    notified = asyncio.ensure_future(caller.execute(told, who))
    await until_locked_out(db, notified)
    await change.commit()
    await notified
    assert await db.fetchval("SELECT part FROM alimi_outbox") == 3
    await caller.close()


async def test_g3_who_ran_on_unseen_is_refused_once(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """G3: a process that knows the old number records nothing by it, and then asks anew."""
    store = await opened(postgres_url)
    everybody = event([f"user-{n}" for n in range(20)])
    with application(postgres_url) as app:
        app.begin()
        record(store, app, everybody)
        app.rollback()
        await store.close()
        await db.execute("SELECT alimi_partition_outbox(4)")
        app.begin()
        with pytest.raises(ForeignDatabase):
            record(store, app, everybody)
        record(store, app, everybody)
        app.commit()
    parts = await db.fetch("SELECT part FROM alimi_outbox ORDER BY part")
    assert [part for (part,) in parts] == [0, 1, 2, 3]


async def test_the_page_says_what_works(db: asyncpg.Connection) -> None:
    """The statement of docs/postgres-partitions.md runs, and `1` goes back."""
    page = Path(__file__).parents[2].joinpath("docs/postgres-partitions.md").read_text("utf-8")
    (statement,) = [line for line in page.splitlines() if "alimi_partition_outbox" in line]
    await db.execute(statement)
    await db.execute("SELECT alimi_partition_outbox(1)")
    found = "SELECT value FROM alimi_meta WHERE name = 'partitions'"
    assert await db.fetchval(found) == "1"
