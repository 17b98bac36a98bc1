"""Recording inside an application's own transaction, and every reason to refuse it."""

from __future__ import annotations

from collections.abc import Sequence

from alimi.errors import ForeignDatabase, NoTransaction, SchemaMissing
from alimi.model import Entry
from alimi.store import Joined, Recording, Statement
from alimi.stores.postgres.outbox import prepare
from alimi.stores.postgres.sql import SQL

#: What drivers call the code of an error; 42P01 is an undefined table.
_CODES = ("sqlstate", "pgcode")


def write(
    joined: Joined, entries: Sequence[Entry], partitions: int, store: str | None
) -> Recording:
    """INSERT on the application's connection; commits and rolls back with it (G2).

    `store` is the identity that the database must have, None while it is not known.
    """
    if joined.dialect != "postgresql":
        raise ForeignDatabase
    if not joined.in_transaction:
        raise NoTransaction
    for each in prepare(entries, partitions):
        for row in each.rows:
            try:
                recorded = yield Statement(SQL["record"], (*row, store))
            except Exception as error:
                if _code(error) == "42P01":
                    raise SchemaMissing from error
                raise
            if not recorded:
                raise ForeignDatabase


def _code(error: BaseException) -> str | None:
    """SQLAlchemy wraps the driver's error, and its asyncpg dialect wraps it once more."""
    seen: BaseException | None = error
    while seen is not None:
        for name in _CODES:
            code = getattr(seen, name, None)
            if isinstance(code, str):
                return code
        seen = getattr(seen, "orig", None) or seen.__cause__
    return None
