"""Migrations, addresses and the epoch of a PostgreSQL store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from alimi import backends
from alimi.errors import ConfigurationError, SchemaMissing, SchemaTooNew, StoreError
from alimi.settings import Settings
from alimi.stores.postgres import PostgresStore, schema
from alimi.stores.postgres.target import Target
from alimi.testing.stores.harness import deliver, event, fill, read
from tests.support.postgres import PostgresServer, give_away

_SHAPE = """
SELECT 'column', table_name::text, column_name || ' ' || data_type || ' ' || is_nullable
    FROM information_schema.columns WHERE table_name LIKE 'alimi%'
UNION ALL SELECT 'index', tablename, indexdef FROM pg_indexes WHERE tablename LIKE 'alimi%'
UNION ALL SELECT 'function', proname, CASE proname WHEN 'alimi_store' THEN 'its own'
    ELSE md5(prosrc) END FROM pg_proc WHERE proname LIKE 'alimi%'
UNION ALL SELECT 'migration', number::text, name || compatible_from FROM alimi_migrations
ORDER BY 1, 2, 3
"""


@pytest_asyncio.fixture
async def db(empty_postgres: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_postgres)
    yield connection
    await connection.close()


async def test_a_missing_schema_names_the_command(empty_postgres: str) -> None:
    """Nothing is made by itself: the error says what to run."""
    store = PostgresStore(empty_postgres)
    for verb in (store.open, store.inspect, store.renew_epoch):
        with pytest.raises(SchemaMissing, match=r"alimi migrate` with your --db.*alimi\[server\]"):
            await verb()


async def test_many_migrate_at_once(empty_postgres: str) -> None:
    """Nodes that start together make the tables once; a later run does nothing."""
    stores = [PostgresStore(empty_postgres) for _ in range(4)]
    done = await asyncio.gather(*(store.migrate() for store in stores))
    every = [f"{each.number:04}_{each.name}" for each in schema.MIGRATIONS]
    assert sorted(name for names in done for name in names) == every
    assert await stores[0].migrate() == []
    await stores[0].open()
    await deliver(stores[0], event())
    await stores[0].close()


async def test_the_script_does_what_migrate_does(
    postgres_server: PostgresServer, empty_postgres: str, db: asyncpg.Connection
) -> None:
    """What `alimi sql` prints leads to the same tables and functions, and then prints nothing."""
    store = PostgresStore(empty_postgres)
    script = await asyncio.to_thread(store.pending_sql)
    await db.execute(script)
    by_script = await db.fetch(_SHAPE)
    assert await asyncio.to_thread(store.pending_sql) == ""
    other = postgres_server.create_database()
    await PostgresStore(postgres_server.url(other)).migrate()
    connection = await asyncpg.connect(postgres_server.url(other))
    by_migrate = await connection.fetch(_SHAPE)
    await connection.close()
    postgres_server.drop_database(other)
    assert by_script == by_migrate
    assert len(by_script) > 60


async def test_a_failed_migration_leaves_nothing(
    empty_postgres: str, db: asyncpg.Connection
) -> None:
    """Each migration is one transaction: what stands in its way leaves the database as it was."""
    await db.execute("CREATE TABLE alimi_inboxes (mine integer)")
    with pytest.raises(StoreError, match="alimi_inboxes"):
        await PostgresStore(empty_postgres).migrate()
    assert await db.fetchval("SELECT to_regclass('alimi_outbox')") is None


async def test_newer_tables_are_refused(postgres_url: str) -> None:
    """Code that does not know a schema does not touch it, unless the schema says it may."""
    db = await asyncpg.connect(postgres_url)
    beyond = schema.NEWEST + 1
    await db.execute(f"INSERT INTO alimi_migrations VALUES ({beyond}, 'x', 0, {beyond})")
    store = PostgresStore(postgres_url)
    for verb in (store.open, store.migrate):
        with pytest.raises(SchemaTooNew, match=f"schema {beyond}"):
            await verb()
    await db.execute("UPDATE alimi_migrations SET compatible_from = 1 WHERE name = 'x'")
    await store.open()
    await deliver(store, event())
    await store.close()
    await db.execute("DELETE FROM alimi_migrations WHERE name = 'x'")
    await db.close()


async def test_a_schema_of_its_own(empty_postgres: str, db: asyncpg.Connection) -> None:
    """Tables may lie in a schema that the URL names, as libpq's options do."""
    await db.execute("CREATE SCHEMA bell")
    store = PostgresStore(f"{empty_postgres}?options=-csearch_path%3Dbell")
    await store.migrate()
    await store.open()
    await deliver(store, event())
    assert (await read(store)).head == 1
    assert await db.fetchval("SELECT count(*) FROM bell.alimi_notifications") == 1
    await store.close()


