"""Threads that read, so that no read ever blocks an event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alimi.errors import StoreClosed, StoreFull
from alimi.stores.sqlite.connections import as_alimi_error, snapshot

T = TypeVar("T")


class Readers:
    """A lane of reads: its own threads with a connection each, and its own bound.

    Every read is one snapshot.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], name: str, *, threads: int, bound: int
    ) -> None:
        self._connect = connect
        self._bound = bound
        self._waiting = 0
        self._closed = False
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"alimi-{name}")

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Answer from one snapshot."""
        if self._closed:
            raise StoreClosed
        if self._waiting >= self._bound:
            raise StoreFull("Too many reads are waiting: slow down and try again.")
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            return await loop.run_in_executor(self._pool, self._read, read)
        except sqlite3.Error as error:
            raise as_alimi_error(error) from error
        finally:
            self._waiting -= 1

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        db: sqlite3.Connection | None = getattr(self._own, "db", None)
        if db is None:
            db = self._own.db = self._connect()
            self._all.append(db)
        with snapshot(db):
            return read(db)

    def close(self) -> None:
        """Finish the reads that run, then let go.  Blocks."""
        self._closed = True
        self._pool.shutdown(wait=True)
        for db in self._all:
            db.close()
        self._all.clear()
