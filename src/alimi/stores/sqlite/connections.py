"""Connections to the file, and the one way to take its write lock."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from alimi.errors import StoreBusy, StoreError

Synchronous = Literal["OFF", "NORMAL", "FULL", "EXTRA"]

#: How long a writer waits for somebody else's transaction.
LOCK_SECONDS = 10.0
#: SQLite's own busy handler backs off to 100 ms, which made p99 109 ms; this stays close.
RETRY_SECONDS = (0.0002, 0.002)
#: Readers hardly ever wait in WAL mode; only while another process recovers the log.
READER_SECONDS = 5.0
#: Pages (16 MiB) in the log before a checkpoint: larger than the default, so that hot pages are
#: written back once and not every few batches.
CHECKPOINT_PAGES = 4000


def connect_writer(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """A connection that writes; it does its own waiting, see `begin`."""
    db = _connect(path.as_uri(), timeout=0)
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    db.execute("PRAGMA cache_size = -32768")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def connect_reader(path: Path, seconds: float = READER_SECONDS) -> sqlite3.Connection:
    """A connection that only reads; it cannot create or change anything."""
    db = _connect(f"{path.as_uri()}?mode=rw", timeout=seconds)
    db.execute("PRAGMA query_only = ON")
    return db


def _connect(uri: str, timeout: float) -> sqlite3.Connection:
    # Threads hand connections over (open, close), each uses its own in between.
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def use_wal(db: sqlite3.Connection) -> None:
    """Turn on write-ahead logging; a property of the file, so usually it is on already."""
    _retry(db, "PRAGMA journal_mode = WAL", LOCK_SECONDS)
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StoreError(f"the database cannot use write-ahead logging (journal mode {mode})")


def begin(db: sqlite3.Connection, seconds: float = LOCK_SECONDS) -> None:
    """Take the write lock; raises StoreBusy when somebody else keeps it too long."""
    _retry(db, "BEGIN IMMEDIATE", seconds)


def _retry(db: sqlite3.Connection, statement: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            db.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            if time.monotonic() >= deadline:
                raise StoreBusy from error
        time.sleep(random.uniform(*RETRY_SECONDS))  # SQLite tells nobody that a lock is free


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection's lock is the cause; extended codes keep it in the low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def rollback(db: sqlite3.Connection) -> None:
    """End a transaction that failed; SQLite may have ended it already."""
    if db.in_transaction:
        db.execute("ROLLBACK")


@contextmanager
def savepoint(db: sqlite3.Connection) -> Iterator[None]:
    """All of the body or nothing of it, inside a transaction."""
    db.execute("SAVEPOINT alimi")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK TO alimi")
            db.execute("RELEASE alimi")
        raise
    db.execute("RELEASE alimi")


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Everything that the body reads is of one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        rollback(db)


def as_alimi_error(error: BaseException) -> BaseException:
    """What the caller of a verb sees: the database's errors become the store's."""
    if isinstance(error, sqlite3.Error):
        busy = is_busy(error)
        mapped = StoreBusy() if busy else StoreError(f"{type(error).__name__}: {error}")
        mapped.__cause__ = error
        return mapped
    return error
