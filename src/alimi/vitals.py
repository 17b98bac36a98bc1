"""How this node is, for balancers and for graphs: looked at rarely, told at once.

A balancer should send nobody to a node that cannot serve; but what ails all nodes alike, or costs
only latency, takes none of them out: a relay that lags, and a bus that is away (G9), are told and
change nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from alimi.bus import Bus
from alimi.errors import AlimiError, StoreReadOnly
from alimi.hub import Hub
from alimi.metrics import Metrics
from alimi.model import Waiting, now_ms
from alimi.store import Store
from alimi.tasks import Tasks

logger = logging.getLogger("alimi")

#: So long an answer about the store is good; a fleet of probes costs one query a second.
_FRESH_SECONDS = 1.0
#: A store that takes longer for one small read cannot serve.
_PATIENCE = 2.0
#: Why it cannot: for everybody, so without names.
_SILENT = "it does not answer; the log says why"
_STANDBY = "it is a standby and takes no writes"
#: The oldest entry of the outbox may be so old before it is told as a lag.
LAG_SECONDS = 10.0
#: How often the gauges are set.
_EVERY = 5.0
#: Streams looked at in one turn of the loop.
_AT_ONCE = 1_000


class Health(msgspec.Struct, frozen=True):
    """How a node is: by part, why it cannot serve, and what else is not as it should be."""

    unavailable: dict[str, str] = {}
    degraded: dict[str, str] = {}
    #: Age of the oldest entry in the outbox, in seconds.
    lag: float = 0
    waiting: int = 0


class Vitals:
    """What is known of one runtime, and the task that keeps the gauges."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        hub: Hub,
        tasks: Tasks,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._bus = bus
        self._hub = hub
        self._tasks = tasks
        self._metrics = metrics
        self._clock = clock
        self._looked_at = float("-inf")
        self._looking: asyncio.Future[None] | None = None
        self._away: str | None = None
        self.waiting = Waiting()

    @property
    def lag(self) -> float:
        """Age of the oldest entry in the outbox at the last look, in seconds."""
        since = self.waiting.since
        return 0.0 if since is None else max(0.0, (now_ms() - since) / 1_000)

    def unavailable(self) -> dict[str, str]:
        """Why this node cannot serve, by part; sentences that may be told to everybody."""
        problems = {} if self._away is None else {"store": self._away}
        return problems | dict.fromkeys(self._tasks.broken, "it fails; the log says why")

    def degraded(self) -> dict[str, str]:
        """What is not as it should be and takes nobody's service."""
        troubles = dict.fromkeys(self._tasks.failing, "it failed lately; the log says why")
        if getattr(self._bus, "trouble", None):
            troubles["bus"] = "it is away: other nodes' news come with the position check"
        if self.lag > LAG_SECONDS:
            troubles["relay"] = f"the oldest entry has waited for {self.lag:.0f} s"
        return troubles

    async def look(self) -> None:
        """Ask the store, unless that was done just now; never raises."""
        if self._looking is None:
            if self._clock() - self._looked_at < _FRESH_SECONDS:
                return
            self._looking = asyncio.ensure_future(self._look())
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                self.waiting = await self._store.waiting()
        except (AlimiError, OSError, TimeoutError) as error:
            away = _STANDBY if isinstance(error, StoreReadOnly) else _SILENT
            if self._away != away:
                reason = str(error) or f"nothing for {_PATIENCE:g} s"
                logger.warning("alimi: the store does not answer: %s", reason)
            self._away = away
        else:
            self._away = None
            self._metrics.outbox_entries.set(self.waiting.entries)
            self._metrics.outbox_age.set(self.lag)
        finally:
            self._looked_at = self._clock()
            self._looking = None

    async def run(self) -> None:
        """Keep the gauges, for ever."""
        while True:
            await self.look()
            await self._measure()
            await asyncio.sleep(_EVERY)

    async def _measure(self) -> None:
        unsent = behind = 0
        streams = self._hub.open_streams()
        for start in range(0, len(streams), _AT_ONCE):
            for stream in streams[start : start + _AT_ONCE]:
                unsent += stream.sink.backlog
                behind += stream.behind
            await asyncio.sleep(0)
        self._metrics.backlog.set(unsent)
        self._metrics.behind.set(behind)
