"""The board's database, which Alimi shares: one SQLite file, or PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event, inspect, make_url, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from alimi import AlimiError
from board.models import Base

Row = TypeVar("Row", bound=Base)

#: The largest integer of both databases; what is larger cannot be anybody's number.
MAX_ID = 2**63 - 1
#: How long a write waits for its turn.
BUSY_SECONDS = 10
_SERVER = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
#: Ends with the transaction.  One lock for the whole board: nothing to take in the wrong order.
_TAKE_TURN = text(
    f"SELECT set_config('lock_timeout', '{BUSY_SECONDS}s', true),"
    " pg_advisory_xact_lock(hashtextextended('board.turn', 0))"
)
_CONTINUE = "SELECT setval(pg_get_serial_sequence('{0}', 'id'), max(id)) FROM {0}"
_ALIMI = "alimi_"


class ForeignTables(Exception):
    """The database is another program's; says by which table that shows."""


class Database:
    """Hands out transactions.

    Writers take turns, so nobody decides on rows that are about to change.  On SQLite `Alimi(…)`
    sees to that: it lets the engine's transactions begin with BEGIN IMMEDIATE.  On PostgreSQL each
    begins with a lock; people do not hand cards over so often that they would notice.
    """

    def __init__(self, location: str | Path) -> None:
        self.url = url_of(location)
        self.engine, reader = _on_server(self.url) if self._is_server else _on_file(self.url)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(reader, expire_on_commit=False)

    @property
    def _is_server(self) -> bool:
        return self.url.get_backend_name() == "postgresql"

    async def create_tables(self) -> None:
        """Make what is missing, once however many start together; Alimi makes its own.

        Raises ForeignTables, and what the driver has to say.
        """
        if not self._is_server:
            # Where the file cannot be opened aiosqlite leaves a thread behind, which may outlive
            # the loop and then ends with a traceback: here nothing is left.
            sqlite3.connect(str(self.url.database)).close()
        async with self.engine.begin() as connection:
            if self._is_server:
                await connection.execute(_TAKE_TURN)
            await connection.run_sync(_demand_ours)
            await connection.run_sync(Base.metadata.create_all)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One write transaction: committed at the end, rolled back on any error."""
        async with self._sessions() as session, session.begin():
            if self._is_server:
                await session.execute(_TAKE_TURN)
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One snapshot, which waits for nobody."""
        async with self._readers() as session, session.begin():
            yield session

    def complaint(self, error: Exception) -> str:
        """Why it cannot be used, in one line."""
        told = f"the database {name_of(self.url)} cannot be used: {_reason(error)}"
        if isinstance(error, AlimiError | ForeignTables):
            return told  # which says what to do by itself
        if self._is_server:
            return f"{told} (it must exist, and its user be allowed to make tables in it)"
        return f"{told} (it must be a SQLite file, and both it and its folder yours to write)"

    async def close(self) -> None:
        """Let go of the file, or of the server."""
        await self.engine.dispose()


async def numbered(session: AsyncSession, table: type[Row], number: int) -> Row | None:
    """The row of that number, however large the number is."""
    return await session.get(table, number) if 0 < number <= MAX_ID else None


async def continue_numbers(session: AsyncSession, table: type[Base]) -> None:
    """After rows that brought their own numbers: PostgreSQL does not look at them by itself."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(_CONTINUE.format(table.__tablename__)))


def _demand_ours(connection: Connection) -> None:
    """Nothing is added to what another program keeps."""
    seen = inspect(connection)
    present = {name for name in seen.get_table_names() if not name.startswith(_ALIMI)}
    ours = [table for table in Base.metadata.sorted_tables if table.name in present]
    if present and not ours:
        some = ", ".join(sorted(present)[:3])
        raise ForeignTables(f"it has tables of another program ({some}): name another with --db")
    for table in ours:
        found = {column["name"] for column in seen.get_columns(table.name)}
        for column in table.columns:
            if column.name not in found:
                raise ForeignTables(
                    f"its table {table.name} is not the board's, it has no {column.name}:"
                    " name another with --db"
                )


def _reason(error: Exception) -> str:
    """The driver's own sentence, without what SQLAlchemy puts around it."""
    told = str(getattr(error, "orig", None) or error) or type(error).__name__
    return re.sub(r"^<class '[\w.]+'>: ", "", told.partition("\n")[0])


def is_server(location: str | Path) -> bool:
    """Whether it names a server, and not a file."""
    return _SERVER.match(str(location)) is not None


def name_of(location: str | Path | URL) -> str:
    """Where the data is, for people: without the password."""
    url = location if isinstance(location, URL) else url_of(location)
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql").render_as_string()
    return str(Path(url.database or "").resolve())


def url_of(location: str | Path) -> URL:
    """A file's path, or a postgresql:// URL as psql and others understand it."""
    if not is_server(location):
        return URL.create("sqlite+aiosqlite", database=str(location))
    url = make_url(str(location)).set(drivername="postgresql+asyncpg")
    options = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(query=options)


def _on_file(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    return engine, engine.execution_options(sqlite_begin="DEFERRED")


def _on_server(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    # The server may have been restarted since a connection was used last.
    engine = create_async_engine(url, pool_pre_ping=True)
    return engine, engine.execution_options(isolation_level="REPEATABLE READ")


def _enforce_foreign_keys(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
