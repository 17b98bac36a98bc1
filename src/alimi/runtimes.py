"""The runtimes of one Alimi: one for each event loop that it is used on, in turn or at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

from alimi.errors import StoreError
from alimi.runtime import Runtime


class Runtimes:
    """Started on the first use of each loop.

    `start` makes one; `guard` raises when nothing may start now.
    """

    def __init__(self, start: Callable[[], Awaitable[Runtime]], guard: Callable[[], None]) -> None:
        self._start = start
        self._guard = guard
        self._starts: dict[asyncio.AbstractEventLoop, asyncio.Future[Runtime]] = {}

    async def here(self) -> Runtime:
        """The running loop's, started once however many ask at the same time.

        Raises what `guard` and `start` raise; after that the next use tries again.
        """
        loop = asyncio.get_running_loop()
        starting = self._starts.get(loop)
        if starting is None:
            self._guard()
            self._forget_dead_loops()
            starting = self._starts[loop] = asyncio.ensure_future(self._start())
            starting.add_done_callback(partial(self._tried, loop))
        return await asyncio.shield(starting)

    def _tried(self, loop: asyncio.AbstractEventLoop, starting: asyncio.Future[Runtime]) -> None:
        if _started(starting) is None and self._starts.get(loop) is starting:
            del self._starts[loop]

    async def running(self) -> Runtime | None:
        """The running loop's, if it was started or is just being."""
        starting = self._starts.get(asyncio.get_running_loop())
        if starting is not None:
            with contextlib.suppress(StoreError, OSError):
                return await asyncio.shield(starting)
        return None

    def forget(self, runtime: Runtime) -> None:
        """It has stopped; the next use of its loop starts another."""
        self._starts.pop(runtime.loop, None)

    def is_last_loop(self) -> bool:
        """Whether no other living loop has one than the running one."""
        self._forget_dead_loops()
        return all(loop is asyncio.get_running_loop() for loop in self._starts)

    def started(self) -> list[Runtime]:
        """All that could be started."""
        return [found for each in list(self._starts.values()) if (found := _started(each))]

    def watch(self) -> None:
        """Let each relay look closely: the application has recorded or commits.  In any thread."""
        if not self._starts:
            return
        here = _running_loop()
        for runtime in self.started():
            if runtime.loop is here:  # most often; to wake oneself costs a system call
                runtime.relay.watch()
                continue
            with contextlib.suppress(RuntimeError):  # its loop was closed
                runtime.loop.call_soon_threadsafe(runtime.relay.watch)

    def _forget_dead_loops(self) -> None:
        for loop in [each for each in self._starts if each.is_closed()]:
            del self._starts[loop]


def _started(starting: asyncio.Future[Runtime]) -> Runtime | None:
    if not starting.done() or starting.cancelled() or starting.exception() is not None:
        return None
    return starting.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
