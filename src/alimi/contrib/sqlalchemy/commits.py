"""Who wants to know when an engine's transactions commit: a hint for the relay."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

from alimi.contrib.sqlalchemy.engines import root_of

#: Ours in `Connection.info`, which lives as long as the driver's connection.
_COMMITTED = "alimi.commit"
_log = logging.getLogger("alimi.contrib.sqlalchemy")


def on_commit(engine: Engine | AsyncEngine, callback: Callable[[], None]) -> None:
    """Call `callback` when a COMMIT on the engine was asked for, and again when it is surely done.

    The first call comes before the database has committed, the second when the connection goes back
    to its pool: a hint, not a promise.  It is called in any thread and must not block; what it
    raises is logged.  A bound method does not keep its object alive.
    """
    root = root_of(engine)
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
