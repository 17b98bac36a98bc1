"""The relay's batch on PostgreSQL: several relays, late commits, old snapshots, what cannot go."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from alimi.errors import StoreBusy
from alimi.model import Applied, Retraction, now_ms
from alimi.stores.postgres import PostgresStore, apply
from alimi.testing.stores.harness import audit, event, fill, ids, read, settle
from tests.support.postgres import until_locked_out

_PLAIN = """
INSERT INTO alimi_outbox (event_id, recorded_at, recipients, kind, category, created_at, content)
SELECT $1 || n, 1, ARRAY[$2], 'k', 'c', 1, '{"texts": {"en": "t"}}'
FROM generate_series(1, $3::integer) AS n
"""
_DEAD = """
WITH gone AS (DELETE FROM alimi_outbox RETURNING 1) SELECT count(*) FROM gone
"""


async def write(db: asyncpg.Connection, name: str, to: str = "anna", count: int = 1) -> None:
    await db.execute(_PLAIN, name, to, count)


async def test_g1_several_relays_and_slow_transactions(
    store: PostgresStore, postgres_url: str
) -> None:
    """G1, G3: relays of several stores beside transactions that take their time: once, in order."""
    others = [PostgresStore(postgres_url) for _ in range(2)]
    for other in others:
        await other.open()
    rng, done = random.Random(4), asyncio.Event()
    applied: list[Applied] = []

    async def relay(each: PostgresStore) -> None:
        while not done.is_set() or await each.pending():
            applied.append(await each.apply(7))

    async def application(number: int) -> None:
        connection = await asyncpg.connect(postgres_url)
        for turn in range(20):
            async with connection.transaction():
                await write(connection, f"{number}-{turn:02}-a", "anna")
                for _ in range(rng.randrange(4)):
                    await connection.execute("SELECT 1")
                await write(connection, f"{number}-{turn:02}-b", "anna")
        await connection.close()

    relays = [asyncio.ensure_future(relay(each)) for each in (store, *others)]
    await asyncio.gather(*(application(number) for number in range(6)))
    done.set()
    await asyncio.gather(*relays)
    assert sum(each.notifications for each in applied) == 240
    found = (await ids(store, limit=1000))[::-1]
    assert len(set(found)) == 240
    for number in range(6):
        mine = [name for name in found if name.startswith(f"{number}-")]
        assert mine == sorted(mine)
    assert (await read(store)).head == 240
    await audit(store)
    for other in others:
        await other.close()


async def test_rows_are_told_of_those_who_are_followed(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """A batch to readers here and elsewhere: a hint for each, and rows for whom is here."""
    for to in ("anna", "ben"):
        await write(db, f"{to}-", to, 2)
    applied = await store.apply(100, {"ben"}.__contains__)
    assert [(each.recipient, len(each.items)) for each in applied.changes] == [("ben", 2)]
    assert {(each.recipient, each.version) for each in applied.hints} == {("anna", 2), ("ben", 2)}
    await write(db, "anna-later-", "anna")
    assert (await store.apply(100, {"ben"}.__contains__)).changes == ()


async def test_g1_a_late_commit_is_not_passed_over(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1: who wrote first and commits last is applied, though all behind it was already."""
    async with db.transaction():
        await write(db, "late")
        for _ in range(3):
            await fill(store, 3)
            assert not (await store.apply(10)).more
            assert not await store.pending()
    assert await store.pending()
    (applied,) = await settle(store)
    assert applied.notifications == 1
    assert (await ids(store))[0] == "late1"


