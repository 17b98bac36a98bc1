"""Recording inside a SQLAlchemy transaction: one fate for the application's rows and ours (G2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ForeignKey, create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    sessionmaker,
)

from alimi.contrib.sqlalchemy import prepare, run, run_sync
from alimi.contrib.sqlalchemy.transactions import JoinedConnection
from alimi.errors import ForeignDatabase, NoTransaction, UnknownTransaction, UnpreparedEngine
from alimi.stores.sqlite import SQLiteStore
from tests.contrib.postgres_ways import settle
from tests.contrib.sqlalchemy_ways import NEWS, Assignees, Record, assign, every_way, inbox, opened


class Base(DeclarativeBase):
    pass


class Card(Base):
    __tablename__ = "card"
    id: Mapped[int] = mapped_column(primary_key=True)
    assignee: Mapped[int | None] = mapped_column(ForeignKey("card.id"))


@every_way
async def test_g2_commit(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: nothing is visible before the commit, both are after it."""
    async with opened(way, path) as within:
        await assign(within, 2)
        await run(within, record)
        assert assignees() == [None]
        await settle(within.commit())
        assert assignees() == [2]
        assert await inbox(store) == NEWS


@every_way
async def test_g2_rollback(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: what was rolled back never happened, for the application and for the recipient."""
    async with opened(way, path) as within:
        await run(within, record)
        await assign(within, 2)
        await settle(within.rollback())
        assert assignees() == [None]
        assert await inbox(store) == []


@every_way
async def test_g2_close_without_commit(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: recording begins the transaction as any statement does; it does not commit it."""
    async with opened(way, path) as within:
        await run(within, record)
    assert assignees() == [None]
    assert await inbox(store) == []


@every_way
async def test_g2_a_released_savepoint_commits_nothing(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: with the driver's default handling, the release of the outermost savepoint committed."""
    async with opened(way, path) as within:
        savepoint = await settle(within.begin_nested())
        await assign(within, 2)
        await run(within, record)
        await settle(savepoint.commit())
        await settle(within.rollback())
        assert assignees() == [None]
        assert await inbox(store) == []


@every_way
async def test_g2_a_savepoint_rolled_back_takes_its_record_along(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: what was recorded within the savepoint goes, what was before it stays."""
    async with opened(way, path) as within:
        await run(within, record)
        savepoint = await settle(within.begin_nested())
        await assign(within, 2)
        await run(within, record)
        await settle(savepoint.rollback())
        await settle(within.commit())
        assert assignees() == [None]
        assert await inbox(store) == NEWS


@every_way
async def test_an_unprepared_engine_is_refused(
    way: str, path: Path, store: SQLiteStore, record: Record
) -> None:
    """G2: where the driver may commit behind the application's back, nothing is recorded."""
    async with opened(way, path, prepared=False) as within:
        await assign(within, 2)
        with pytest.raises(UnpreparedEngine, match="prepare"):
            await run(within, record)


@every_way
async def test_another_database_is_refused(
    way: str, tmp_path: Path, store: SQLiteStore, record: Record
) -> None:
    """G2: two files cannot commit together."""
    async with opened(way, tmp_path / "other.db") as within:
        with pytest.raises(ForeignDatabase):
            await run(within, record)


async def test_a_database_in_memory_is_refused(store: SQLiteStore, record: Record) -> None:
    """G2: nor can a file and memory."""
    with create_engine("sqlite://").connect() as connection:
        prepare(connection.engine)
        with pytest.raises(ForeignDatabase):
            await run(connection, record)
        connection.rollback()
    connection.engine.dispose()


@every_way
async def test_autocommit_is_no_transaction(
    way: str, path: Path, store: SQLiteStore, record: Record
) -> None:
    """G2: SQLAlchemy believes in a transaction there; the driver knows better."""
    async with opened(way, path, isolation_level="AUTOCOMMIT") as within:
        with pytest.raises(NoTransaction):
            await run(within, record)
        await assign(within, 2)
        with pytest.raises(NoTransaction):
            await run(within, record)


async def test_a_session_without_autobegin_has_to_begin(
    path: Path, store: SQLiteStore, record: Record
) -> None:
    """Whoever switched off autobegin decides where a transaction begins."""
    engine = prepare(create_engine(f"sqlite:///{path}"))
    with Session(engine, autobegin=False) as session:
        with pytest.raises(NoTransaction):
            run_sync(session, record)
        with session.begin():
            run_sync(session, record)
    engine.dispose()
    assert await inbox(store) == NEWS


async def test_a_session_of_several_engines(
    path: Path, tmp_path: Path, store: SQLiteStore, record: Record
) -> None:
    """It cannot be guessed which engine is meant; its connection can be passed."""
    engine = prepare(create_engine(f"sqlite:///{path}"))
    with Session(binds={Card: engine}) as session:
        with pytest.raises(UnknownTransaction, match="several engines"):
            run_sync(session, record)
        run_sync(session.connection(bind_arguments={"mapper": Card}), record)
        session.commit()
    engine.dispose()
    assert await inbox(store) == NEWS


@pytest.mark.parametrize("way", ["AsyncSession", "AsyncConnection", "async_scoped_session"])
async def test_record_cannot_wait(way: str, path: Path, record: Record) -> None:
    """An async session where no loop can be waited for: the sentence names the other verb."""
    async with opened(way, path) as within:
        with pytest.raises(UnknownTransaction, match="await notify"):
            run_sync(within, record)


@pytest.mark.parametrize(
    ("mistaken", "meant"),
    [
        (lambda engine: engine, r"engine\.begin\(\)"),
        (sessionmaker, "a session that it has made"),
        (lambda engine: engine.connect().begin(), "connection or session"),
        (lambda engine: Session(engine).begin(), "connection or session"),
        (lambda engine: engine.connect().execute(text("SELECT 1")), "within= takes"),
    ],
    ids=["engine", "sessionmaker", "transaction", "session's transaction", "result"],
)
async def test_what_is_no_transaction_is_told_what_to_pass(
    path: Path, record: Record, mistaken: Callable[[Any], Any], meant: str
) -> None:
    """The sentence names what was passed and what was meant, in async code and in sync."""
    engine = create_engine(f"sqlite:///{path}")
    within = mistaken(engine)
    with pytest.raises(UnknownTransaction, match=meant):
        await run(within, record)
    with pytest.raises(UnknownTransaction, match=meant):
        run_sync(within, record)
    engine.dispose()


@pytest.mark.parametrize(
    ("mistaken", "meant"),
    [
        (lambda engine: engine, r"engine\.begin\(\)"),
        (async_sessionmaker, "a session that it has made"),
        (lambda engine: AsyncSession(engine).begin(), "connection or session"),
    ],
    ids=["engine", "sessionmaker", "session's transaction"],
)
async def test_the_same_of_asyncio(
    async_engine: AsyncEngine, record: Record, mistaken: Callable[[Any], Any], meant: str
) -> None:
    """What is not awaited yet is a mistake too."""
    with pytest.raises(UnknownTransaction, match=meant):
        await run(mistaken(async_engine), record)


async def test_the_session_is_not_flushed(
    path: Path, store: SQLiteStore, record: Record, assignees: Assignees
) -> None:
    """G2: a pending object fails where the application flushes it, and takes the record along."""
    engine = prepare(create_engine(f"sqlite:///{path}"))
    with Session(engine) as session:
        session.add(Card(id=1, assignee=2))
        run_sync(session, record)
        with pytest.raises(IntegrityError):
            session.commit()
    engine.dispose()
    assert assignees() == [None]
    assert await inbox(store) == []


def test_the_connection_answers_plain_tuples(path: Path) -> None:
    """Rows of a query, nothing for a statement without any."""
    engine = prepare(create_engine(f"sqlite:///{path}"))
    with engine.connect() as connection:
        joined = JoinedConnection(connection)
        assert joined.dialect == "sqlite"
        assert joined.execute("SELECT id, ? FROM card", ["x"]) == [(1, "x")]
        assert joined.execute("UPDATE card SET assignee = 2") == []
        assert joined.in_transaction
        connection.rollback()
        assert not joined.in_transaction
    engine.dispose()
