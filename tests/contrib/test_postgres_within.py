"""Recording inside a transaction on PostgreSQL, whoever opened it (G2)."""

import asyncio
import json
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from alimi.errors import ForeignDatabase, NoTransaction
from alimi.model import Entry, Retraction, Signal
from alimi.store import Rows, drive
from tests.contrib.assigned import ASSIGNED
from tests.contrib.postgres_site import NEWS, Site, record, record_sync
from tests.contrib.postgres_ways import WAYS, opened, settle

every_way = pytest.mark.parametrize("way", WAYS)
ends = pytest.mark.parametrize(("end", "told"), [("commit", 1), ("rollback", 0)])
UPDATE = "UPDATE card SET assignee = 2"


# -- one fate ---------------------------------------------------------------------------------


@every_way
@ends
async def test_g2_one_fate(way: str, site: Site, end: str, told: int) -> None:
    """G2: nothing is visible before the commit; then both are, or neither ever."""
    async with opened(way, site.url) as app:
        await app.execute(UPDATE)
        await record(app.within, site.store)
        assert (site.assignees(), site.recorded()) == ([None], [])
        await app.end(end)
    assert site.assignees() == [2 if told else None]
    assert site.recorded() == NEWS * told


@every_way
async def test_g2_recording_may_be_the_first_statement(way: str, site: Site) -> None:
    """G2: it begins the transaction as any statement does; who closes without commit has none."""
    async with opened(way, site.url) as app:
        await record(app.within, site.store)
    assert site.recorded() == []
    async with opened(way, site.url) as app:
        await record(app.within, site.store)
        await app.execute(UPDATE)
        await app.end("commit")
    assert (site.assignees(), site.recorded()) == ([2], NEWS)


@every_way
async def test_g2_a_savepoint_rolled_back_takes_its_record_along(way: str, site: Site) -> None:
    """G2: what was recorded within the savepoint goes, what was before it stays."""
    async with opened(way, site.url) as app:
        await record(app.within, site.store)
        await app.execute("SAVEPOINT a")
        await app.execute(UPDATE)
        await record(app.within, site.store)
        await app.execute("ROLLBACK TO a")
        await app.end("commit")
    assert (site.assignees(), site.recorded()) == ([None], NEWS)


@every_way
async def test_g2_without_a_transaction_nothing_is_recorded(way: str, site: Site) -> None:
    """G2: where each statement commits by itself there is nothing to commit with."""
    async with opened(way, site.url, autocommit=True) as app:
        with pytest.raises(NoTransaction):
            await record(app.within, site.store)
        await app.execute(UPDATE)
        with pytest.raises(NoTransaction):
            await record(app.within, site.store)
    assert site.recorded() == []


@ends
async def test_g2_a_psycopg_transaction_block(site: Site, end: str, told: int) -> None:
    """G2: an autocommit connection has a transaction inside `with connection.transaction()`."""
    with psycopg.connect(site.url, autocommit=True) as connection:
        with connection.transaction(force_rollback=end == "rollback"):
            record_sync(connection, site.store)
        with pytest.raises(NoTransaction):
            record_sync(connection, site.store)
    assert site.recorded() == NEWS * told


async def test_g2_a_psycopg_pipeline(site: Site, postgres_template: str) -> None:
    """G2: where answers come later, it is still known whether the record is there."""
    with psycopg.connect(site.url) as connection, connection.pipeline():
        connection.execute(UPDATE)
        record_sync(connection, site.store)
    assert (site.assignees(), site.recorded()) == ([2], NEWS)
    async with await psycopg.AsyncConnection.connect(site.url) as other, other.pipeline():
        await record(other, site.store)
    assert site.recorded() == NEWS * 2
    elsewhere = site.server.create_database(postgres_template)
    with (
        psycopg.connect(site.server.url(elsewhere)) as foreign,
        foreign.pipeline(),
        pytest.raises(ForeignDatabase),
    ):
        record_sync(foreign, site.store)
    site.server.drop_database(elsewhere)


async def test_a_session_without_autobegin_has_to_begin(site: Site) -> None:
    """Whoever switched off autobegin decides where a transaction begins."""
    engine = create_engine(site.url.replace("postgresql", "postgresql+psycopg"))
    with Session(engine, autobegin=False) as session:
        with pytest.raises(NoTransaction):
            record_sync(session, site.store)
        with session.begin():
            record_sync(session, site.store)
    engine.dispose()
    assert site.recorded() == NEWS


# -- what it costs the application ------------------------------------------------------------


class Told:
    """An application that only listens to what a recording says."""

    dialect = "postgresql"
    in_transaction = True
    begins_explicitly = True

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str, parameters: Any = ()) -> Rows:
        assert all(isinstance(each, (int, str, type(None))) for each in parameters)
        self.statements.append(sql)
        return [(1,)]


