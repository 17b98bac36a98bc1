"""Transactions of SQLAlchemy on SQLite take turns, also with another process."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from alimi.contrib.sqlalchemy import run
from alimi.stores.sqlite import SQLiteStore
from tests.contrib.postgres_ways import settle
from tests.contrib.sqlalchemy_ways import NEWS, Assignees, Record, assign, every_way, inbox, opened

WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for line in sys.stdin:
    print("trying", flush=True)
    db.execute("INSERT INTO card (assignee) VALUES (9)")
    print("done", flush=True)
"""


class Writer:
    """Another process with a connection to the same file."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._hears("trying")

    async def done(self) -> None:
        await self._hears("done")

    async def _hears(self, word: str) -> None:
        assert self._process.stdout is not None
        assert (await self._process.stdout.readline()).decode().strip() == word


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    yield Writer(process)
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


@every_way
async def test_read_then_write_while_another_process_writes(
    way: str, path: Path, store: SQLiteStore, record: Record, assignees: Assignees, writer: Writer
) -> None:
    """G2: a transaction that reads first has its turn from its beginning; the other one waits."""
    async with opened(way, path) as within:
        await settle(within.execute(text("SELECT * FROM card")))
        await writer.start()
        await assign(within, 2)
        await run(within, record)
        await settle(within.commit())
        await writer.done()
    assert assignees() == [2, 9]
    assert await inbox(store) == NEWS


async def test_read_then_write_fails_without_immediate(
    path: Path, store: SQLiteStore, writer: Writer
) -> None:
    """What `prepare` is for: with a stale snapshot no waiting helps, the write fails at once."""
    async with opened("Session", path) as session:
        session.connection(execution_options={"sqlite_begin": "DEFERRED"})
        session.execute(text("SELECT * FROM card"))
        await writer.start()
        await writer.done()
        with pytest.raises(OperationalError, match="locked"):
            await assign(session, 2)
        session.rollback()
        await assign(session, 2)
        session.commit()


async def test_a_reader_keeps_out_of_the_queue(path: Path, store: SQLiteStore) -> None:
    """Work that only reads goes on while somebody holds the write lock."""
    async with opened("AsyncConnection", path) as writing, opened("AsyncSession", path) as session:
        await assign(writing, 2)
        await session.connection(execution_options={"sqlite_begin": "DEFERRED"})
        assert (await session.execute(text("SELECT assignee FROM card"))).scalar() is None
        await session.commit()


async def test_a_lock_that_is_not_had_is_the_driver_s_error(path: Path, store: SQLiteStore) -> None:
    """BEGIN waits as long as the timeout of the engine says; the connection works again later."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    async with opened("Connection", path, connect_args={"timeout": 0}) as connection:
        assert isinstance(connection, Connection)
        with pytest.raises(OperationalError, match="locked"):
            await assign(connection, 2)
        holder.execute("ROLLBACK")
        await assign(connection, 2)
        connection.commit()
    holder.close()
