"""Background tasks that somebody owns: a failure is logged, counted, shown, and tried again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from alimi.errors import StoreError

logger = logging.getLogger("alimi")

#: First and longest pause before a failed task is started again, in seconds.
_PAUSES = (0.1, 5.0)
#: So long after its last failure a task works again; longer than a pause and a locked database.
_WELL_SECONDS = 30.0


class _Failure(NamedTuple):
    """The last of a task; `ours` was neither the database's nor the network's."""

    at: float
    reason: str
    ours: bool


class Tasks:
    """Keeps named coroutines running on the current loop until `stop`."""

    def __init__(
        self, failed: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failed = failed
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}

    @property
    def failing(self) -> dict[str, str]:
        """Tasks that have failed lately, with the reason."""
        return {name: failure.reason for name, failure in self._lately()}

    @property
    def broken(self) -> list[str]:
        """Those whose last failure was neither the database's nor the network's."""
        return [name for name, failure in self._lately() if failure.ours]

    def _lately(self) -> Iterator[tuple[str, _Failure]]:
        since = self._clock() - _WELL_SECONDS
        return (each for each in self._failures.items() if each[1].at > since)

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Keep `run()` running under `name`."""
        self._tasks[name] = asyncio.get_running_loop().create_task(
            self._keep(name, run), name=f"alimi-{name}"
        )

    async def stop(self) -> None:
        """Cancel all and wait for their ends."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSES[0]
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await run()
            except Exception as error:
                logger.exception("alimi: the %s failed; it is started again", name)
                reason = f"{type(error).__name__}: {error}"
                ours = not isinstance(error, (StoreError, OSError))
                self._failures[name] = _Failure(self._clock(), reason, ours)
                self._failed(name)
            if loop.time() - started > 2 * _PAUSES[1]:
                pause = _PAUSES[0]
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSES[1])
