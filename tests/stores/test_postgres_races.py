"""Races at READ COMMITTED, made to happen: who waited for a lock sees what was done under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from alimi.errors import StoreBusy
from alimi.model import Counts, Entry, Mark, Retention, Retraction, Swept, now_ms
from alimi.stores.postgres import PostgresStore, sweep
from alimi.testing.stores.harness import (
    DAY,
    audit,
    deliver,
    do,
    event,
    fill,
    ids,
    read,
    settle,
)
from tests.support.postgres import until_locked_out

KEEP = Retention(days=None, rows=None)


@asynccontextmanager
async def behind(db: asyncpg.Connection, *verbs: Awaitable[Any]) -> AsyncIterator[None]:
    """Inside, another transaction has locked the inbox, and each of the verbs waits for it.

    What the body does is committed before any of them goes on.
    """
    async with db.transaction(isolation="read_committed"):
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'anna' FOR UPDATE")
        tasks = [asyncio.ensure_future(verb) for verb in verbs]
        await until_locked_out(db, *tasks)
        yield
    await asyncio.gather(*tasks)


async def insert(db: asyncpg.Connection, count: int) -> None:
    """What a relay writes under the inbox's lock."""
    for _ in range(count):
        await db.execute(
            "WITH moved AS (UPDATE alimi_inboxes SET version = version + 1, unread = unread + 1,"
            " unseen = unseen + 1, kept = kept + 1 WHERE recipient = 'anna' RETURNING version)"
            " INSERT INTO alimi_notifications (recipient, id, version, born, content_version,"
            " created_at, expires_at, kind, category, content) SELECT 'anna', gen_random_uuid(),"
            " version, version, version, 1, 5, 'k', 'c', '{\"texts\":{}}' FROM moved"
        )


