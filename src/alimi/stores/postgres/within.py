"""Recording inside an application's own transaction, and every reason to refuse it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import asyncpg
import msgspec

from alimi.errors import ForeignDatabase, NoTransaction, SchemaMissing, StoreError
from alimi.model import Entry
from alimi.store import Joined, Recording, Statement
from alimi.stores.postgres.outbox import Row, prepare
from alimi.stores.postgres.sql import SQL
from alimi.stores.postgres.target import Target
from alimi.stores.postgres.upkeep import look_after

#: What drivers call the code of an error.
_CODES = ("sqlstate", "pgcode")
_UNDEFINED_TABLE = "42P01"
_INSUFFICIENT_PRIVILEGE = "42501"
_NO_RIGHTS = (
    "the role of this connection may not record: GRANT INSERT ON alimi_outbox to it, and GRANT "
    "EXECUTE ON FUNCTION alimi_store where that is not everybody's (docs/postgres-sql.md)"
)


class Here(NamedTuple):
    """Which database a connection leads to, and into how many partitions recipients are hashed."""

    identity: str
    partitions: int


async def look(connection: asyncpg.Connection) -> Here:
    """Ask a connection where it leads."""
    found = await connection.fetchrow(SQL["identity"])
    if found is None:
        raise SchemaMissing
    return Here(*found)


class Place:
    """The store's database, as transactions of the application have to match it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._here: Here | None = None
        self._asking = threading.Lock()

    @property
    def here(self) -> Here:
        """What is known; asked for where nothing is open, and then only once.

        `record()` may be called in a process that never runs an event loop.  Asking blocks for one
        connection to the database, on which the caller has a transaction already.
        """
        return self._here or self._ask()

    def _ask(self) -> Here:
        with self._asking:
            if self._here is None:
                with ThreadPoolExecutor(1) as pool:
                    asked = pool.submit(lambda: asyncio.run(look_after(self._target, look)))
                    self._here = asked.result()
            return self._here

    def learn(self, here: Here | None) -> None:
        """Somebody has asked; None: ask again."""
        self._here = here


def write(place: Place, joined: Joined, entries: Sequence[Entry]) -> Recording:
    """INSERT on the application's connection; commits and rolls back with it (G2)."""
    if joined.dialect != "postgresql":
        raise ForeignDatabase
    if not joined.in_transaction:
        raise NoTransaction
    here = place.here
    rows = [row for each in prepare(entries, here.partitions) for row in each.rows]
    if not rows:
        return
    try:
        recorded = yield _statement(rows, here.identity)
    except Exception as error:
        code = _code(error)
        if code == _UNDEFINED_TABLE:
            raise SchemaMissing from error
        if code == _INSUFFICIENT_PRIVILEGE:
            raise StoreError(_NO_RIGHTS) from error
        raise
    if not recorded:
        place.learn(None)  # the store's own database may have been restored or renamed
        raise ForeignDatabase


def _statement(rows: list[Row], identity: str) -> Statement:
    if len(rows) == 1:
        return Statement(SQL["record"], (*rows[0], identity))
    several = msgspec.json.encode([row._asdict() for row in rows]).decode()
    return Statement(SQL["record_several"], (several, identity))


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
