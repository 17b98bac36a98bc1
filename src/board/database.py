"""The board's database: one SQLite file, which Alimi shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from board.models import Base

#: How long a write waits for another process; within this one, Alimi's writer is quick.
BUSY_SECONDS = 10


class Database:
    """Hands out transactions.

    The engine is given to `Alimi(…)`, which makes its transactions begin with BEGIN IMMEDIATE: two
    people who write at once take turns, and nobody decides on rows that are about to change.
    """

    def __init__(self, path: Path) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        self.engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(self.engine.sync_engine, "connect", _enforce_foreign_keys)
        reader = self.engine.execution_options(sqlite_begin="DEFERRED")
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(reader, expire_on_commit=False)

    async def create_tables(self) -> None:
        """Make what is missing; Alimi makes its own."""
        async with self.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One write transaction: committed at the end, rolled back on any error."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One snapshot, which waits for nobody."""
        async with self._readers() as session, session.begin():
            yield session

    async def close(self) -> None:
        """Let go of the file."""
        await self.engine.dispose()


def _enforce_foreign_keys(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
