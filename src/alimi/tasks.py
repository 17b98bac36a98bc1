"""Background tasks that somebody owns: a failure is logged, counted, shown, and tried again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("alimi")

#: First and longest pause before a failed task is started again, in seconds.
_PAUSES = (0.1, 5.0)


class Tasks:
    """Keeps named coroutines running on the current loop until `stop`."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failing: dict[str, str] = {}

    @property
    def failing(self) -> dict[str, str]:
        """Tasks whose last run failed, with the reason."""
        return dict(self._failing)

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
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def recovered(self, name: str) -> None:
        """Called by a task once it works again."""
        self._failing.pop(name, None)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSES[0]
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await run()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.exception("alimi: the %s failed; it is started again", name)
                self._failing[name] = f"{type(error).__name__}: {error}"
                self._failed(name)
            if loop.time() - started > 2 * _PAUSES[1]:
                pause = _PAUSES[0]
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSES[1])
