"""An application's own connection to a SQLite file, as the store tests need it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class SQLiteApplication:
    """Implements Application and, of it, Joined."""

    dialect = "sqlite"

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    @property
    def joined(self) -> SQLiteApplication:
        return self

    @property
    def in_transaction(self) -> bool:
        return self.db.in_transaction

    @property
    def begins_explicitly(self) -> bool:
        return self.db.isolation_level is None

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, parameters).fetchall()

    def begin(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.db.execute("COMMIT")

    def rollback(self) -> None:
        self.db.execute("ROLLBACK")


@contextmanager
def application(path: Path) -> Iterator[SQLiteApplication]:
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        yield SQLiteApplication(db)
    finally:
        db.close()
