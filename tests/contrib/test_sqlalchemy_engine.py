"""What `prepare`, `holds_write_transaction` and `on_commit` do to and know of an engine."""

import asyncio
import gc
import sqlite3
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from alimi.contrib.sqlalchemy import engines, holds_write_transaction, prepare
from alimi.contrib.sqlalchemy.engines import Prepared
from alimi.contrib.sqlalchemy.transactions import JoinedConnection
from alimi.errors import ConfigurationError

WRITE = text("UPDATE card SET assignee = 2")
READ = text("SELECT assignee FROM card")


def heard(connection: Connection) -> list[str]:
    """Collects what SQLite itself is told through this connection."""
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    getattr(driver, "_conn", driver).set_trace_callback(statements.append)
    return statements


def begins(connection: Connection) -> str | None:
    """What the next transaction of the connection says first, if it is a BEGIN."""
    statements = heard(connection)
    connection.execute(READ)
    connection.rollback()
    return statements[0] if statements[0].startswith("BEGIN") else None


# prepare


def test_prepare_twice_begins_once(engine: Engine) -> None:
    """The application and Alimi may both prepare it."""
    assert prepare(prepare(engine)) is engine
    with engine.connect() as connection:
        statements = heard(connection)
        connection.execute(WRITE)
        connection.commit()
    assert statements == ["BEGIN IMMEDIATE", str(WRITE), "COMMIT"]


def test_prepare_reaches_what_is_pooled_open_or_derived(engine: Engine) -> None:
    """Connections and engines from before the call begin like later ones."""
    derived = engine.execution_options(logging_token="x")
    with engine.connect() as early, derived.connect() as other:
        early.execute(READ)
        early.rollback()
        prepare(derived)
        for connection in (early, other):
            assert begins(connection) == "BEGIN IMMEDIATE"
    with engine.connect() as pooled:
        assert begins(pooled) == "BEGIN IMMEDIATE"
        assert JoinedConnection(pooled).begins_explicitly


def test_a_transaction_from_before_the_call_is_still_unprepared(engine: Engine) -> None:
    """Nothing is recorded in a transaction that the driver began in its own way."""
    with engine.connect() as connection:
        connection.execute(WRITE)
        prepare(engine)
        assert not JoinedConnection(connection).begins_explicitly
        connection.commit()
        connection.execute(READ)
        assert JoinedConnection(connection).begins_explicitly


def test_sqlite_begin_can_be_chosen(engine: Engine) -> None:
    """For one connection, for a derived engine, for all."""
    prepare(engine)
    with engine.connect() as connection:
        connection.execution_options(sqlite_begin="DEFERRED")
        assert begins(connection) == "BEGIN DEFERRED"
    with engine.execution_options(sqlite_begin="EXCLUSIVE").connect() as connection:
        assert begins(connection) == "BEGIN EXCLUSIVE"
    with engine.connect() as connection:
        assert begins(connection) == "BEGIN IMMEDIATE"
    prepare(prepare(engine, begin="DEFERRED"))
    with engine.connect() as connection:
        assert begins(connection) == "BEGIN DEFERRED"


async def test_sqlite_begin_of_a_session(async_engine: AsyncEngine) -> None:
    """For one transaction of a session, and for a session on a derived engine."""
    derived = async_engine.execution_options(sqlite_begin="DEFERRED")
    async with AsyncSession(async_engine) as session, AsyncSession(derived) as reader:
        _ = await session.connection(execution_options={"sqlite_begin": "DEFERRED"})
        await session.execute(READ)
        await reader.execute(READ)
        assert not holds_write_transaction(async_engine)
        await session.commit()
        await session.execute(READ)
        assert holds_write_transaction(async_engine)


