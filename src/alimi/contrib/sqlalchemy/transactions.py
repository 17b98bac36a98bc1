"""Joining the transaction of a session or a connection."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Transaction
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    AsyncSessionTransaction,
    AsyncTransaction,
    async_scoped_session,
    async_sessionmaker,
)
from sqlalchemy.orm import Session, SessionTransaction, scoped_session, sessionmaker

from alimi.contrib.sqlalchemy.engines import has_own_mode, in_transaction
from alimi.errors import NoTransaction, UnknownTransaction
from alimi.store import Joined, Recording, Rows, drive


async def run(within: object, write: Callable[[Joined], Recording]) -> None:
    """Record in the transaction of an AsyncSession, AsyncConnection, Session or Connection.

    A session or connection that has not begun begins now, as with any other statement.  The session
    is not flushed first: what is recorded and what is pending commit or roll back together in any
    order, and a pending object that cannot be flushed fails where the application flushes it.
    """
    if isinstance(within, async_scoped_session):
        within = within()
    if isinstance(within, (AsyncSession, AsyncConnection)):
        await within.run_sync(run_sync, write)
    else:
        run_sync(within, write)


def run_sync(within: object, write: Callable[[Joined], Recording]) -> None:
    """The same where no loop runs, in a Session or Connection."""
    joined = JoinedConnection(_connection(within))
    drive(write(joined), joined.execute)


def _connection(within: object) -> Connection:
    if isinstance(within, scoped_session):
        within = within()
    if isinstance(within, Session):
        return _of_session(within)
    if isinstance(within, Connection):
        if not within.in_transaction():
            within.begin()
        return within
    if isinstance(within, (AsyncSession, AsyncConnection, async_scoped_session)):
        raise UnknownTransaction(
            f"record() cannot wait for an {type(within).__name__}: use await notify(…, within=…)"
        )
    raise UnknownTransaction(
        next((meant for kinds, meant in _MEANT if isinstance(within, kinds)), None)
    )


#: What is passed by mistake, and what its owner meant.
_MEANT: tuple[tuple[tuple[type[Any], ...], str], ...] = (
    (
        (Engine, AsyncEngine),
        "an engine has no transaction: pass the connection that `with engine.begin()` gives you",
    ),
    (
        (sessionmaker, async_sessionmaker),
        "a sessionmaker has no transaction: pass a session that it has made, the one you commit",
    ),
    (
        (Transaction, AsyncTransaction, SessionTransaction, AsyncSessionTransaction),
        "pass the connection or session that this transaction was begun on",
    ),
)


def _of_session(session: Session) -> Connection:
    if not (session.autobegin or session.in_transaction()):
        raise NoTransaction
    try:
        return session.connection()
    except UnboundExecutionError as error:
        raise UnknownTransaction(
            "this session has several engines: pass the connection of the one that Alimi uses, "
            "session.connection(bind_arguments={…})"
        ) from error


class JoinedConnection:
    """A SQLAlchemy connection as a store sees it (`alimi.store.Joined`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> str:
        """As SQLAlchemy names it."""
        return self._connection.dialect.name

    @property
    def in_transaction(self) -> bool:
        """What the driver says: SQLAlchemy believes in a transaction that has not begun yet.

        On PostgreSQL the next statement begins it, whatever the driver, unless it commits each.
        """
        pooled: Any = self._connection.connection
        if self.dialect == "postgresql":
            return not pooled.dbapi_connection.autocommit
        return in_transaction(pooled.driver_connection)

    @property
    def begins_explicitly(self) -> bool:
        """On SQLite true of a prepared engine, and of a driver that leaves savepoints alone."""
        if self.dialect == "postgresql":
            return True
        driver: Any = self._connection.connection.driver_connection
        return driver.isolation_level is None or has_own_mode(driver)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples."""
        if self._connection.dialect.paramstyle in _PERCENT:
            sql = _with_percent(sql)
        result = self._connection.exec_driver_sql(sql, tuple(parameters) or None)
        return [tuple(row) for row in result] if result.returns_rows else []


#: Drivers that know no $1.
_PERCENT = ("format", "pyformat")
_PLACEHOLDER = re.compile(r"\$\d+")


@functools.lru_cache(maxsize=16)  # a store has a handful of statements
def _with_percent(sql: str) -> str:
    return _PLACEHOLDER.sub("%s", sql)
