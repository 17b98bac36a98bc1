"""Crash points: every place between the call and the socket where a process may die.

`install()` wraps what the table names, once, before Alimi starts; `arm()` chooses one place and
what happens there, by default `kill -9` of this very process.  The table is the list: a new step in
the way of an event belongs into it, and the crash tests run over all of it.

    faults = install()
    faults.arm("apply.committed", nth=3)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import inspect
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import msgspec

Action = Callable[[], object]
#: From a result that is set to its answer on the socket a loop takes about ten turns.
_TURNS = 200
#: A loop that stands still is no reason to live on; seconds.
_PATIENCE = 10


class Point(msgspec.Struct, frozen=True):
    """A place: before or after a call of `where`, which is `module:attribute`.

    With `following`, only the first such call after a call of that: the writer's COMMIT is one
    function, whoever wrote.
    """

    name: str
    when: Literal["before", "after"]
    where: str
    following: str | None = None
    #: It is passed once, while a process starts on an empty database.
    at_start: bool = False
    #: It is passed where the bus is one over a network.
    networked: bool = False


_WRITER = "alimi.stores.sqlite.writer"
_COMMIT = f"{_WRITER}:Writer._commit"
_SIDECAR = "alimi.stores.sqlite.epoch:Sidecar.remember"
_APPEND = "alimi.stores.sqlite.recorder:Recorder.append"
#: Runs only when the outbox was empty.
_AT_ONCE = "alimi.stores.sqlite.recorder:apply_at_once"
#: Runs only when something was claimed, unlike the verb `apply`.
_BATCH = "alimi.stores.sqlite.apply:_together"
_MARK = "alimi.stores.sqlite.marks:mark"
#: Whoever buries: a retraction, the sweeper, somebody who deletes.
_BURY = "alimi.stores.sqlite.inboxes:bury"
_RECORD = "alimi.stores.sqlite.within:write"
_APPLICATION = "sqlalchemy.engine.default:DefaultDialect"
_SERVER = "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.send"
_SINK = "alimi.sinks:AsgiSink.write"
_SOCKET = "alimi.sinks:TransportSink.write"
_PUBLISH = "alimi.buses.local:LocalBus.publish"
_TELL = "alimi.carrier:Carrier.publish"

POINTS = (
    # a start
    Point("start.migrated", "after", "alimi.stores.sqlite.schema:migrate", at_start=True),
    Point("start.epoch-remembered", "after", "alimi.stores.sqlite.epoch:renew", at_start=True),
    Point("start.opened", "after", "alimi.stores.sqlite.store:SQLiteStore.open", at_start=True),
    # notify() without a transaction of the application
    Point("append.begun", "before", _APPEND),
    Point("append.committing", "before", _COMMIT, _APPEND),
    Point("append.committed", "before", _SIDECAR, _APPEND),
    Point("append.remembered", "after", _SIDECAR, _APPEND),
    Point("append.told", "after", f"{_WRITER}:settle", _APPEND),
    Point("append.answering", "after", "alimi.facade:Alimi._write", _APPEND),
    # the same, applied by the transaction that records it
    Point("at-once.begun", "before", _AT_ONCE),
    Point("at-once.written", "after", "alimi.stores.sqlite.apply:Batch.run", _AT_ONCE),
    Point("at-once.committing", "before", _COMMIT, _AT_ONCE),
    Point("at-once.committed", "before", _SIDECAR, _AT_ONCE),
    Point("at-once.told", "after", f"{_WRITER}:settle", _AT_ONCE),
    Point("at-once.answering", "after", "alimi.facade:Alimi._write", _AT_ONCE),
    Point("at-once.delivering", "before", "alimi.hub:Hub.deliver", _AT_ONCE),
    Point("at-once.publishing", "before", _PUBLISH, _AT_ONCE),
    Point("at-once.written-out", "after", _SOCKET, _AT_ONCE),
    # notify() and record() within one
    Point("application.recorded", "after", _RECORD),
    Point("application.committing", "before", f"{_APPLICATION}.do_commit", _RECORD),
    Point("application.committed", "after", f"{_APPLICATION}.do_commit", _RECORD),
    Point("application.rolling-back", "before", f"{_APPLICATION}.do_rollback", _RECORD),
    # the relay's batch
    Point("apply.claimed", "before", _BATCH),
    Point("apply.written", "after", _BATCH),
    Point("apply.unclaimed", "after", "alimi.stores.sqlite.claims:unclaim"),
    Point("apply.committing", "before", _COMMIT, _BATCH),
    Point("apply.committed", "before", _SIDECAR, _BATCH),
    Point("apply.remembered", "after", _SIDECAR, _BATCH),
    Point("apply.told", "after", f"{_WRITER}:settle", _BATCH),
    # from the relay to the socket
    Point("relay.delivering", "before", "alimi.hub:Hub.deliver", _BATCH),
    Point("relay.delivered", "after", "alimi.hub:Hub.deliver", _BATCH),
    Point("relay.publishing", "before", _PUBLISH, _BATCH),
    Point("relay.published", "after", _PUBLISH, _BATCH),
    Point("asgi.writing", "before", _SINK, _BATCH),
    Point("asgi.written", "after", _SINK, _BATCH),
    Point("asgi.sending", "before", _SERVER, _SINK),
    Point("asgi.sent", "after", _SERVER, _SINK),
    Point("socket.writing", "before", _SOCKET, _BATCH),
    Point("socket.written", "after", _SOCKET, _BATCH),
    # from the relay to the other nodes
    Point("network.publishing", "before", _TELL, networked=True),
    Point("network.sending", "before", "alimi.carrier:Carrier._send", _TELL, networked=True),
    Point("network.sent", "after", "alimi.carrier:Carrier._send", _TELL, networked=True),
    # marks, and what is withdrawn or expires
    Point("mark.committing", "before", _COMMIT, _MARK),
    Point("mark.committed", "before", _SIDECAR, _MARK),
    Point("mark.publishing", "before", _PUBLISH, _MARK),
    Point("bury.committing", "before", _COMMIT, _BURY),
    Point("bury.committed", "before", _SIDECAR, _BURY),
)
BY_NAME = {point.name: point for point in POINTS}


def kill() -> None:
    """End this process at once; nothing is flushed, closed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_turns(loop: asyncio.AbstractEventLoop) -> Action:
    """Let the loop go round first, and then `kill`: who was told too early has heard it.

    On the loop itself nothing more can be told before the end, so there it comes at once.
    """

    def action() -> None:
        with contextlib.suppress(RuntimeError):
            if asyncio.get_running_loop() is loop:
                kill()
        gone_round = threading.Event()

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                gone_round.set()

        loop.call_soon_threadsafe(turn, _TURNS)
        gone_round.wait(_PATIENCE)
        kill()

    return action