async def test_g1_a_prepared_transaction_is_not_passed_over(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """G1: a two-phase commit may come whenever it likes."""
    await db.execute("BEGIN")
    await write(db, "late")
    await db.execute("PREPARE TRANSACTION 'alimi-test'")
    await fill(store, 3)
    await db.execute("COMMIT PREPARED 'alimi-test'")
    assert await store.pending()
    await settle(store)
    assert (await ids(store))[0] == "late1"


async def test_missing_the_lock_is_not_the_same_as_nothing_to_do(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """A relay that cannot have the lock says that there may be more, and then finds it."""
    await store.append([event()])
    async with db.transaction():
        lock = "SELECT pg_advisory_xact_lock('alimi_outbox'::regclass::oid::integer, 0)"
        await db.execute(lock)
        applied = await store.apply(10)
        assert (applied.entries, applied.more) == (0, True)
    assert (await store.apply(10)).notifications == 1


async def test_what_another_relay_takes_at_once_is_left_to_it(
    store: PostgresStore, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bystander looks twice, so the cluster's traffic costs it two looks and no batch."""
    bystander = PostgresStore(postgres_url)
    await bystander.open()
    await store.append([event()])
    still_waits = apply._still_waits

    async def taken_meanwhile(*given: Any) -> bool:
        assert (await store.apply(10)).notifications == 1
        await store.append([event()])
        return await still_waits(*given)

    monkeypatch.setattr(apply, "_still_waits", taken_meanwhile)
    assert not await bystander.pending()
    monkeypatch.setattr(apply, "_still_waits", still_waits)
    assert await bystander.pending()  # G1: nobody took the second, so it does
    await bystander.close()


async def test_a_full_batch_that_took_all_says_so(store: PostgresStore) -> None:
    """`more` means that more waits: a relay that has met its limit does not look in vain."""
    await store.append([event() for _ in range(3)])
    assert [(await store.apply(limit)).more for limit in (2, 1)] == [True, False]


async def buffers(db: asyncpg.Connection, *bounds: Any) -> int:
    """How many pages one call of the relay's function touches."""
    call = "SELECT * FROM alimi_apply(0, 100, 1, 0, $1, $2, $3, $4, $5, '{}', '{}')"
    (text,) = await db.fetchrow(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {call}", *bounds)
    plan = text if isinstance(text, str) else str(text)
    (found,) = [line for line in plan.splitlines() if '"Shared Hit Blocks"' in line][:1]
    return int(found.partition(":")[2].strip(" ,"))


async def test_a_claim_stays_flat_while_an_old_snapshot_keeps_the_dead(
    store: PostgresStore, db: asyncpg.Connection, postgres_url: str
) -> None:
    """100,000 dead rows that an old snapshot keeps alive cost the next claim nothing."""
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        await reader.fetchval("SELECT count(*) FROM alimi_outbox")
        await write(db, "dead", "anna", 100_000)
        assert await db.fetchval(_DEAD) == 100_000
        server = await db.fetchval("SELECT alimi_life()")
        for _ in range(7):  # until the plans of the function are kept
            await buffers(db, server, ["0", "0"], [0, 0], [], [])
        walked = await buffers(db, server, ["0", "0"], [0, 0], [], [])
        row = await db.fetchrow(
            "SELECT o_ends[4] AS seen FROM alimi_apply"
            "(0, 100, 1, 0, $1, '{0,0}', '{0,0}', '{}', '{}', '{}', '{}')", server
        )  # fmt: skip
        end = str(int(row["seen"].split(":")[1]) - 1)
        for turn in range(8):  # the last time with plans that are kept
            await write(db, f"live-{turn}-")
            bounded = await buffers(db, server, [end, end], [2**63 - 1, 0], [], [])
        assert len(await ids(store)) == 8
        assert walked > 1_000
        assert bounded < 200
        # The same as the store does it by itself: its position is remembered from call to call.
        await store.apply(100)
        await write(db, "more", "ben", 1)
        assert (await store.apply(100)).notifications == 1
    await reader.close()


async def test_a_store_on_another_server_looks_at_everything(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """What was known of one server's transactions is not believed on another."""
    await fill(store, 3)
    part = store._open.relay._parts[0]
    part._server = "some other start"
    part._main = part._main.__class__(2**40, 0)
    await write(db, "here")
    assert await store.pending()
    assert (await store.apply(10)).notifications == 1


async def test_a_database_that_is_repeatable_read_by_default(
    postgres_url: str, db: asyncpg.Connection
) -> None:
    """The relay's statements have fresh snapshots whatever the database says by default."""
    name = await db.fetchval("SELECT current_database()")
    await db.execute(
        f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'"
    )
    store = PostgresStore(postgres_url)
    await store.open()
    await fill(store, 3)
    await store.append([event()])
    assert (await store.apply(10)).notifications == 1
    await store.close()


async def test_an_inbox_that_somebody_keeps_locked_is_told(
    store: PostgresStore, db: asyncpg.Connection
) -> None:
    """A batch waits for an inbox some seconds and no longer; nothing of it is lost."""
    await fill(store, 1)
    await store.append([event()])
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE \"{name}\" SET lock_timeout = '50ms'")
    impatient = PostgresStore(store._target.dsns[0])
    await impatient.open()
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes FOR UPDATE")
        with pytest.raises(StoreBusy):
            await asyncio.wait_for(impatient.apply(10), 3)  # it does not wait again, for longer
    assert (await impatient.apply(10)).notifications == 1
    assert not impatient._target.is_bracketed
    await impatient.close()


async def test_a_deadlock_is_tried_again(store: PostgresStore, db: asyncpg.Connection) -> None:
    """Somebody who locks inboxes in another order costs a moment, no notification and no error."""
    await db.execute("SET deadlock_timeout = '1h'")  # so that it is the relay that gives in
    await store.append([event(["anna", "ben"])])
    await settle(store)
    await store.append([event(["anna", "ben"])])
    async with db.transaction():
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'ben' FOR UPDATE")
        batch = asyncio.ensure_future(store.apply(10))
        await until_locked_out(db, batch)
        await db.execute("SELECT 1 FROM alimi_inboxes WHERE recipient = 'anna' FOR UPDATE")
    assert (await batch).notifications == 2
    await audit(store, "anna", "ben")


BAD: dict[str, tuple[str, ...]] = {
    "no kind": ("kind", "NULL"),
    "no category": ("category", "NULL"),
    "no content": ("content", "NULL"),
    "texts are no object": ("content", """'{"texts": 5}'"""),
    "a text is no text": ("content", """'{"texts": {"en": 5}}'"""),
    "a snapshot without id": ("content", """'{"texts": {}, "actor": {"name": "x"}}'"""),
    "data is no object": ("content", """'{"texts": {}, "data": [1]}'"""),
    "an url that is no text": ("content", """'{"texts": {}, "url": {}}'"""),
    "an empty recipient": ("recipients", "'{\"\"}'"),
    "no recipients": ("recipients", "NULL"),
    "a recipient that is none": ("recipients", "'{anna,NULL}'"),
    "an over-long recipient": ("recipients", "ARRAY[repeat('x', 129)]"),
    "an unknown type": ("type", "'foo'"),
    "a retraction about nothing": ("type", "'retract'"),
    "recipients in rows and columns": ("recipients", "'{{anna},{ben}}'"),
    "texts twice, the first are none": (
        "content", """'{"texts": 5, "texts": {"en": "x"}}'"""
    ),
    "a number without bound": ("content", """'{"texts": {"en": "x"}, "data": {"n": 1e400}}'"""),
    "a depth without end": (
        "content",
        """('{"texts": {}, "data": ' || repeat('{"a":', 99) || '1' || repeat('}', 100))::json""",
    ),
    "a signal that nobody can decode": ("type", "'signal', content = '1e999'"),
    "a signal with half a character": ("type", r"""'signal', content = '"\ud800"'"""),
    "a moment that no calendar has": ("created_at", "99999999999999999"),
    "an end that no calendar has": ("expires_at", "9223372036854775807"),
    "an id that no index holds": (
        "event_id", "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_what_cannot_be_applied_stalls_nobody(
    what: str, store: PostgresStore, db: asyncpg.Connection
) -> None:
    """A row that somebody wrote by hand is set aside with a reason; the others go on, in order."""
    column, value = BAD[what]
    await write(db, "before")
    await write(db, "bad")
    await db.execute(f"UPDATE alimi_outbox SET {column} = {value} WHERE event_id = 'bad1'")
    await write(db, "behind")
    applied = await store.apply(10)
    assert (applied.dead, applied.notifications, applied.more) == (1, 2, False)
    assert await ids(store) == ["behind1", "before1"]
    report = await store.inspect()
    assert (report.dead_letters, report.outbox) == (1, 0)
    assert report.last_dead_letter
    await audit(store)


async def test_a_null_character_is_sound(store: PostgresStore, db: asyncpg.Connection) -> None:
    """A text may hold what jsonb refuses, also when another tool has written it."""
    await write(db, "odd")
    odd = r'{"texts": {"en": "a\u0000b\\u0000"}, "actor": {"id": "1"}, "object": null}'
    await db.execute("UPDATE alimi_outbox SET content = $1", odd)
    (applied,) = await settle(store)
    assert applied.changes[0].items[0].content.texts == {"en": "a\0b\\u0000"}  # type: ignore[union-attr]


async def test_g1_an_array_may_begin_anywhere(store: PostgresStore, db: asyncpg.Connection) -> None:
    """G1: recipients of an array whose first place is not 1 are told like all others, once."""
    await write(db, "odd")
    await db.execute("UPDATE alimi_outbox SET recipients = '[0:2]={anna,ben,anna}'")
    assert (await store.apply(10)).notifications == 2
    assert [await ids(store, each) for each in ("anna", "ben")] == [["odd1"]] * 2


async def test_events_about_many_matters_go_together(store: PostgresStore) -> None:
    """Cards that change hands, each withdrawing what was said before, are few parts of a batch."""
    entries: list[Any] = []
    for turn in range(3):
        for card in range(20):
            about = f"card:{card}"
            entries += [Retraction(about, now_ms()), event(f"user-{turn}", about=about)]
    await store.append(entries)
    applied = await settle(store)
    assert sum(each.entries for each in applied) == 120
    assert [len(await ids(store, f"user-{turn}")) for turn in range(3)] == [0, 0, 20]
    await audit(store, "user-0", "user-1", "user-2")


async def test_a_hidden_batch_names_every_inbox(store: PostgresStore) -> None:
    """Of a large batch only the hints are told: what does not fit a socket would hold the lock."""
    await store.append([event(n) for n in range(300)])
    applied = await store.apply(1000)
    assert (applied.changes, len(applied.hints)) == ((), 300)
    await store.append([event(text=50_000 * "x"), event("ben", text=50_000 * "y")])
    applied = await store.apply(1000)
    assert (applied.changes, len(applied.hints)) == ((), 2)