@pytest.mark.parametrize("many", [1, 900, 12_000])
async def test_one_statement_however_much(site: Site, many: int) -> None:
    """One round trip: for one event, several entries, an event to very many; and no NOTIFY."""
    told = Told()
    to = [f"user-{n}" for n in range(many)]
    entries: list[Entry] = [ASSIGNED.event(to=to, object=1)]
    if many == 900:
        entries += [Retraction("card:1", 1), Signal("board.changed", ("1", "2"))]
    drive(site.store.write(told, entries), told.execute)
    (statement,) = told.statements
    assert statement.startswith("INSERT INTO alimi_outbox")
    assert "notify" not in statement.lower()


async def test_several_entries_keep_their_order_and_content(site: Site) -> None:
    """G3: what one transaction records is in the outbox as it was said, in its order."""
    to = [f"user-{n}" for n in range(1_200)]
    with psycopg.connect(site.url) as connection:
        await record(
            connection,
            site.store,
            ASSIGNED.event(to=to, object='"1"\\', data={"나": "é\n"}),
            Retraction("card:1", 1, ("7",)),
            Retraction("card:2", 1),
            Signal("ping", ("7",), {"a": 1}),
        )
    columns = "type, lane, size, rest, recipients, kind, about, content::text"
    rows = site.ask(f"SELECT {columns} FROM alimi_outbox ORDER BY seq")
    assert [row[:4] for row in rows] == [
        ("event", 1, 500, 2), ("event", 1, 500, 0), ("event", 1, 200, 0),
        ("retract", 0, 1, 0), ("retract", 0, 1, 0), ("signal", 0, 1, 0),
    ]  # fmt: skip
    assert [name for row in rows[:3] for name in row[4]] == to
    assert [row[4:7] for row in rows[3:]] == [
        (["7"], None, "card:1"), (None, None, "card:2"), (["7"], "ping", None),
    ]  # fmt: skip
    content = json.loads(rows[0][7])
    assert (content["object"]["id"], content["data"]) == ('"1"\\', {"나": "é\n"})
    assert json.loads(rows[5][7]) == {"a": 1}


@every_way
async def test_the_application_s_transaction_notifies_nobody(way: str, site: Site) -> None:
    """Notifying commits serialise: PostgreSQL can prepare only a transaction without NOTIFY."""
    async with opened(way, site.url) as app:
        await record(app.within, site.store)
        await app.execute("PREPARE TRANSACTION 'x'")
        await app.end("rollback")
    site.ask("COMMIT PREPARED 'x'")
    assert site.recorded() == NEWS


async def test_only_the_outbox_is_locked(site: Site) -> None:
    """No inbox, no key: two transactions with the same key do not wait for each other."""
    event = ASSIGNED.event(to=2, object=1, key="k")
    with psycopg.connect(site.url) as first, psycopg.connect(site.url) as second:
        await record(first, site.store, event)
        second.execute("SET LOCAL lock_timeout = '1s'")
        await record(second, site.store, event)
        held = first.execute(
            "SELECT DISTINCT relation::regclass::text, mode FROM pg_locks"
            " WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'alimi%'"
            " AND relation IN (SELECT oid FROM pg_class WHERE relkind = 'r')"
        ).fetchall()
    assert held == [("alimi_outbox", "RowExclusiveLock")]


async def test_an_application_s_types_and_rows_do_not_matter(site: Site) -> None:
    """Its codecs, its row factories, its record classes are its own affair."""
    connection = await asyncpg.connect(site.url)
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
        )
    async with connection.transaction():
        await record(connection, site.store)
    await connection.close()
    with psycopg.connect(site.url, row_factory=dict_row) as other:
        record_sync(other, site.store)
    assert site.recorded() == NEWS * 2


async def test_what_the_driver_raises_passes(site: Site) -> None:
    """A transaction that has failed before says so in its driver's own words."""
    async with opened("asyncpg Connection", site.url) as app:
        with pytest.raises(asyncpg.PostgresError):
            await app.execute("SELECT 1 / 0")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await record(app.within, site.store)
        await settle(app.rollback())


async def test_many_tasks_at_once(site: Site) -> None:
    """Transactions of many connections record side by side."""

    async def one(number: int) -> None:
        async with opened("asyncpg Connection", site.url) as app:
            await record(app.within, site.store, ASSIGNED.event(to=number, object=1))
            await app.end("commit")

    await asyncio.gather(*(one(number) for number in range(20)))
    assert sorted(to for _, (to,) in site.recorded()) == sorted(str(n) for n in range(20))