async def test_g6_two_mark_alls_behind_an_insert(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G6: both waited for the insert; its rows are read once and counted down once."""
    await fill(store, 2)
    everything = Mark("read", upto=10**9)
    marks = [store.mark("anna", everything), store.mark("anna", everything)]
    async with behind(db, *marks):
        await insert(db, 2)
    changes = await read(store)
    assert (changes.counts, changes.head) == (Counts(0, 0), 5)
    await audit(store)


@pytest.mark.parametrize("action", ["archive", "delete", "seen", "read"])
async def test_g6_a_mark_behind_a_mark(
    store: PostgresStore, db: asyncpg.Connection, action: Any
) -> None:
    """G6: a mark that waited weighs the rows as they are then, not as they were when it came."""
    await fill(store, 3)
    async with behind(db, store.mark("anna", Mark(action, upto=10**9))):
        await insert(db, 1)
        await db.execute("SELECT alimi_mark('anna', 'read', NULL, 2, NULL, 1)")
    await audit(store)


async def test_g6_a_retraction_behind_a_mark(store: PostgresStore, db: asyncpg.Connection) -> None:
    """G6: a retraction that waited finds read what was unread when it came, and withdraws none."""
    await fill(store, 1, about="card:1")
    await store.append([Retraction("card:1", now_ms(), ("anna",))])
    async with behind(db, settle(store)):
        await db.execute("SELECT alimi_mark('anna', 'read', NULL, 1, NULL, 1)")
    changes = await read(store)
    assert (changes.counts, len(changes.items)) == (Counts(0, 0), 1)
    await audit(store)


@pytest.mark.parametrize("retracted", [None, "card:1"])
async def test_a_batch_locks_inboxes_in_order(
    store: PostgresStore, db: asyncpg.Connection, postgres_url: str, retracted: str | None
) -> None:
    """Who waits for an inbox holds none that comes after it: so no two wait for each other."""
    name = postgres_url.rpartition("/")[2]
    for scan in ("indexscan", "bitmapscan"):  # an index would have them in order anyway
        await db.execute(f"ALTER DATABASE {name} SET enable_{scan} = off")
    await fill(store, 1, "ben", about="card:1")
    await fill(store, 1)
    batch: list[Entry] = [event(["ben", "anna"])]
    if retracted is not None:
        batch.insert(0, Retraction(retracted, now_ms(), ("ben",)))
    await store.append(batch)
    async with behind(db, settle(store)):
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'ben' FOR UPDATE NOWAIT")
    await audit(store, "anna", "ben")


async def test_a_sweep_waits_for_nobody(store: PostgresStore, db: asyncpg.Connection) -> None:
    """An inbox that somebody is at is left for the next step, and the others are swept."""
    soon = now_ms() + DAY
    await deliver(store, event(["anna", "ben"], expires_at=soon))
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'anna' FOR UPDATE")
        swept = await store.sweep(soon, KEEP, 100)
        assert [hint.recipient for hint in swept.hints] == ["ben"]
        await db.execute("SELECT alimi_mark('anna', 'read', NULL, 9, NULL, 1)")
    assert (await store.sweep(soon, KEEP, 100)).expired == 1
    assert (await ids(store), await ids(store, "ben")) == ([], [])
    await audit(store, "anna", "ben")


async def test_two_sweepers_retire_what_one_would(
    store: PostgresStore, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inbox that another node has swept since it was found crowded gives up nothing more."""
    other, rows = PostgresStore(postgres_url), Retention(days=None, rows=5)
    await other.open()
    await fill(store, 8)
    bury = sweep.Step.bury

    async def swept_meanwhile(step: sweep.Step, query: str, *values: Any) -> int:
        if query == "bury_oldest":
            monkeypatch.setattr(sweep.Step, "bury", bury)
            assert (await other.sweep(now_ms(), rows, 100)).retired == 3
        return await bury(step, query, *values)

    monkeypatch.setattr(sweep.Step, "bury", swept_meanwhile)
    assert (await store.sweep(now_ms(), rows, 100)).retired == 0
    assert len(await ids(store)) == 5
    await audit(store)
    await other.close()


async def test_g8_crowded_inboxes_share_a_step(store: PostgresStore) -> None:
    """G8: one step thins out several inboxes, no more than its limit in all, and none is missed."""
    people = [f"user-{n}" for n in range(5)]
    await deliver(store, *(event(people) for _ in range(4)))
    steps: list[Swept] = []
    while not steps or steps[-1].more:
        steps.append(await store.sweep(now_ms(), Retention(days=None, rows=2), 3))
    assert [step.retired for step in steps] == [3, 3, 3, 1]
    assert [len(await ids(store, who)) for who in people] == [2] * 5
    await audit(store, *people)


async def test_g5_pruning_spares_an_inbox_in_use(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G5: a tombstone goes together with its floor, or stays: never the one without the other."""
    names = await fill(store, 2)
    await do(store, "delete", ids=(names[0],))
    late = now_ms() + 40 * DAY
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'anna' FOR UPDATE")
        assert (await store.sweep(late, KEEP, 100)).pruned == 0
        assert ((await read(store, after=2)).floor, len((await read(store, after=2)).items)) == (
            0,
            1,
        )
    assert (await store.sweep(late, KEEP, 100)).pruned == 1
    assert (await read(store)).floor == 3


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_g6_another_default_isolation(
    store: PostgresStore, db: asyncpg.Connection, postgres_url: str, isolation: str
) -> None:
    """G6: a stricter default of the database changes nothing: nothing of ours relies on it."""
    name = postgres_url.rpartition("/")[2]
    await fill(store, 3)
    await db.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    strict = PostgresStore(postgres_url)
    await strict.open()
    marks = [strict.mark("anna", Mark("read", upto=10**9)) for _ in range(2)]
    async with behind(db, *marks):
        await insert(db, 2)
    await asyncio.gather(*(deliver(strict, event()) for _ in range(5)))
    await do(strict, "read", upto=10**9)
    assert (await read(strict)).counts == Counts(0, 0)
    await audit(strict)
    await strict.close()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_g6_a_mark_that_could_not_be_serialised(
    store: PostgresStore, db: asyncpg.Connection, postgres_url: str, isolation: str
) -> None:
    """G6: where the default became stricter under an open store, who collides marks again."""
    name = postgres_url.rpartition("/")[2]
    await fill(store, 3)
    await db.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    # Its first mark is on a connection that begins with the new default.
    async with behind(db, store.mark("anna", Mark("read", upto=10**9))):
        await insert(db, 2)
    assert not store._target.is_bracketed
    assert (await read(store)).counts == Counts(0, 0)
    await audit(store)


async def test_a_lock_that_is_not_let_go_is_an_answer(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """A mark that cannot have the inbox says so after a while instead of waiting for ever."""
    await fill(store, 1)
    await db.execute("ALTER FUNCTION alimi_mark SET lock_timeout = '50ms'")
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'anna' FOR UPDATE")
        with pytest.raises(StoreBusy):
            await do(store, "read", upto=1)
    assert (await do(store, "read", upto=1)).count == 1
