"""Recording inside a transaction on PostgreSQL, whoever opened it (G2)."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from alimi import backends
from alimi.errors import (
    ForeignDatabase,
    NoTransaction,
    SchemaMissing,
    StoreError,
    UnknownTransaction,
)
from alimi.model import Entry, Retraction, Signal
from alimi.store import Joined, Recording, Rows, drive
from alimi.stores.postgres import PostgresStore
from tests.contrib.conftest import ASSIGNED
from tests.contrib.postgres_ways import WAYS, opened, settle
from tests.support.postgres import PostgresServer

every_way = pytest.mark.parametrize("way", WAYS)
ends = pytest.mark.parametrize(("end", "told"), [("commit", 1), ("rollback", 0)])
UPDATE = "UPDATE card SET assignee = 2"


class Site:
    """An application's database with our tables in it, and the store on it."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server = server
        self.url = url
        self.store = PostgresStore(url)
        self.ask("CREATE TABLE card (id integer PRIMARY KEY, assignee integer)")
        self.ask("INSERT INTO card VALUES (1, NULL)")

    @property
    def database(self) -> str:
        return self.url.rpartition("/")[2]

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """As another connection sees it."""
        return self.server.execute(statement, database=self.database)

    def recorded(self) -> list[tuple[Any, ...]]:
        return self.ask("SELECT kind, recipients FROM alimi_outbox ORDER BY seq")

    def assignees(self) -> list[Any]:
        return [each for (each,) in self.ask("SELECT assignee FROM card ORDER BY id")]


@pytest.fixture
async def site(postgres_server: PostgresServer, postgres_url: str) -> AsyncIterator[Site]:
    site = Site(postgres_server, postgres_url)
    await site.store.open()
    yield site
    await site.store.close()
    site.ask("DROP TABLE card")  # so that the database serves the next test, too


NEWS = [("card.assigned", ["2"])]


def writing(store: PostgresStore, *entries: Entry) -> Callable[[Joined], Recording]:
    """What notify() does inside a transaction."""
    return lambda joined: store.write(joined, entries or [ASSIGNED.event(to=2, object=1)])


async def record(within: Any, store: PostgresStore, *entries: Entry) -> None:
    await backends.transactions_for(within).run(within, writing(store, *entries))


def record_sync(within: Any, store: PostgresStore) -> None:
    backends.transactions_for(within).run_sync(within, writing(store))


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


# -- whose database ---------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "never opened"])
async def test_g2_another_database_is_refused(
    way: str, is_open: bool, site: Site, postgres_template: str
) -> None:
    """G2: nor a copy of the store's own; the transaction goes on without the record."""
    elsewhere = site.server.create_database(postgres_template)
    store = site.store if is_open else PostgresStore(site.url)
    async with opened(way, site.server.url(elsewhere)) as app:
        with pytest.raises(ForeignDatabase):
            await record(app.within, store)
        await app.execute("CREATE TABLE went_on ()")
        await app.end("commit")
    found = "SELECT to_regclass('went_on') IS NOT NULL, (SELECT count(*) FROM alimi_outbox)"
    assert site.server.execute(found, database=elsewhere) == [(True, 0)]
    site.server.drop_database(elsewhere)


def test_g2_recorded_where_no_loop_ever_ran(site: Site) -> None:
    """G2: a store that nobody opened asks once where it is."""
    store = PostgresStore(site.url)
    for _ in range(2):
        with psycopg.connect(site.url) as connection:
            record_sync(connection, store)
    assert site.recorded() == NEWS * 2


async def test_a_store_elsewhere_is_asked_for_again(site: Site) -> None:
    """A store whose database was made anew under its name is known again after one refusal."""
    site.ask("UPDATE alimi_meta SET value = 'another' WHERE name = 'store'")
    with psycopg.connect(site.url) as connection:
        with pytest.raises(ForeignDatabase):
            record_sync(connection, site.store)
        record_sync(connection, site.store)
    assert site.recorded() == NEWS


