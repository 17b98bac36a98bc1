"""Relays that hang, vanish or lose their connection in the middle of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio

from alimi.errors import StoreError
from alimi.stores.postgres import PostgresStore
from alimi.testing.stores.harness import audit, event, ids, settle
from tests.support.postgres import PostgresServer
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[TcpProxy]:
    with TcpProxy(postgres_server.port) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def far(
    postgres_server: PostgresServer, proxy: TcpProxy, postgres_url: str
) -> AsyncIterator[PostgresStore]:
    """A store whose connections lead through the proxy."""
    store = PostgresStore(postgres_url.replace(f":{postgres_server.port}/", f":{proxy.port}/"))
    await store.open()
    await store.apply(1)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def near(postgres_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    await store.open()
    yield store
    await store.close()


async def test_a_relay_that_hangs_keeps_no_lock(
    far: PostgresStore, near: PostgresStore, proxy: TcpProxy
) -> None:
    """A relay that hears no answer holds nothing up: another goes on, and nothing is doubled."""
    await near.append([event(n % 3) for n in range(30)])
    proxy.hold("down")
    batch = asyncio.ensure_future(far.apply(10))
    await asyncio.to_thread(proxy.wait_held, "down")
    applied = await settle(near)
    assert sum(each.notifications for each in applied) == 20
    proxy.release()
    assert (await batch).notifications == 10
    assert [len(await ids(near, who)) for who in "012"] == [10, 10, 10]
    await audit(near, "0", "1", "2")


async def test_g1_g4_a_batch_whose_answer_is_lost(
    far: PostgresStore, near: PostgresStore, proxy: TcpProxy
) -> None:
    """G1, G4: whether the batch was committed is not known, and the next one makes it right."""
    await near.append([event(n % 3) for n in range(30)])
    proxy.hold("down")
    batch = asyncio.ensure_future(far.apply(10))
    await asyncio.to_thread(proxy.wait_held, "down")
    proxy.cut()
    proxy.release()
    with pytest.raises(StoreError):
        await batch
    applied = await settle(far)
    assert sum(each.notifications for each in applied) == 20
    assert [len(await ids(near, who)) for who in "012"] == [10, 10, 10]
    await audit(near, "0", "1", "2")


async def test_g1_a_backend_is_ended_in_the_middle_of_a_batch(
    far: PostgresStore, near: PostgresStore, postgres_url: str
) -> None:
    """G1: a batch that was under way when its backend died has never been."""
    await near.append([event(["anna", "ben"])])
    await settle(near)
    await near.append([event(["anna", "ben"]) for _ in range(5)])
    db = await asyncpg.connect(postgres_url)
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'ben' FOR UPDATE")
        batch = asyncio.ensure_future(far.apply(10))
        async with asyncio.timeout(10):
            waiting: list[int] = []
            while not waiting:
                found = await db.fetch("SELECT pid FROM pg_locks WHERE NOT granted")
                waiting = [pid for (pid,) in found]
        await db.fetchval("SELECT pg_terminate_backend($1, 5000)", waiting[0])
        with pytest.raises(StoreError):
            await batch
    await db.close()
    (applied,) = await settle(far)
    assert applied.notifications == 10
    await audit(near, "anna", "ben")


async def test_a_cancelled_batch_is_not_believed(far: PostgresStore, near: PostgresStore) -> None:
    """A relay that is stopped in the middle of a batch starts the next one with an open mind."""
    await near.append([event(n % 3) for n in range(30)])
    for _ in range(5):
        batch = asyncio.ensure_future(far.apply(3))
        await asyncio.wait([batch], timeout=0.002)
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
    await settle(far)
    assert [len(await ids(near, who)) for who in "012"] == [10, 10, 10]
    await audit(near, "0", "1", "2")
