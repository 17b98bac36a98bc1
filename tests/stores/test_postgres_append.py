"""Appending on PostgreSQL when connections are lost, and the group commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from alimi.errors import StoreError, StoreFull
from alimi.model import Entry, Retraction, now_ms
from alimi.stores.postgres import PostgresStore, append
from alimi.testing.stores.harness import event, ids, settle
from tests.support.postgres import QUICK, PostgresServer, until_locked_out
from tests.support.servers import wait_until
from tests.support.tcp_proxy import Direction, TcpProxy


@pytest.fixture
def store(far: PostgresStore) -> PostgresStore:
    """Its connections may be cut."""
    return far


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that may be crashed and killed, and is alive again behind each test.

    What no COMMIT asks for it does not write by itself: of such a transaction not the id is left.
    """
    with PostgresServer(settings=QUICK | {"wal_writer_delay": "10s"}) as server:
        yield server


def interrupt(monkeypatch: pytest.MonkeyPatch, happen: Any) -> None:
    """Let something happen instead of the first COMMIT; the others are as ever."""
    commit = append.Commit.commit
    happened: list[bool] = []

    async def instead(self: append.Commit, connection: asyncpg.Connection) -> None:
        if happened:
            await commit(self, connection)
        else:
            happened.append(True)
            await happen(self, connection)

    monkeypatch.setattr(append.Commit, "commit", instead)


def cut(proxy: TcpProxy, way: Direction) -> Any:
    """A COMMIT that is said, and whose connection is lost on its way up or its answer's down."""

    async def happen(_: append.Commit, connection: asyncpg.Connection) -> None:
        proxy.hold(way)
        commit = asyncio.ensure_future(connection.execute("COMMIT"))
        await asyncio.sleep(0)
        await asyncio.to_thread(proxy.wait_held, way)
        proxy.cut()
        proxy.release()
        await commit

    return happen


