"""SQLite engines whose transactions are real ones, and who has one open for writing."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from alimi.errors import ConfigurationError

Begin = Literal["DEFERRED", "IMMEDIATE", "EXCLUSIVE"]
_BEGINS = ("DEFERRED", "IMMEDIATE", "EXCLUSIVE")
AnyEngine = TypeVar("AnyEngine", bound=Engine | AsyncEngine)

#: Ours in `Connection.info`, which lives as long as the driver's connection.
_BEGIN = "alimi.begin"
_MARK = "alimi.began"


def prepare(engine: AnyEngine, begin: Begin | None = None) -> AnyEngine:
    """Let each transaction of a SQLite engine begin with `begin`, IMMEDIATE if never said.

    Answers the engine; call it where that is made (`Alimi(engine)` does it too).  It also reaches
    connections that are already pooled and engines derived with `execution_options`.  A second call
    changes nothing but `begin`, if given; engines of other databases are left alone.
    """
    if begin is not None and begin not in _BEGINS:
        raise ConfigurationError(f"begin is one of {', '.join(_BEGINS)}, not {begin!r}")
    root = root_of(engine)
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
    prepared = _prepared.get(root_of(engine))
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
        if begin is None or has_own_mode(driver):
            return
        if begin not in _BEGINS:
            raise ConfigurationError(f"sqlite_begin is one of {', '.join(_BEGINS)}, not {begin!r}")
        # Already open when a listener of the application's own has begun: one BEGIN is enough.
        ours = not in_transaction(driver)
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
        if not in_transaction(self._driver):
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


def root_of(engine: Engine | AsyncEngine) -> Engine:
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


def has_own_mode(driver: Any) -> bool:
    """Whether sqlite3's argument `autocommit` (Python 3.12) is in use.

    False begins real transactions by itself, True never does; a BEGIN fits neither.
    """
    # aiosqlite does not pass the attribute on.
    return isinstance(getattr(getattr(driver, "_conn", driver), "autocommit", None), bool)


def in_transaction(driver: Any) -> bool:
    """What the driver of a SQLite connection says."""
    try:
        return bool(driver.in_transaction)
    except Exception:  # noqa: BLE001 - a closed connection says so in its driver's own way
        return False
