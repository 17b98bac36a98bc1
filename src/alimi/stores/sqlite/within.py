"""Recording inside an application's own transaction, and every reason to refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alimi.errors import ForeignDatabase, NoTransaction, UnpreparedEngine
from alimi.model import Entry
from alimi.store import Executor
from alimi.stores.sqlite.outbox import prepare
from alimi.stores.sqlite.sql import SQL


def write(path: Path, executor: Executor, entries: Sequence[Entry]) -> None:
    """INSERT on the application's connection; commits and rolls back with it (G2)."""
    if executor.dialect != "sqlite":
        raise ForeignDatabase
    if not executor.begins_explicitly:
        raise UnpreparedEngine
    if not executor.in_transaction:
        raise NoTransaction
    if not _same_file(executor, path):
        raise ForeignDatabase
    for each in prepare(entries):
        for row in each.rows:
            executor.execute(SQL["record"], row)


def _same_file(executor: Executor, path: Path) -> bool:
    for _, name, file in executor.execute("PRAGMA database_list"):
        if name == "main":
            return bool(file) and Path(str(file)).samefile(path)
    return False
