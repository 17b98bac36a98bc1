"""From the outbox to the inboxes: applies batches, then tells the streams.

Waking is only a hint.  After a commit of our own the relay is woken.  After a record inside
somebody else's transaction nobody can say when it commits: SQLAlchemy's engine event fires before
COMMIT, the session's at a savepoint's release, sqlite3 has none.  So it looks closely for a moment;
a slow poll is the net under both.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from alimi.bus import Bus
from alimi.errors import StoreError
from alimi.metrics import Metrics
from alimi.model import Applied, BusMessage, Changes, SignalTo, now_ms
from alimi.settings import Settings
from alimi.store import Store

logger = logging.getLogger("alimi")

#: After a record: (for how long, how often) to look, in seconds.
_CLOSELY = ((0.1, 0.001), (2.0, 0.01))
#: Of the time at most this share is spent looking: a look costs microseconds on SQLite and a round
#: trip on PostgreSQL.
_SHARE = 0.1
#: First and longest pause after a failed batch.
_PAUSES = (0.05, 2.0)


class Relay:
    """Runs `Store.apply` whenever there may be work.  One a node; several nodes are safe."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        settings: Settings,
        metrics: Metrics,
        *,
        deliver: Callable[[Sequence[Changes]], None],
        check: Callable[[], None],
        followed: Callable[[str], bool] | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._settings = settings
        self._metrics = metrics
        self._deliver = deliver
        self._check = check
        self._followed = followed
        self._wake = asyncio.Event()
        self._wake.set()
        self._recorded_at = float("-inf")
        self._pause = _PAUSES[0]
        #: How long the last look took, in seconds.
        self._looked = 0.0

    def wake(self) -> None:
        """Something was committed to the outbox."""
        self._wake.set()

    def watch(self) -> None:
        """Something was recorded in a transaction that will commit, or not, at its own time."""
        self._recorded_at = asyncio.get_running_loop().time()
        self._wake.set()

    async def run(self) -> None:
        """Apply for ever; a failed batch stays in the outbox and is tried again."""
        while True:
            try:
                await self.flush()
                self._pause = _PAUSES[0]
                await self._wait()
            except StoreError as error:
                logger.warning("alimi: the outbox could not be applied, tried again: %s", error)
                self._metrics.task_failures.labels("batch").inc()
                await asyncio.sleep(self._pause)  # nobody tells when a database works again
                self._pause = min(self._pause * 2, _PAUSES[1])

    async def flush(self) -> None:
        """Apply until the outbox is empty."""
        self._wake.clear()
        while True:
            applied = await self.step()
            if not applied.more:
                return
            await asyncio.sleep(0)  # a store that knew the answer has let nobody else run

    async def step(self) -> Applied:
        """Apply one batch, hand its rows to the own hub, and tell the other nodes."""
        with self._metrics.batch_seconds.time():
            applied = await self._store.apply(self._settings.batch, self._followed)
        self._count(applied)
        self._deliver(applied.changes)  # never raises: a stream that fails ends alone
        messages: list[BusMessage] = [*applied.hints]
        messages.extend(
            SignalTo(recipient, signal.name, signal.data)
            for signal in applied.signals
            for recipient in signal.recipients
        )
        if messages:
            await self._bus.publish(messages)
        if applied.elsewhere:  # two processes on one file have no bus between them
            self._check()
        return applied

    async def _wait(self) -> None:
        while not self._wake.is_set():
            try:
                async with asyncio.timeout(self._interval()):
                    await self._wake.wait()
            except TimeoutError:
                if await self._look():
                    return

    async def _look(self) -> bool:
        began = time.monotonic()
        found = await self._store.pending()
        self._looked = time.monotonic() - began
        return found

    def _interval(self) -> float:
        since = asyncio.get_running_loop().time() - self._recorded_at
        for lasting, interval in _CLOSELY:
            if since < lasting:
                seldom = max(interval, self._looked / _SHARE)
                return min(seldom, self._settings.poll_seconds)
        return self._settings.poll_seconds

    def _count(self, applied: Applied) -> None:
        metrics = self._metrics
        if applied.since is not None:
            metrics.lag.observe(max(0, now_ms() - applied.since) / 1_000)
            metrics.batch_size.observe(applied.notifications)
        metrics.entries.inc(applied.entries)
        metrics.notifications.inc(applied.notifications)
        metrics.repeated.labels("same").inc(applied.repeated)
        metrics.repeated.labels("conflict").inc(applied.conflicts)
        if applied.dead:
            metrics.dead_letters.inc(applied.dead)
            logger.error(
                "alimi: %d entries could not be applied and went to the dead letters; "
                "see `alimi doctor`",
                applied.dead,
            )