def test_a_begin_that_failed_leaves_no_autocommit_behind(path: Path) -> None:
    """G2: after "database is locked" the connection still begins before its next statement."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    engine = prepare(create_engine(f"sqlite:///{path}", connect_args={"timeout": 0}))
    with engine.connect() as connection:
        with pytest.raises(OperationalError, match="locked"):
            connection.execute(WRITE)
        assert not holds_write_transaction(engine)
        holder.execute("ROLLBACK")
        connection.execute(WRITE)
        assert holds_write_transaction(engine)
        connection.rollback()
        assert connection.execute(READ).scalar() is None
    holder.close()
    engine.dispose()


def test_an_unknown_begin_is_refused(engine: Engine) -> None:
    """It becomes part of a statement, so only the three words pass."""
    with pytest.raises(ConfigurationError, match="IMMEDIATE"):
        prepare(engine, begin="CONCURRENT; DROP TABLE card")  # type: ignore[arg-type]
    prepare(engine)
    with engine.connect() as connection:
        connection.execution_options(sqlite_begin="immediately")
        with pytest.raises(ConfigurationError, match="sqlite_begin"):
            connection.execute(READ)
        connection.execution_options(sqlite_begin="IMMEDIATE")
        assert begins(connection) == "BEGIN IMMEDIATE"


@pytest.mark.parametrize("where", ["create_engine", "engine option", "connection option"])
def test_autocommit_stays_what_it_is(path: Path, where: str) -> None:
    """VACUUM works, and is not in a transaction."""
    options = {"isolation_level": "AUTOCOMMIT"}
    engine = prepare(
        create_engine(f"sqlite:///{path}", **(options if where == "create_engine" else {}))
    )
    chosen = engine.execution_options(**options) if where == "engine option" else engine
    with chosen.connect() as connection:
        if where == "connection option":
            connection.execution_options(**options)
        connection.execute(text("VACUUM"))
        assert not JoinedConnection(connection).in_transaction
    engine.dispose()


def test_an_isolation_level_does_not_unprepare(engine: Engine) -> None:
    """SQLAlchemy sets the driver's handling with it, and again when the connection goes back."""
    prepare(engine)
    for level in ("SERIALIZABLE", "READ UNCOMMITTED", "AUTOCOMMIT"):
        with engine.connect() as connection:
            connection.execution_options(isolation_level=level)
            connection.execute(READ)
        with engine.connect() as connection:
            assert begins(connection) == "BEGIN IMMEDIATE"


def test_an_own_listener_that_begins_is_respected(engine: Engine) -> None:
    """The recipe of SQLAlchemy's documentation, already in the application."""

    def own(connection: Connection) -> None:
        connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "begin", own)
    prepare(engine)
    with engine.connect() as connection:
        assert begins(connection) == "BEGIN"
        connection.execute(READ)
        assert not holds_write_transaction(engine)
        connection.execute(WRITE)
        assert holds_write_transaction(engine)
        connection.commit()


def test_other_databases_are_left_alone() -> None:
    """A no-op there, and nothing is held."""
    driver = Mock(paramstyle="pyformat", __version__="1.1.0")
    engine = create_engine("mysql+pymysql://host/db", module=driver)
    assert prepare(engine) is engine
    assert not holds_write_transaction(engine)
    assert not engine.dialect.dispatch.do_connect
    assert not engine.dispatch.begin


class OwnMode:
    """A driver connection whose argument `autocommit` is in use, as of Python 3.12."""

    autocommit = False
    isolation_level = ""


def test_the_driver_s_own_mode_is_left_alone() -> None:
    """Python 3.12's `autocommit=False` begins real transactions; a BEGIN of ours would fail."""
    pooled = Mock(driver_connection=OwnMode(), info={})
    Prepared().do_begin(pooled)
    pooled.cursor.assert_not_called()
    assert JoinedConnection(Mock(connection=pooled)).begins_explicitly


# holds_write_transaction


async def test_held_by_the_task_that_began(async_engine: AsyncEngine) -> None:
    """True only while its transaction is open; `test_sqlalchemy_holders.py` has who else."""
    assert not holds_write_transaction(async_engine)
    async with AsyncSession(async_engine) as session:
        assert not holds_write_transaction(async_engine)
        for end in (session.commit, session.rollback, session.close):
            await session.execute(READ)
            assert holds_write_transaction(async_engine)
            assert holds_write_transaction(async_engine.execution_options(logging_token="x"))
            await end()
            assert not holds_write_transaction(async_engine)


async def test_a_savepoint_ends_nothing(async_engine: AsyncEngine) -> None:
    """The write lock is held until the outer transaction ends."""
    async with async_engine.connect() as connection:
        nested = await connection.begin_nested()
        await nested.commit()
        assert holds_write_transaction(async_engine)
        nested = await connection.begin_nested()
        await nested.rollback()
        assert holds_write_transaction(async_engine)
        await connection.rollback()
        assert not holds_write_transaction(async_engine)