class Faults:
    """What `install` has put in place."""

    def __init__(self) -> None:
        #: How often each point was passed.
        self.passed: Counter[str] = Counter()
        self._armed: dict[str, tuple[int, Action]] = {}
        self._undo: list[tuple[Any, str, Any]] = []
        self._expecting: set[str] = set()
        self._points: dict[str, list[Point]] = {}
        self._starters: dict[str, list[Point]] = {}

    def arm(self, name: str, nth: int = 1, action: Action = kill) -> None:
        """Run `action` the `nth` time from now that the point is passed, and only then."""
        self._armed[BY_NAME[name].name] = (self.passed[name] + nth, action)

    def disarm(self) -> None:
        """Let everything pass."""
        self._armed.clear()

    def install(self, points: tuple[Point, ...] = POINTS) -> None:
        """Wrap all that the points name; before Alimi starts, because it keeps bound methods."""
        for point in points:
            self._points.setdefault(point.where, []).append(point)
            if point.following is not None:
                self._starters.setdefault(point.following, []).append(point)
        for path in {**self._points, **self._starters}:
            self._wrap(path)

    def uninstall(self) -> None:
        """Put everything back."""
        for owner, name, original in reversed(self._undo):
            setattr(owner, name, original)
        self._undo.clear()

    def _wrap(self, path: str) -> None:
        owner, name = locate(path)
        original = getattr(owner, name)
        self._undo.append((owner, name, original))
        setattr(owner, name, self._wrapped(original, path))

    def _wrapped(self, original: Callable[..., Any], path: str) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def passing_async(*args: Any, **kwargs: Any) -> Any:
                self._enter(path)
                result = await original(*args, **kwargs)
                self._leave(path)
                return result

            return passing_async

        @functools.wraps(original)
        def passing(*args: Any, **kwargs: Any) -> Any:
            self._enter(path)
            result = original(*args, **kwargs)
            self._leave(path)
            return result

        return passing

    def _enter(self, path: str) -> None:
        self._expecting.update(point.name for point in self._starters.get(path, ()))
        self._pass(path, "before")

    def _leave(self, path: str) -> None:
        self._pass(path, "after")

    def _pass(self, path: str, when: Literal["before", "after"]) -> None:
        for point in self._points.get(path, ()):
            if point.when != when:
                continue
            if point.following is not None:
                if point.name not in self._expecting:
                    continue
                self._expecting.discard(point.name)
            self._count(point.name)

    def _count(self, name: str) -> None:
        self.passed[name] += 1
        nth, action = self._armed.get(name, (0, kill))
        if nth == self.passed[name]:
            action()


def install(points: tuple[Point, ...] = POINTS) -> Faults:
    """Wrap everything that `points` name in this process."""
    faults = Faults()
    faults.install(points)
    return faults


def locate(path: str) -> tuple[Any, str]:
    """The owner of `module:attribute`, and the attribute's name; it must exist."""
    module, _, attribute = path.partition(":")
    *owners, name = attribute.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    if not callable(getattr(owner, name)):
        raise TypeError(f"{path} cannot be called")
    return owner, name
