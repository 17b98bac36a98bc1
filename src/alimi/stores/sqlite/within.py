"""Recording inside an application's own transaction, and every reason to refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alimi.errors import ForeignDatabase, NoTransaction, SchemaMissing, UnpreparedEngine
from alimi.model import Entry
from alimi.store import Joined, Recording, Rows, Statement
from alimi.stores.sqlite.outbox import prepare
from alimi.stores.sqlite.sql import SQL

_NO_TABLE = "no such table: alimi_outbox"


def write(path: Path, joined: Joined, entries: Sequence[Entry]) -> Recording:
    """INSERT on the application's connection; commits and rolls back with it (G2)."""
    if joined.dialect != "sqlite":
        raise ForeignDatabase
    if not joined.begins_explicitly:
        raise UnpreparedEngine
    if not joined.in_transaction:
        raise NoTransaction
    if not _is_main(path, (yield Statement("PRAGMA database_list"))):
        raise ForeignDatabase
    rows = [row for each in prepare(entries) for row in each.rows]
    try:
        for row in rows:
            yield Statement(SQL["record"], row)
    except Exception as error:
        if _NO_TABLE in str(error):  # each driver wraps SQLite's error in its own way
            raise SchemaMissing from error
        raise


def _is_main(path: Path, databases: Rows) -> bool:
    for _, name, file in databases:
        if name == "main":
            return bool(file) and Path(str(file)).samefile(path)
    return False
