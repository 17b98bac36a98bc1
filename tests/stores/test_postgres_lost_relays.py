"""Relays that hang, vanish or lose their connection in the middle of a batch."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
import pytest_asyncio

from alimi.errors import StoreError
from alimi.stores.postgres import PostgresStore
from alimi.testing.stores.harness import audit, event, ids, settle
from tests.support.postgres import until_locked_out
from tests.support.tcp_proxy import TcpProxy


@pytest_asyncio.fixture
async def far(far: PostgresStore) -> PostgresStore:
    """Its connection is there before the way is held up."""
    await far.apply(1)
    return far


async def test_a_relay_that_hangs_keeps_no_lock(
    far: PostgresStore, store: PostgresStore, proxy: TcpProxy
) -> None:
    """A relay that hears no answer holds nothing up: another goes on, and nothing is doubled."""
    await store.append([event(n % 3) for n in range(30)])
    proxy.hold("down")
    batch = asyncio.ensure_future(far.apply(10))
    await asyncio.to_thread(proxy.wait_held, "down")
    applied = await settle(store)
    assert sum(each.notifications for each in applied) == 20
    proxy.release()
    assert (await batch).notifications == 10
    assert [len(await ids(store, who)) for who in "012"] == [10, 10, 10]
    await audit(store, "0", "1", "2")


async def test_g1_g4_a_batch_whose_answer_is_lost(
    far: PostgresStore, store: PostgresStore, proxy: TcpProxy
) -> None:
    """G1, G4: whether the batch was committed is not known, and the next one makes it right."""
    await store.append([event(n % 3) for n in range(30)])
    proxy.hold("down")
    batch = asyncio.ensure_future(far.apply(10))
    await asyncio.to_thread(proxy.wait_held, "down")
    proxy.cut()
    proxy.release()
    with pytest.raises(StoreError):
        await batch
    applied = await settle(far)
    assert sum(each.notifications for each in applied) == 20
    assert [len(await ids(store, who)) for who in "012"] == [10, 10, 10]
    await audit(store, "0", "1", "2")


async def test_g1_a_backend_is_ended_in_the_middle_of_a_batch(
    far: PostgresStore, store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1: a batch that was under way when its backend died has never been."""
    await store.append([event(["anna", "ben"])])
    await settle(store)
    await store.append([event(["anna", "ben"]) for _ in range(5)])
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'ben' FOR UPDATE")
        batch = asyncio.ensure_future(far.apply(10))
        (pid,) = await until_locked_out(db, batch)
        await db.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(StoreError):
            await batch
    (applied,) = await settle(far)
    assert applied.notifications == 10
    await audit(store, "anna", "ben")


async def test_a_cancelled_batch_is_not_believed(far: PostgresStore, store: PostgresStore) -> None:
    """A relay that is stopped in the middle of a batch starts the next one with an open mind."""
    await store.append([event(n % 3) for n in range(30)])
    for _ in range(5):
        batch = asyncio.ensure_future(far.apply(3))
        await asyncio.wait([batch], timeout=0.002)
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
    await settle(far)
    assert [len(await ids(store, who)) for who in "012"] == [10, 10, 10]
    await audit(store, "0", "1", "2")