# -- the epoch --------------------------------------------------------------------------------


async def test_g5_a_new_epoch_makes_cursors_worthless(postgres_url: str) -> None:
    """G5: after `alimi epoch --new` an open store answers other tags."""
    store = PostgresStore(postgres_url)
    await store.open()
    await fill(store, 1)
    before = await read(store)
    renewed = await store.renew_epoch()
    assert (await read(store)).tag != before.tag
    assert (await store.positions([])).epoch == renewed
    await store.close()


async def test_g5_a_restored_cluster_is_known_after_its_promotion(tmp_path: Path) -> None:
    """G5: what is recovered and promoted has another epoch, for stores open meanwhile too."""
    with PostgresServer() as server:
        name = server.create_database()
        store = PostgresStore(server.url(name))
        await store.migrate()
        await store.open()
        await fill(store, 1)
        before = await store.positions(["anna"])
        server.stop()
        signal_file = server.data / "standby.signal"
        signal_file.touch()
        give_away(server.data)
        server.start()
        server.execute("SELECT pg_promote(true, 60)")
        after = await store.positions(["anna"])
        assert after.heads == before.heads
        assert after.epoch != before.epoch
        assert after.identity == before.identity
        await store.close()
        await store.open()
        assert await store.positions(["anna"]) == after
        await store.close()


async def test_g5_a_copy_of_a_database_has_an_epoch_of_its_own(postgres_url: str) -> None:
    """G5: what is copied within one server, or restored beside it, opens no old cursor."""
    original, name = PostgresStore(postgres_url), urlsplit(postgres_url).path[1:]
    await original.migrate()
    await original.open()
    await fill(original, 1)
    before = await original.positions(["anna"])
    await original.close()
    server = await asyncpg.connect(postgres_url.replace(f"/{name}", "/postgres"))
    await server.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
    copy = PostgresStore(postgres_url.replace(f"/{name}", f"/{name}_copy"))
    await copy.open()
    copied = await copy.positions(["anna"])
    await copy.close()
    await server.execute(f"DROP DATABASE {name}_copy")
    await server.close()
    assert copied.heads == before.heads
    assert copied.epoch != before.epoch


async def test_a_role_that_may_ask_little(postgres_url: str) -> None:
    """Where the server does not say who it is to an ordinary role, the rest still works."""
    db = await asyncpg.connect(postgres_url)
    await db.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    await db.execute("DROP ROLE IF EXISTS little")
    await db.execute("CREATE ROLE little LOGIN")
    await db.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO little")
    store = PostgresStore(postgres_url.replace("//alimi@", "//little@"))
    await store.open()
    epoch = (await store.positions([])).epoch
    assert ".." in epoch
    await store.close()
    await db.execute("DROP OWNED BY little")
    await db.execute("DROP ROLE little")
    await db.close()


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"],
)
def test_the_usual_spellings(scheme: str) -> None:
    """SQLAlchemy's and libpq's schemes lead to the same database."""
    store = backends.open_store(f"{scheme}://me:p%40ss@db.example:6432/app", Settings())
    assert isinstance(store, PostgresStore)
    assert store.name == "postgresql://me@db.example:6432/app"
    (dsn,) = store._target.dsns
    assert dsn == "postgresql://me:p%40ss@db.example:6432/app?application_name=alimi"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslmode=require&keepalives=1", "sslmode=require"),
        ("ssl=true", "sslmode=require"),
        ("ssl=verify-full", "sslmode=verify-full"),
        ("prepared_statement_cache_size=0", ""),
        ("connect_timeout=3", ""),
        ("application_name=mine", "application_name=mine"),
        ("options=-csearch_path%3Da", "options=-csearch_path%3Da"),
    ],
)
def test_options(query: str, expected: str) -> None:
    """What asyncpg does not know would be sent to the server as a setting, which refuses it."""
    (dsn,) = Target(f"postgresql://h/d?{query}").dsns
    found = dsn.partition("?")[2].replace("application_name=alimi", "").strip("&")
    assert found == expected