async def test_reading_holds_no_lock(async_engine: AsyncEngine) -> None:
    """A deferred transaction takes the lock with its first change."""
    async with AsyncSession(async_engine) as session:
        _ = await session.connection(execution_options={"sqlite_begin": "DEFERRED"})
        await session.execute(READ)
        assert not holds_write_transaction(async_engine)
        await session.execute(WRITE)
        assert holds_write_transaction(async_engine)
        await session.rollback()
        assert not holds_write_transaction(async_engine)


def test_held_by_the_thread_that_began(engine: Engine) -> None:
    """The same where no loop runs; another thread does not hold it."""
    prepare(engine)
    with ThreadPoolExecutor(1) as pool, engine.begin():
        assert holds_write_transaction(engine)
        assert not pool.submit(holds_write_transaction, engine).result()
    assert not holds_write_transaction(engine)


def test_two_threads_each_know_their_own(engine: Engine) -> None:
    """Whoever waits for the lock does not hold it."""
    prepare(engine)
    began = threading.Event()

    def second() -> tuple[bool, bool]:
        before = holds_write_transaction(engine)
        began.set()
        with engine.begin():
            return before, holds_write_transaction(engine)

    with ThreadPoolExecutor(1) as pool:
        with engine.begin():
            future = pool.submit(second)
            assert began.wait(10)
        assert future.result() == (False, True)
    assert not holds_write_transaction(engine)


def test_an_unprepared_engine_holds_nothing(engine: Engine) -> None:
    """It is not known there."""
    with engine.begin() as connection:
        connection.execute(WRITE)
        assert not holds_write_transaction(engine)


async def test_a_cancelled_task_holds_nothing(async_engine: AsyncEngine) -> None:
    """Its session was closed on the way out; its successor on the connection is another owner."""
    open_now = asyncio.Event()

    async def request() -> None:
        async with AsyncSession(async_engine) as session:
            await session.execute(WRITE)
            open_now.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(request())
    await open_now.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not holds_write_transaction(async_engine)
    async with async_engine.begin():
        assert holds_write_transaction(async_engine)


async def test_a_task_cancelled_while_it_waits_leaves_no_lock(
    path: Path, async_engine: AsyncEngine
) -> None:
    """The driver's thread gets the lock that nobody wants any more; the pool gives it back."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting, loop = asyncio.Event(), asyncio.get_running_loop()

    async def request() -> None:
        async with AsyncSession(async_engine) as session:
            await session.execute(WRITE)

    def told(statement: str) -> None:
        # In the connection's own thread, which now waits for the lock.
        if statement.startswith("BEGIN"):
            loop.call_soon_threadsafe(waiting.set)

    def hear(dbapi: Any, _record: object) -> None:
        dbapi.driver_connection._conn.set_trace_callback(told)

    event.listen(async_engine.sync_engine, "connect", hear)
    task = asyncio.create_task(request())
    await waiting.wait()
    task.cancel()
    holder.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await task
    async with async_engine.begin() as connection:
        await connection.execute(WRITE)
    assert not holds_write_transaction(async_engine)
    holder.close()


def test_a_forgotten_connection_holds_nothing(engine: Engine) -> None:
    """Dropped without close: the pool takes it back, and so do we."""
    prepare(engine)
    connection = engine.connect()
    connection.execute(WRITE)
    assert holds_write_transaction(engine)
    del connection
    gc.collect()
    assert not holds_write_transaction(engine)


@pytest.mark.parametrize("end", ["invalidate", "detach"])
def test_a_connection_that_left_its_pool_holds_nothing(engine: Engine, end: str) -> None:
    """Invalidated or detached and closed, its transaction is gone."""
    prepare(engine)
    with engine.connect() as connection:
        connection.execute(WRITE)
        getattr(connection, end)()
        assert holds_write_transaction(engine) == (end == "detach")
    assert not holds_write_transaction(engine)


def test_marks_do_not_pile_up(path: Path) -> None:
    """G8: what is remembered ends with the connection, and keeps no task and no engine."""

    async def requests() -> tuple[list[weakref.ref[Any]], Prepared]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool)
        prepare(engine)

        async def request() -> None:
            async with engine.begin():
                assert holds_write_transaction(engine)

        tasks = [asyncio.create_task(request()) for _ in range(20)]
        await asyncio.gather(*tasks)
        known = engines._prepared[engine.sync_engine]
        return [weakref.ref(each) for each in (*tasks, engine.sync_engine)], known

    references, known = asyncio.run(requests())
    gc.collect()
    assert [reference() for reference in references if reference()] == []
    assert not known._marks