async def test_g1_the_answer_to_a_commit_is_lost(
    store: PostgresStore, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1, G4: committed, and the connection is lost before the answer: recorded, and only once."""
    interrupt(monkeypatch, cut(proxy, "down"))
    entries: list[Entry] = [event(key="k"), event(), Retraction("card:1", now_ms())]
    receipts = await store.append(entries)
    assert [each.status for each in receipts] == ["recorded"] * 3
    assert (await store.waiting()).entries == 3
    await settle(store)
    assert await ids(store) == [receipts[1].id, receipts[0].id]


async def test_g1_a_commit_never_arrives(
    store: PostgresStore, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1, G4: the connection is lost before COMMIT is heard: it is written again, once."""
    interrupt(monkeypatch, cut(proxy, "up"))
    receipts = await store.append([event(key="k"), event()])
    assert (await store.waiting()).entries == 2
    await settle(store)
    assert await ids(store) == [receipts[1].id, receipts[0].id]


async def test_g1_a_backend_is_ended_before_the_commit(
    store: PostgresStore, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: pg_terminate_backend in the middle of a transaction: it is written again, once."""

    async def happen(_: append.Commit, connection: asyncpg.Connection) -> None:
        pid = connection.get_server_pid()
        await db.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        await connection.execute("COMMIT")

    interrupt(monkeypatch, happen)
    await store.append([event(), event()])
    assert (await store.waiting()).entries == 2


async def test_what_leaves_no_trace_is_said_to_be_unknown_after_a_crash(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be found out whether a commit arrived, the caller hears exactly that."""

    async def happen(commit: append.Commit, connection: asyncpg.Connection) -> None:
        commit.life = "another"
        connection.terminate()
        raise ConnectionResetError

    interrupt(monkeypatch, happen)
    with pytest.raises(StoreError, match="recorded or not, and the server has begun another life"):
        await store.append([Retraction("card:1", now_ms())])


@pytest.mark.parametrize("arrives", [True, False])
async def test_g1_g4_a_crash_in_the_middle_of_a_commit_neither_loses_nor_doubles(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, *, arrives: bool
) -> None:
    """G1, G4: after it the transaction's id belongs to another one, whose fate is not ours."""
    name = own_server.create_database()
    store = PostgresStore(own_server.url(name))
    await store.migrate()
    await store.open()

    async def happen(commit: append.Commit, connection: asyncpg.Connection) -> None:
        if arrives:
            await connection.execute("COMMIT")
        await asyncio.to_thread(own_server.crash_backend, connection.get_server_pid())
        await asyncio.to_thread(wait_until, own_server.answers, "the recovery")
        if not arrives:  # somebody else is given the same id, and commits
            made = "CREATE TABLE other AS SELECT pg_current_xact_id()::text AS id"
            own_server.execute(made, database=name)
            (other,) = own_server.execute("SELECT id FROM other", database=name)
            assert other == (commit.xid,)
        connection.terminate()
        raise ConnectionResetError

    interrupt(monkeypatch, happen)
    # A key alone would tell that it is there; who has none is asked for.
    receipts = await store.append([event(key="k"), event()])
    assert (await store.waiting()).entries == 2
    await settle(store)
    assert await ids(store) == [receipts[1].id, receipts[0].id]
    await store.close()


async def test_a_server_that_restarts_costs_one_try(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """Connections that died while they were idle are replaced; the caller hears nothing."""
    store = PostgresStore(postgres_url)
    await store.open()
    await store.append([event()])
    await db.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await store.append([event()])
    await store.positions(["anna"])
    await settle(store)
    assert len(await ids(store)) == 2
    await store.close()


async def test_g1_a_migration_under_an_open_store(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1: what was prepared before a column's type changed is prepared anew; nobody hears of it."""
    await store.append([event(key="a")])
    for table in ("alimi_keys", "alimi_outbox"):
        await db.execute(f"ALTER TABLE {table} ALTER fingerprint TYPE varchar")
    receipts = await store.append([event(key="b")])
    assert receipts[0].status == "recorded"
    assert (await store.waiting()).entries == 2


async def test_callers_share_a_transaction(store: PostgresStore, db: asyncpg.Connection) -> None:
    """What comes together is committed together: far fewer transactions than callers."""
    before = await db.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await asyncio.gather(*(store.append([event(n)]) for n in range(300)))
    after = await db.fetchval("SELECT pg_current_xact_id()::text::bigint")
    assert after - before < 30
    assert (await store.waiting()).entries == 300


async def test_who_fails_fails_alone(store: PostgresStore) -> None:
    """An entry that the database refuses takes nobody of its group along."""
    fine, wrong = event(), event(expires_at=2**70)
    answers = await asyncio.gather(
        store.append([fine]), store.append([wrong]), store.append([event()]),
        return_exceptions=True,
    )  # fmt: skip
    assert [isinstance(each, StoreError) for each in answers] == [False, True, False]
    assert (await store.waiting()).entries == 2


async def test_g8_waiting_writes_are_bounded(postgres_url: str) -> None:
    """G8: beyond the bound a write is refused at once, and what was accepted is written."""
    store = PostgresStore(postgres_url, queue_bound=10)
    await store.open()
    calls = [asyncio.ensure_future(store.append([event(n)])) for n in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, StoreFull)]
    assert len(refused) == 10
    assert (await store.waiting()).entries == 10
    await store.close()


async def test_a_caller_that_goes_away_takes_nobody_along(store: PostgresStore) -> None:
    """A cancelled append leaves the others of its transaction alone."""
    calls = [asyncio.ensure_future(store.append([event(n)])) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert not isinstance(answers[0], BaseException)
    assert (await store.waiting()).entries >= 2


async def test_a_key_that_somebody_is_using_is_waited_for(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """Two processes with one key: the second waits for the first and then knows its answer."""
    async with db.transaction():
        await db.execute(
            "SELECT pg_advisory_xact_lock("
            "'alimi_keys'::regclass::oid::integer, hashtext('k') & 1023)"
        )
        call = asyncio.ensure_future(store.append([event(key="k")]))
        await until_locked_out(db, call)
        other = await store.append([event(key="l")])
        assert other[0].status == "recorded"
        assert not call.done()
    assert (await call)[0].status == "recorded"


async def test_g1_a_crashed_server_keeps_what_was_answered(own_server: PostgresServer) -> None:
    """G1: `kill -9` of the whole server while many append: what was answered is there after it."""
    name = own_server.create_database()
    store = PostgresStore(own_server.url(name))
    await store.migrate()
    await store.open()
    answered: list[str] = []

    async def append_for_ever(number: int) -> None:
        while True:
            (receipt,) = await store.append([event(number)])
            answered.append(receipt.id)

    callers = [asyncio.ensure_future(append_for_ever(number)) for number in range(8)]
    async with asyncio.timeout(20):
        while len(answered) < 200:
            await asyncio.wait(callers, timeout=0.01)
    await asyncio.to_thread(own_server.kill)
    await asyncio.wait(callers)
    assert all(isinstance(each.exception(), StoreError) for each in callers)
    await asyncio.to_thread(own_server.start)
    rows = own_server.execute("SELECT event_id FROM alimi_outbox", database=name)
    found = [row[0] for row in rows]
    assert len(found) == len(set(found))
    assert set(answered) <= set(found)
    assert sum(each.notifications for each in await settle(store)) == len(found)
    await store.close()