def test_no_password_is_shown() -> None:
    """The name of a database, for messages, holds no secret."""
    assert Target("postgresql://me:secret@h:1/d?password=secret").name == "postgresql://me@h:1/d"


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("postgresql://me:p@a:1,b:2/d", ["//me:p@a:1/d?", "//me:p@b:2/d?"]),
        ("postgresql://a,b/d?target_session_attrs=any", ["//a/d?", "//b/d?"]),
        ("postgresql:///d?host=a,b&port=1,2", ["host=a&port=1", "host=b&port=2"]),
        ("postgresql:///d?host=a,b&port=5", ["host=a&port=5", "host=b&port=5"]),
        ("postgresql:///d?host=/run/postgresql", ["host=%2Frun%2Fpostgresql"]),
        ("postgresql:///d", ["/d?"]),
    ],
)
def test_several_hosts_are_asked_one_by_one(url: str, places: list[str]) -> None:
    """A list of hosts is a cluster with one primary; which it is, no option says."""
    dsns = Target(url).dsns
    assert len(dsns) == len(places)
    for dsn, place in zip(dsns, places, strict=True):
        assert place in dsn
        assert "target_session_attrs" not in dsn


def test_a_bad_option_is_named() -> None:
    """A number that is none is refused with the option's name."""
    with pytest.raises(ConfigurationError, match="connect_timeout"):
        Target("postgresql://h/d?connect_timeout=soon")


def test_ports_belong_to_hosts() -> None:
    """Which port belongs to the third host nobody can guess."""
    with pytest.raises(ConfigurationError, match="port"):
        Target("postgresql:///d?host=a,b,c&port=1,2")


async def test_no_limit_is_not_no_time(postgres_url: str) -> None:
    """To libpq a timeout of 0 is none."""
    connection = await Target(f"{postgres_url}?connect_timeout=0").connect()
    await connection.close()


async def test_nobody_answers() -> None:
    """A server that is not there is an error of the store."""
    with pytest.raises(StoreError):
        await PostgresStore("postgresql://alimi@127.0.0.1:1/none").open()


async def test_who_does_not_wait_for_one_server_begins_with_the_next(postgres_url: str) -> None:
    """A bus gives up sooner than the URL allows: it would meet the same silence each time."""
    came, over = asyncio.Event(), asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        url = postgres_url.replace("@", f"@127.0.0.1:{port},", 1)
        target = Target(f"{url}?connect_timeout=60")
        first = asyncio.ensure_future(target.connect())
        await came.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        async with asyncio.timeout(30):
            connection = await target.connect()
        await connection.close()
        over.set()


@pytest.mark.parametrize("verb", ["open", "migrate"])
async def test_an_error_is_not_its_own_cause(postgres_url: str, verb: str) -> None:
    """Whoever walks along the causes would never come to an end."""
    with pytest.raises(ConfigurationError, match="sslmode") as told:
        await getattr(PostgresStore(f"{postgres_url}?sslmode=nonsense"), verb)()
    assert told.value.__cause__ is not told.value
