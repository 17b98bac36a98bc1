"""What lives on one event loop: a bus, a hub, a relay, and the tasks that keep them going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from typing import Any

from alimi import streams
from alimi.bus import Bus
from alimi.hub import Hub
from alimi.metrics import Metrics, of_loop
from alimi.model import now_ms
from alimi.relay import Relay
from alimi.settings import Settings
from alimi.store import Store
from alimi.tasks import Tasks
from alimi.vitals import Vitals

logger = logging.getLogger("alimi")

#: How often to look whether the server around us is stopping, in seconds.
_EXIT_LOOK = 0.25


class Runtime:
    """Started once for each event loop that an Alimi is used on."""

    def __init__(self, store: Store, bus: Bus, settings: Settings, metrics: Metrics) -> None:
        self.loop = asyncio.get_running_loop()
        self._store = store
        self.bus = bus
        self._settings = settings
        self._metrics = metrics
        self.hub = Hub(store, bus, settings, metrics, clock=self.loop.time, wall_ms=now_ms)
        self.relay = Relay(
            store,
            bus,
            settings,
            metrics,
            deliver=self.hub.deliver,
            check=self.hub.checks.want,
            followed=self.hub.follows,
        )
        self.tasks = Tasks(metrics.task_failed)
        self.vitals = Vitals(store, bus, self.hub, self.tasks, metrics, clock=self.loop.time)
        self._server = _server_around()
        self._leaving = False

    async def start(self) -> None:
        """Open the bus and start the tasks."""
        await self.bus.open(self.hub.hear, self.hub.bus_was_lost)
        of_loop(self.loop).add(self._metrics)
        self.tasks.start("relay", self.relay.run)
        self.tasks.start("hub", self.hub.run)
        self.tasks.start("wheel", self.hub.run_wheel)
        self.tasks.start("position-check", self.hub.checks.run)
        self.tasks.start("sweeper", self._sweep)
        self.tasks.start("vitals", self.vitals.run)
        if self._server is not None:
            streams.warn_if_slow(self._server)
            self.tasks.start("exit-watch", self._watch_for_exit)

    @property
    def leaving(self) -> bool:
        """Whether a balancer should send nobody here any more."""
        return self._leaving or self.hub.draining

    async def drain(self, delay: float) -> None:
        """Leave first, so that balancers see it; after `delay` end the streams."""
        self._leaving = True
        await asyncio.sleep(delay)
        await self.hub.drain(self._settings.drain_seconds)

    async def stop(self) -> None:
        """End streams and tasks; what was recorded stays in the outbox."""
        await self.hub.drain(self._settings.drain_seconds)
        await self.tasks.stop()
        of_loop(self.loop).discard(self._metrics)
        await self.bus.close()

    async def _sweep(self) -> None:
        """Turn passed time into changes: expiry, retention, pruning."""
        while True:
            swept = await self._store.sweep(
                now_ms(), self._settings.retention, self._settings.batch
            )
            for reason in self._metrics.swept.values:
                self._metrics.swept.labels(reason).inc(getattr(swept, reason))
            if swept.hints:
                await self.bus.publish(swept.hints)
            await asyncio.sleep(0 if swept.more else self._settings.sweep_seconds)

    async def _watch_for_exit(self) -> None:
        """uvicorn waits for open streams before it tells the application anything: end them."""
        while not self._server.should_exit:  # noqa: ASYNC110
            await asyncio.sleep(_EXIT_LOOK)  # somebody else's attribute: nothing to wait on
        if not self.hub.draining:
            logger.info("alimi: the server is stopping; %d streams end", len(self.hub))
            await self.hub.drain(self._settings.drain_seconds)
        await asyncio.Event().wait()


def _server_around() -> Any:
    """The uvicorn that we run in, or None: whether it was told to stop is read, nothing touched.

    It leaves its bound method as the signal's handler while it serves; other servers cancel their
    requests, and `Alimi.drain()` is there for all else.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    with contextlib.suppress(ValueError):
        server: Any = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if hasattr(server, "should_exit"):
            return server
    return None
