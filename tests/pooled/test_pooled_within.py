"""`within=` behind PgBouncer: an application's drivers, set up as docs/postgres.md says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from alimi.stores.postgres import PostgresStore
from tests.contrib.postgres_site import NEWS, Site, record
from tests.contrib.postgres_ways import settle
from tests.support.postgres import PostgresServer

UPDATE = "UPDATE card SET assignee = 2"
#: Of docs/postgres.md.
ASYNCPG: dict[str, Any] = {"statement_cache_size": 0}
PSYCOPG: dict[str, Any] = {"prepare_threshold": None}
OF_SQLALCHEMY: dict[str, dict[str, Any]] = {
    "psycopg": PSYCOPG,
    "asyncpg": {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": str,
    },
}
WAYS = [
    "asyncpg",
    "psycopg",
    "async psycopg",
    "AsyncSession on asyncpg",
    "AsyncSession on psycopg",
    "Session on psycopg",
]


@pytest.fixture
async def site(postgres_server: PostgresServer, postgres_url: str) -> AsyncIterator[Site]:
    """An application's database; looked at past the pooler."""
    site = Site(postgres_server, postgres_url)
    yield site
    site.ask("DROP TABLE card")


@pytest.fixture
async def store(pooled_url: str) -> AsyncIterator[PostgresStore]:
    """The store behind the pooler."""
    store = PostgresStore(pooled_url)
    await store.open()
    yield store
    await store.close()


@asynccontextmanager
async def connected(way: str, url: str) -> AsyncIterator[Callable[[], Any]]:
    """Makes what is passed as `within=`, of one engine or connection."""
    kind, _, driver = way.partition(" on ")
    if driver:
        make: Any = create_async_engine if kind == "AsyncSession" else create_engine
        address = url.replace("postgresql", f"postgresql+{driver}")
        engine = make(address, connect_args=OF_SQLALCHEMY[driver])
        yield lambda: (AsyncSession if kind == "AsyncSession" else Session)(engine)
        await settle(engine.dispose())
        return
    connection: Any
    if way == "asyncpg":
        connection = await asyncpg.connect(url, **ASYNCPG)
    elif way == "psycopg":
        connection = psycopg.connect(url, **PSYCOPG)
    else:
        connection = await psycopg.AsyncConnection.connect(url, **PSYCOPG)
    yield lambda: connection
    await settle(connection.close())


async def run(within: Any, sql: str) -> None:
    await settle(within.execute(text(sql) if isinstance(within, (Session, AsyncSession)) else sql))


@pytest.mark.parametrize("way", WAYS)
async def test_g2_one_fate_behind_a_pooler(
    way: str, site: Site, store: PostgresStore, pooled_url: str
) -> None:
    """G2: on whichever connection a transaction runs, record and change commit or go together."""
    async with connected(way, pooled_url) as make:
        for end in ["COMMIT", "ROLLBACK"] * 6:
            within = make()
            if way == "asyncpg":
                await within.execute("BEGIN")
            await run(within, UPDATE)
            await record(within, store)
            if way == "asyncpg":
                await within.execute(end)
            else:
                await settle(getattr(within, end.lower())())
            if isinstance(within, (Session, AsyncSession)):
                await settle(within.close())
    assert site.assignees() == [2]
    assert site.recorded() == NEWS * 6
    assert (await store.apply(100)).notifications == 6


async def test_g2_sql_notifies_behind_a_pooler(store: PostgresStore, pooled_url: str) -> None:
    """G2: `alimi_notify` needs nothing of a session, whoever calls it."""
    notify = """SELECT alimi_notify('card.assigned', ARRAY['2'], '{"en": "x"}')"""
    for end in ("COMMIT", "ROLLBACK") * 3:
        with psycopg.connect(pooled_url, **PSYCOPG) as connection:
            connection.execute(notify)
            connection.execute(end)
    assert (await store.apply(100)).notifications == 3
