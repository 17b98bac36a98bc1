"""Record inside a SQLAlchemy transaction, and make SQLite's transactions real ones.

With its default settings Python's SQLite driver begins a transaction late, at the first write, and
commits at the release of an outermost savepoint.  Then a rollback does not take back what was
recorded, and a transaction that reads before it writes fails at once when somebody else wrote in
between, whatever the timeout.  `prepare(engine)` cures both:

    engine = prepare(create_async_engine("sqlite+aiosqlite:///app.db"))

From then on each transaction of the engine begins with BEGIN IMMEDIATE and so waits for its turn.
Work that only reads can stay out of that queue:

    session = AsyncSession(engine.execution_options(sqlite_begin="DEFERRED"))
    await session.connection(execution_options={"sqlite_begin": "DEFERRED"})    # or this one only

The isolation level AUTOCOMMIT still means no transaction, for VACUUM and the like.  A pragma that
is refused inside a transaction, such as journal_mode, belongs into a "connect" listener.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
)
from sqlalchemy.orm import Session, scoped_session

from alimi.errors import ConfigurationError, NoTransaction, UnknownTransaction
from alimi.store import Joined, Recording, Rows, drive

Begin = Literal["DEFERRED", "IMMEDIATE", "EXCLUSIVE"]
_BEGINS = ("DEFERRED", "IMMEDIATE", "EXCLUSIVE")
AnyEngine = TypeVar("AnyEngine", bound=Engine | AsyncEngine)

#: Ours in `Connection.info`, which lives as long as the driver's connection.
_BEGIN = "alimi.begin"
_MARK = "alimi.began"
_COMMITTED = "alimi.commit"
_log = logging.getLogger("alimi.contrib.sqlalchemy")


# -- preparing an engine ----------------------------------------------------------------------


def prepare(engine: AnyEngine, begin: Begin | None = None) -> AnyEngine:
    """Let each transaction of a SQLite engine begin with `begin`, IMMEDIATE if never said.

    Answers the engine; call it where that is made (`Alimi(engine)` does it too).  It also reaches
    connections that are already pooled and engines derived with `execution_options`.  A second call
    changes nothing but `begin`, if given; engines of other databases are left alone.
    """
    if begin is not None and begin not in _BEGINS:
        raise ConfigurationError(f"begin is one of {', '.join(_BEGINS)}, not {begin!r}")
    root = _root(engine)
    if root.dialect.name != "sqlite":
        return engine
    prepared = _prepared.get(root)
    if prepared is None:
        prepared = _prepared[root] = Prepared()
        event.listen(root, "begin", prepared.wanted)
        event.listen(root, "checkin", _unmark)
        root.dialect.do_begin = prepared.do_begin  # type: ignore[method-assign]
    prepared.begin = begin or prepared.begin
    return engine


def holds_write_transaction(engine: Engine | AsyncEngine) -> bool:
    """Whether the current task holds one on this engine, or the thread where no loop runs.

    To wait there for another connection's write would be to wait for oneself.  The same goes for
    what was started inside the transaction, by gather, TaskGroup, create_task or to_thread: it is
    likely waited for before the commit.  What was started before the transaction holds nothing.
    """
    prepared = _prepared.get(_root(engine))
    return prepared is not None and prepared.mine()


class Prepared:
    """What is known of a prepared engine: how to begin, and who did."""

    def __init__(self) -> None:
        self.begin: Begin = "IMMEDIATE"
        self._marks: weakref.WeakSet[_Mark] = weakref.WeakSet()
        self._lock = threading.Lock()

    def mine(self) -> bool:
        """Whether the current task or thread began an open write transaction, or inherited one."""
        me, inherited = _owner(), {mark() for mark in _begun.get()}
        with self._lock:
            marks = list(self._marks)
        return any((mark.owner == me or mark in inherited) and mark.writing for mark in marks)

    def wanted(self, connection: Connection) -> None:
        """Listener: SQLAlchemy wants a transaction; only here are the options known."""
        option = connection.get_execution_options().get("sqlite_begin", self.begin)
        connection.info[_BEGIN] = None if _autocommits(connection) else option

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Begin, where the dialect would leave it to the driver.

        An error here leaves SQLAlchemy's connection as it was.  Raised in a listener, as the usual
        recipe has it, it makes the next statements of that connection run without any transaction.
        """
        begin = dbapi_connection.info.pop(_BEGIN, self.begin)
        driver: Any = dbapi_connection.driver_connection
        if begin is None or _has_own_mode(driver):
            return
        if begin not in _BEGINS:
            raise ConfigurationError(f"sqlite_begin is one of {', '.join(_BEGINS)}, not {begin!r}")
        # Already open when a listener of the application's own has begun: one BEGIN is enough.
        ours = not _in_transaction(driver)
        if ours:
            _begin(dbapi_connection, begin)
        self._mark(dbapi_connection, _Mark(driver, locked=ours and begin != "DEFERRED"))

    def _mark(self, dbapi: PoolProxiedConnection, mark: _Mark) -> None:
        # The only strong reference: a mark is replaced by the next one, and dies with its driver.
        dbapi.info[_MARK] = mark
        with self._lock:
            self._marks.add(mark)
        living = (each for each in _begun.get() if each() is not None)
        _begun.set((*living, weakref.ref(mark)))


