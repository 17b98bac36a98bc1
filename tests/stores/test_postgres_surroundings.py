"""What a role, a session or a dump brings along that the PostgreSQL store did not choose."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from alimi.stores.postgres import PostgresStore, schema, within
from alimi.stores.postgres.sql import SQL
from alimi.testing.stores.harness import audit, do, event, ids, settle

_PLAIN = """
INSERT INTO alimi_outbox (event_id, recorded_at, recipients, kind, category, created_at, content)
VALUES ($1, 1, '{anna}', 'k', 'c', 1, '{"texts": {"en": "t"}}')
"""
#: As after pg_dump and pg_restore into a server that has given fewer transaction ids so far: the
#: ids of these rows lie on both sides of where it is.
_RESTORED = """
UPDATE alimi_outbox SET txid = (pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    + (seq - 2) * 1000)::text::xid8
"""


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_g1_g3_what_a_dump_brought_comes_first(
    limit: int, store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1, G3: an outbox from a dump is applied before what was recorded after the restore."""
    await db.execute("ALTER TABLE alimi_outbox ALTER seq RESTART")
    for name in ("old1", "old2", "old3", "old4"):
        await db.execute(_PLAIN, name)
    await db.execute(_RESTORED)
    await db.execute(_PLAIN, "new1")
    while (await store.apply(limit)).more:
        await db.execute("SELECT pg_current_xact_id()")
    await db.execute(_PLAIN, "new2")
    await settle(store)
    assert (await ids(store))[::-1] == ["old1", "old2", "old3", "old4", "new1", "new2"]
    await audit(store)


@pytest.mark.parametrize(
    "default",
    ["default_transaction_isolation = 'serializable'", "default_transaction_read_only = on"],
)
async def test_operators_verbs_under_other_defaults(empty_postgres: str, default: str) -> None:
    """Migrations that start together, and a new epoch, rely on no default of the database."""
    name = empty_postgres.rpartition("/")[2]
    db = await asyncpg.connect(empty_postgres)
    await db.execute(f"ALTER DATABASE {name} SET {default}")
    await db.close()
    stores = [PostgresStore(empty_postgres) for _ in range(4)]
    done = await asyncio.gather(*(store.migrate() for store in stores))
    assert sum(map(len, done)) == schema.NEWEST
    assert await stores[0].renew_epoch() != await stores[0].renew_epoch()


@pytest.mark.parametrize(
    "default",
    ["default_transaction_isolation = 'serializable'", "default_transaction_read_only = on"],
)
async def test_g1_a_default_that_changes_under_an_open_store(
    default: str, store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1: who alters the role or the database stops no relay that is running."""
    await store.append([event()])
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET {default}")
    await db.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await store.append([event()])
    assert sum(each.notifications for each in await settle(store)) == 2
    assert (await do(store, "read", upto=10**9)).count == 2
    await audit(store)


async def test_g4_a_life_is_one_in_every_time_zone(db: asyncpg.Connection) -> None:
    """G4: two sessions agree on which life of the server this is, however they write times."""
    here = await db.fetchval("SELECT alimi_life()")
    await db.execute("SET timezone = 'Asia/Seoul'; SET datestyle = 'German'")
    assert await db.fetchval("SELECT alimi_life()") == here


async def test_g8_keys_do_not_fill_the_table_of_locks(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G8: the table of locks is the whole cluster's: all keys of all nodes share a few of them."""
    async with db.transaction():
        await db.execute(SQL["lock_keys"], [f"key-{n}" for n in range(20_000)])
        held = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        assert await db.fetchval(held) <= 1024
    assert (await store.append([event(key="key-1")]))[0].status == "recorded"


async def test_an_open_store_knows_where_it_is(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a transaction on a wrong database only who records next asks anew; no loop is held."""

    def asked(*_: object) -> None:
        pytest.fail("it asked on another connection, and the loop waited")

    store._place.learn(None)
    monkeypatch.setattr(within, "look_after", asked)
    await store.append([event()])
    assert await store.pending()
    assert sum(each.notifications for each in await settle(store)) == 1