async def test_two_kinds_of_database_are_foreign(site: Site, path: Path) -> None:
    """G2: a SQLite connection cannot commit together with PostgreSQL, nor the other way round."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    with pytest.raises(ForeignDatabase):
        record_sync(db, site.store)
    db.close()


@pytest.mark.parametrize("way", ["asyncpg Connection", "psycopg Connection", "psycopg Session",
                                 "asyncpg AsyncSession"])  # fmt: skip
async def test_missing_tables_are_named(way: str, site: Site, empty_postgres: str) -> None:
    """On a database without our schema the error says what to run, whatever the driver raised."""
    async with opened(way, empty_postgres) as app:
        with pytest.raises(SchemaMissing, match="alimi migrate"):
            await record(app.within, site.store)


@pytest.fixture
def outsider(site: Site) -> Iterator[str]:
    """A role that may do nothing with our tables."""
    site.ask("CREATE ROLE outsider")
    yield "outsider"
    site.ask("DROP OWNED BY outsider")
    site.ask("DROP ROLE outsider")


@pytest.mark.parametrize("way", ["asyncpg Connection", "psycopg Connection", "psycopg Session",
                                 "asyncpg AsyncSession"])  # fmt: skip
@pytest.mark.parametrize("has", ["nothing", "INSERT ON alimi_outbox", "SELECT ON alimi_meta"])
async def test_missing_rights_are_named(way: str, has: str, site: Site, outsider: str) -> None:
    """A role that may not record is told what to grant it, whatever the driver raised."""
    if has != "nothing":
        site.ask(f"GRANT {has} TO {outsider}")
    async with opened(way, site.url) as app:
        await app.execute(f"SET ROLE {outsider}")
        with pytest.raises(StoreError, match=r"GRANT INSERT ON alimi_outbox .* ON alimi_meta"):
            await record(app.within, site.store)


async def test_the_rights_that_are_named_suffice(site: Site, outsider: str) -> None:
    """What the sentence says to grant is all that recording needs."""
    site.ask(f"GRANT INSERT ON alimi_outbox TO {outsider}")
    site.ask(f"GRANT SELECT ON alimi_meta TO {outsider}")
    several = [ASSIGNED.event(to=to, object=1, key=f"k{to}") for to in (2, 3)]
    async with opened("asyncpg Connection", site.url) as app:
        await app.execute(f"SET ROLE {outsider}")
        await record(app.within, site.store)
        await record(app.within, site.store, *several)
        await app.end("commit")
    assert len(site.recorded()) == 3


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
    assert sorted(held) == [
        ("alimi_meta", "AccessShareLock"),
        ("alimi_outbox", "RowExclusiveLock"),
    ]


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


# -- what is no transaction -------------------------------------------------------------------


@pytest.mark.parametrize("way", ["asyncpg Connection", "psycopg AsyncConnection",
                                 "asyncpg AsyncSession"])  # fmt: skip
async def test_record_cannot_wait(way: str, site: Site) -> None:
    """Something to await where no loop can be waited for: the sentence names the other verb."""
    async with opened(way, site.url) as app:
        with pytest.raises(UnknownTransaction, match="await notify"):
            record_sync(app.within, site.store)


async def test_a_pool_is_no_transaction(site: Site) -> None:
    """The sentence says what to pass instead."""
    async with asyncpg.create_pool(site.url, min_size=0) as pool:
        with pytest.raises(UnknownTransaction, match=r"pool\.acquire"):
            await record(pool, site.store)
        with pytest.raises(UnknownTransaction, match=r"pool\.acquire"):
            record_sync(pool, site.store)


async def test_an_asyncpg_transaction_has_a_connection(site: Site) -> None:
    """What `connection.transaction()` gives cannot run a statement; its connection is asked for."""
    async with opened("asyncpg Connection", site.url) as app:
        with pytest.raises(UnknownTransaction, match="pass the connection"):
            await record(app.within.transaction(), site.store)


async def test_a_cursor_is_no_transaction(site: Site) -> None:
    """Nor is psycopg's cursor; its connection is asked for."""
    with (
        psycopg.connect(site.url) as connection,
        connection.cursor() as cursor,
        pytest.raises(UnknownTransaction, match=r"cursor\.connection"),
    ):
        record_sync(cursor, site.store)


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