def _unmark(_dbapi: object, record: Any) -> None:
    """Listener: whatever the connection's next user does with it is no business of the last one."""
    record.info.pop(_MARK, None)


def _begin(dbapi: Any, begin: Begin) -> None:
    # Each time, as the pool's reset and the option isolation_level switch the driver's own on.
    if dbapi.dbapi_connection.isolation_level is not None:
        dbapi.dbapi_connection.isolation_level = None
    cursor = dbapi.cursor()
    try:
        cursor.execute(f"BEGIN {begin}")
    finally:
        cursor.close()


class _Mark:
    """Who began a transaction.  Whether it is still open is asked of the driver, not remembered."""

    def __init__(self, driver: Any, *, locked: bool) -> None:
        self.owner = _owner()
        self._driver = driver
        self._locked = locked
        self._changes = driver.total_changes

    @property
    def writing(self) -> bool:
        """A transaction that began DEFERRED has the write lock once it has changed a row."""
        if not _in_transaction(self._driver):
            return False
        try:
            return self._locked or bool(self._driver.total_changes != self._changes)
        except Exception:  # noqa: BLE001 - another thread has closed it since the first question
            return False


#: Marks of what was begun in this context, which child tasks and `asyncio.to_thread` copy when they
#: start: so they have those of the transactions they were started in, and no later ones.  A plain
#: thread copies nothing.  SQLAlchemy's greenlets run in the context of their task.
_begun: ContextVar[tuple[weakref.ref[_Mark], ...]] = ContextVar("alimi.begun", default=())
_prepared: weakref.WeakKeyDictionary[Engine, Prepared] = weakref.WeakKeyDictionary()


def _owner() -> object:
    """The current task, not kept alive by this; else the thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident() if task is None else weakref.ref(task)


def _root(engine: Engine | AsyncEngine) -> Engine:
    """The engine itself, also for one that was derived from it: they share pool and events."""
    root = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    while (parent := getattr(root, "_proxied", None)) is not None:
        root = parent
    return root


def _autocommits(connection: Connection) -> bool:
    level = connection.get_execution_options().get("isolation_level")
    if level is None:
        # What create_engine(isolation_level=…) was given; it has no public name.
        level = getattr(connection.dialect, "_on_connect_isolation_level", None)
    return bool(level == "AUTOCOMMIT")


def _has_own_mode(driver: Any) -> bool:
    """Whether sqlite3's argument `autocommit` (Python 3.12) is in use.

    False begins real transactions by itself, True never does; a BEGIN fits neither.
    """
    # aiosqlite does not pass the attribute on.
    return isinstance(getattr(getattr(driver, "_conn", driver), "autocommit", None), bool)


def _in_transaction(driver: Any) -> bool:
    try:
        return bool(driver.in_transaction)
    except Exception:  # noqa: BLE001 - a closed connection says so in its driver's own way
        return False


# -- waking -----------------------------------------------------------------------------------


def on_commit(engine: Engine | AsyncEngine, callback: Callable[[], None]) -> None:
    """Call `callback` when a COMMIT on the engine was asked for, and again when it is surely done.

    The first call comes before the database has committed, the second when the connection goes back
    to its pool: a hint, not a promise.  It is called in any thread and must not block; what it
    raises is logged.  A bound method does not keep its object alive.
    """
    root = _root(engine)
    watch = _watched.get(root)
    if watch is None:
        watch = _watched[root] = _Watch()
        event.listen(root, "commit", watch.asked)
        event.listen(root, "checkin", watch.returned)
    watch.add(callback)


class _Watch:
    """Who wants to know of an engine's commits."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], Callable[[], None] | None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        """Also forgets whoever has gone."""
        self._callbacks = [each for each in self._callbacks if each() is not None]
        if hasattr(callback, "__self__"):
            self._callbacks.append(weakref.WeakMethod(callback))
        else:
            self._callbacks.append(lambda: callback)

    def asked(self, connection: Connection) -> None:
        connection.info[_COMMITTED] = True
        self._call()

    def returned(self, _dbapi: object, record: Any) -> None:
        if record.info.pop(_COMMITTED, False):
            self._call()

    def _call(self) -> None:
        callbacks = [callback for each in self._callbacks if (callback := each()) is not None]
        for callback in callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001 - a hint must not fail the application's commit
                _log.exception("A commit could not be announced; it is found a little later")


_watched: weakref.WeakKeyDictionary[Engine, _Watch] = weakref.WeakKeyDictionary()


# -- joining a transaction --------------------------------------------------------------------


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
    raise UnknownTransaction


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
        return _in_transaction(pooled.driver_connection)

    @property
    def begins_explicitly(self) -> bool:
        """On SQLite true of a prepared engine, and of a driver that leaves savepoints alone."""
        if self.dialect == "postgresql":
            return True
        driver: Any = self._connection.connection.driver_connection
        return driver.isolation_level is None or _has_own_mode(driver)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Run one statement; rows are plain tuples."""
        if self._connection.dialect.paramstyle in _PERCENT:
            sql = _PLACEHOLDER.sub("%s", sql)
        result = self._connection.exec_driver_sql(sql, tuple(parameters) or None)
        return [tuple(row) for row in result] if result.returns_rows else []


#: Drivers that know no $1.
_PERCENT = ("format", "pyformat")
_PLACEHOLDER = re.compile(r"\$\d+")
