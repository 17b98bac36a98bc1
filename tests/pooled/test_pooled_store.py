"""The store behind a real PgBouncer in transaction mode, announced in its URL or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alimi.errors import StoreError, StoreReadOnly
from alimi.model import Retention, now_ms
from alimi.stores.postgres import PostgresStore
from alimi.stores.postgres.target import Target
from alimi.testing.stores.harness import FullStore, audit, do, event, ids, read, settle
from tests.stores.test_postgres import PostgresConformance
from tests.support.pgbouncer import POOL, PgBouncer
from tests.support.postgres import PostgresServer, Standby
from tests.support.real_servers import Databases
from tests.support.tcp_proxy import TcpProxy

announced_or_not = pytest.mark.parametrize("said", ["?pgbouncer=true", ""])


class TestBehindPgBouncer(PostgresConformance):
    """The contract, where hardly two transactions in turn are on one connection of the server."""

    pooler: PgBouncer

    @pytest.fixture(autouse=True)
    def _use(self, postgres_databases: Databases, pooler: PgBouncer) -> None:
        self.databases = postgres_databases
        self.pooler = pooler

    def make_store(self, place: Path) -> FullStore:
        database = self.databases.url(place).rpartition("/")[2]
        return PostgresStore(self.pooler.url(database))


@pytest.fixture
async def stores(pooled_url: str, said: str) -> AsyncIterator[list[PostgresStore]]:
    """Three nodes' stores, open: more connections than the pooler has to the server."""
    made = [PostgresStore(pooled_url + said) for _ in range(3)]
    await asyncio.gather(*(each.open() for each in made))
    yield made
    for each in made:
        await each.close()


@announced_or_not
async def test_g1_many_nodes_at_once(stores: list[PostgresStore]) -> None:
    """G1, G4: writers, relays, readers, marks and sweeps share few connections."""
    await asyncio.gather(
        *(each.append([event(key=f"{n}")]) for n in range(30) for each in stores),
        *(each.positions(["anna"]) for each in stores for _ in range(10)),
    )
    await asyncio.gather(
        *map(settle, stores), *(do(stores[0], "read", upto=10**9) for _ in range(5))
    )
    await stores[1].sweep(now_ms(), Retention(), 100)
    assert len(await ids(stores[2], limit=100)) == 30
    assert (await stores[2].positions(["anna"])).heads["anna"] >= 30
    await audit(stores[0])


async def every_session(url: str, question: str) -> set[tuple[Any, ...]]:
    """What each of the pooler's connections to the server answers."""
    async with AsyncExitStack() as stack:
        found = set()
        for _ in range(POOL):
            connection = await psycopg.AsyncConnection.connect(url, prepare_threshold=None)
            await stack.enter_async_context(connection)
            cursor = await connection.execute(question.encode())  # and keeps its transaction
            found.update(await cursor.fetchall())
        return found


@announced_or_not
async def test_nothing_stays_behind_for_others(
    stores: list[PostgresStore], pooled_url: str
) -> None:
    """Whoever is given the connection next finds it as the server makes them."""
    question = """
        SELECT current_setting('synchronous_commit'), current_setting('jit'),
            current_setting('lock_timeout'), (SELECT count(*) FROM pg_prepared_statements),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
    """
    before = await every_session(pooled_url, question)
    for _ in range(3 * POOL):
        await asyncio.gather(*(each.append([event()]) for each in stores))
        await asyncio.gather(*(each.apply(10) for each in stores))
        await asyncio.gather(*(read(each) for each in stores))
    assert await every_session(pooled_url, question) == before
    assert len(before) == 1


async def test_g1_the_server_is_lost_in_the_middle_of_a_commit(
    block: str, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """G1, G4: the pooler hangs up; the transaction is asked for, and nothing is written twice."""
    database = postgres_url.rpartition("/")[2]
    direct = PostgresStore(postgres_url)
    with TcpProxy(postgres_server.port) as proxy, PgBouncer(block, proxy.port) as pooler:
        store = PostgresStore(pooler.url(database))
        await store.open()
        await store.append([event()])
        for n in range(5):
            proxy.hold("down")
            appended = asyncio.ensure_future(store.append([event(key=None if n % 2 else f"{n}")]))
            await asyncio.to_thread(proxy.wait_held, "down")
            proxy.cut()
            proxy.release()
            await appended
        await store.close()
    await direct.open()
    await settle(direct)
    assert len(await ids(direct, limit=100)) == 6
    await audit(direct)
    await direct.close()


async def test_several_loops_begin_at_once(pooled_url: str) -> None:
    """None of the first connections is taken for one that has the server for itself."""
    target = Target(pooled_url)
    made = await asyncio.gather(*(target.connect() for _ in range(POOL)))
    for each in made:
        await each.fetchval("SELECT $1::text", "x")
        await each.close()
    question = "SELECT count(*) FROM pg_prepared_statements"
    assert await every_session(pooled_url, question) == {(0,)}


async def test_a_pooler_that_was_denied(pooled_url: str) -> None:
    """`pgbouncer=false` is taken at its word; where it is wrong, the error says what to write."""
    store = PostgresStore(f"{pooled_url}?pgbouncer=false")
    await every_session(pooled_url, "SELECT 1")  # all of them are there

    async def use() -> None:
        await store.open()
        for _ in range(2 * POOL):
            await store.positions(["anna"])

    with pytest.raises(StoreError, match=r"in between; add \?pgbouncer=true to the URL$"):
        await use()
    await store.close()


async def test_a_pooler_that_was_led_to_a_standby(block: str) -> None:
    """Its clients' connections stay, so it is found out at the next call; then it is promoted."""
    with (
        PostgresServer() as primary,
        Standby(primary) as standby,
        TcpProxy(primary.port) as way,
        PgBouncer(block, way.port) as pooler,
    ):
        store = PostgresStore(pooler.url(primary.create_database()))
        await store.migrate()
        await store.open()
        await store.append([event()])
        await settle(store)
        await asyncio.to_thread(standby.catch_up)
        way.target = standby.port
        way.cut()
        for verb in (read(store), store.append([event()]), store.apply(10), store.waiting()):
            with pytest.raises(StoreReadOnly):
                await verb
        await asyncio.to_thread(standby.promote)
        await store.append([event()])
        await settle(store)
        assert len(await ids(store)) == 2
        await audit(store)
        await store.close()
