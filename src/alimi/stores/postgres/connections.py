"""Connections: a few lanes of them for each event loop, and the ways to use one.

Nothing is kept in a session, so a pooler in transaction mode may stand in between: timeouts are set
inside the transaction they are for, locks end with it, and no default is relied on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from alimi.errors import AlimiError, SchemaMissing, StoreBusy, StoreError, StoreFull, StoreReadOnly
from alimi.stores.postgres.target import Target

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]

#: Connections of each lane.  Streams never wait behind pages, nor the relay behind either.
LANES = {"relay": 1, "outbox": 2, "feed": 2, "pages": 3}
#: How long one statement may take before its caller hears of it.
STATEMENT_SECONDS = 30.0
#: Another process restarts, or two wait for each other: how often to try again, and the pause.
ATTEMPTS = 8
_PAUSE = (0.002, 0.02)
#: Where nobody is inside for so long the server ends the transaction and frees its locks.
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    "SET LOCAL lock_timeout = '5s';"
    "SET LOCAL statement_timeout = '20s';"
    "SET LOCAL idle_in_transaction_session_timeout = '5s'"
)
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

#: Nothing was done, and it would succeed the next time.
TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
)
#: The connection is gone, with or without what was under way on it.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # what asyncpg says when an operation was cut off half-way
    ConnectionError,
    EOFError,
)
#: What tells that each transaction may be on another connection of the server.
_POOLED = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
#: Nothing was done, for transactions are not what they are by default.  These very errors: that a
#: lock was not to be had is a special case of the first.
_OTHER_DEFAULTS = (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.ReadOnlySQLTransactionError)
_MISSING = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError)
#: What somebody who sets it up meets, and what to do then.
_ADVICE: dict[type[Exception], str] = {
    asyncpg.InvalidCatalogNameError: "create it, then run `alimi migrate`, or name another",
    asyncpg.InvalidAuthorizationSpecificationError: "check the user and password of the URL",
    asyncpg.InsufficientPrivilegeError: "grant the rights that docs/postgres.md lists",
    ConnectionRefusedError: "start the server, or check the host and port of the URL",
    socket.gaierror: "check the host of the URL",
}


class Lane:
    """Some connections for one sort of work, with a bound on what waits for them."""

    def __init__(self, target: Target, name: str, bound: int) -> None:
        self._pool = asyncpg.create_pool(
            min_size=0,
            max_size=LANES[name],
            max_queries=0x7FFFFFFF,
            command_timeout=STATEMENT_SECONDS,
            reset=_reset,
            connect=target.connect,
        )
        self._target = target
        self._bound = bound
        self._waiting = 0

    async def run(self, work: Work[T]) -> T:
        """Do work that is one statement; again, a few times, where nothing was done for sure."""
        if self._target.is_bracketed:
            return await self.transact(work)
        try:
            return await self._bounded(work)
        except StoreError as error:
            if type(error.__cause__) not in _OTHER_DEFAULTS:
                raise
        # The role's defaults were others when the store was opened.
        done = await self.transact(work)
        self._target.is_bracketed = True
        return done

    async def transact(self, work: Work[T]) -> T:
        """The same for several statements, in one READ COMMITTED transaction."""
        return await self._bounded(_in_transaction(work))

    async def bare(self, work: Work[T]) -> T:
        """The same for work that begins and commits by itself."""
        return await self._bounded(work)

    async def _bounded(self, work: Work[T]) -> T:
        if self._waiting >= self._bound:
            raise StoreFull
        self._waiting += 1
        try:
            return await self._persist(work)
        except AlimiError:
            raise
        except Exception as error:
            raise as_alimi_error(error) from error
        finally:
            self._waiting -= 1

    async def read(self, work: Work[T]) -> T:
        """One statement that changes nothing: again, once, when the connection was lost."""
        try:
            return await self.run(work)
        except StoreError as error:
            if not isinstance(error.__cause__, LOST):
                raise
        return await self.run(work)

    async def _persist(self, work: Work[T]) -> T:
        await self._pool  # which connects nothing yet, but belongs to this loop now
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._once(work)
            except TRANSIENT:
                await asyncio.sleep(random.uniform(*_PAUSE))
        return await self._once(work)

    async def _once(self, work: Work[T]) -> T:
        async with self._pool.acquire() as connection:
            return await work(connection)

    async def close(self) -> None:
        """Wait for what is under way, then let go."""
        await self._pool
        await self._pool.close()

    def terminate(self) -> None:
        """Let go at once."""
        with contextlib.suppress(asyncpg.InterfaceError):  # it was never used
            self._pool.terminate()


def _in_transaction(work: Work[T]) -> Work[T]:
    async def inside(connection: asyncpg.Connection) -> T:
        async with transaction(connection):
            return await work(connection)

    return inside


async def _reset(connection: Any) -> None:
    """Nothing is kept in a session, so there is nothing to reset."""


async def begin(connection: asyncpg.Connection) -> None:
    """Begin to write; raises StoreReadOnly where a pooler has led us to a standby meanwhile."""
    try:
        await connection.execute(_BEGIN)
    except asyncpg.FeatureNotSupportedError as error:
        raise StoreReadOnly from error


@asynccontextmanager
async def transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """One READ COMMITTED transaction that does not survive a caller who hangs."""
    try:
        await begin(connection)  # it may have begun though its caller went away meanwhile
        yield
    except BaseException:
        await roll_back(connection)
        raise
    await connection.execute("COMMIT")


async def roll_back(connection: asyncpg.Connection) -> None:
    """End a transaction that failed, or the connection when even that fails."""
    try:
        await connection.execute("ROLLBACK", timeout=5)
    except Exception:  # noqa: BLE001 - what went wrong first is what the caller hears
        connection.terminate()


@asynccontextmanager
async def snapshot(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Everything that the body reads is of one moment."""
    await connection.execute(_SNAPSHOT)
    try:
        yield
    finally:
        await roll_back(connection)


def as_alimi_error(error: BaseException) -> BaseException:
    """What the caller of a verb sees: the database's errors become the store's."""
    if isinstance(error, StoreError) or not isinstance(error, Exception):
        return error
    if isinstance(error, _MISSING):
        return SchemaMissing()
    if isinstance(error, _POOLED):
        said = str(error).partition("\n")[0]  # below it asyncpg advises against poolers
        return StoreError(
            f"{said}: a pooler in transaction mode is in between; add ?pgbouncer=true to the URL"
        )
    if isinstance(error, (*TRANSIENT, asyncpg.LockNotAvailableError)):
        return StoreBusy()
    if isinstance(error, (*LOST, asyncpg.PostgresError, OSError, TimeoutError)):
        return StoreError(_told(error))
    return error


def _told(error: Exception) -> str:
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind):
            return f"{error}: {advice}"
    return f"{type(error).__name__}: {error}".rstrip(": ")
