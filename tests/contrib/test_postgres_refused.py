"""What cannot be recorded on PostgreSQL, and what its owner is told (G2)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from alimi.errors import ForeignDatabase, SchemaMissing, StoreError, UnknownTransaction
from alimi.stores.postgres import PostgresStore
from tests.contrib.assigned import ASSIGNED
from tests.contrib.postgres_site import NEWS, Site, record, record_sync
from tests.contrib.postgres_ways import WAYS, opened

every_way = pytest.mark.parametrize("way", WAYS)


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
    site.ask("SELECT alimi_renew_store()")
    with psycopg.connect(site.url) as connection:
        with pytest.raises(ForeignDatabase):
            record_sync(connection, site.store)
        record_sync(connection, site.store)
    assert site.recorded() == NEWS


@pytest.mark.parametrize("way", ["asyncpg Connection", "psycopg Connection", "psycopg Session",
                                 "asyncpg AsyncSession"])  # fmt: skip
async def test_another_store_is_noticed_by_plans_that_are_kept(way: str, site: Site) -> None:
    """Whoever has recorded for long, and whose snapshot is older than the store, is refused too."""
    async with opened(way, site.url) as app:
        for _ in range(12):  # then a driver has it prepared, and the server has one plan for all
            await record(app.within, site.store)
        await app.end("commit")
        await app.execute("BEGIN")  # a driver that has begun hears that it has
        await app.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await app.execute("SELECT FROM pg_class LIMIT 1")
        site.ask("SELECT alimi_renew_store()")
        with pytest.raises(ForeignDatabase):
            await record(app.within, site.store)
        await app.end("commit")
    assert site.recorded() == NEWS * 12


async def test_another_store_waits_for_who_records(site: Site) -> None:
    """What was recorded under the old one is committed before there is another."""
    with psycopg.connect(site.url) as connection, psycopg.connect(site.url) as other:
        record_sync(connection, site.store)
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT alimi_renew_store()")
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
@pytest.mark.parametrize("has", ["nothing", "INSERT ON alimi_outbox"])
async def test_missing_rights_are_named(way: str, has: str, site: Site, outsider: str) -> None:
    """A role that may not record is told what to grant it, whatever the driver raised."""
    if has != "nothing":
        site.ask(f"GRANT {has} TO {outsider}")
        site.ask("REVOKE EXECUTE ON FUNCTION alimi_store FROM public")
    async with opened(way, site.url) as app:
        await app.execute(f"SET ROLE {outsider}")
        with pytest.raises(StoreError, match=r"GRANT INSERT ON alimi_outbox .* alimi_store"):
            await record(app.within, site.store)


async def test_the_rights_that_are_named_suffice(site: Site, outsider: str) -> None:
    """What the sentence says to grant is all that recording needs."""
    site.ask(f"GRANT INSERT ON alimi_outbox TO {outsider}")
    several = [ASSIGNED.event(to=to, object=1, key=f"k{to}") for to in (2, 3)]
    async with opened("asyncpg Connection", site.url) as app:
        await app.execute(f"SET ROLE {outsider}")
        await record(app.within, site.store)
        await record(app.within, site.store, *several)
        await app.end("commit")
    assert len(site.recorded()) == 3


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
