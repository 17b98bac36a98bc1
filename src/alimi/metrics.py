"""What an operator can see: one registry for each Alimi, in Prometheus' terms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Collector(Protocol):
    """What an exposition is made of."""

    def collect(self) -> Any:
        """All families of series."""


class Metrics:
    """All series; a name ends in its unit, a label `reason` says why."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        #: What a scrape shows: this process, unless a server knows of others beside it.
        self.collect: Callable[[], Awaitable[Collector]] = self._own
        self.streams = Gauge("alimi_streams", "Open streams.", registry=registry)
        self.streams_ended = Counter(
            "alimi_streams_ended", "Streams that ended.", ["reason"], registry=registry
        )
        self.streams_refused = Counter(
            "alimi_streams_refused",
            "Streams told to come back later.",
            ["reason"],
            registry=registry,
        )
        self.streams_behind = Counter(
            "alimi_streams_behind", "Times a reader fell behind.", registry=registry
        )
        self.resets = Counter(
            "alimi_resets", "Cursors that could not be resumed.", ["reason"], registry=registry
        )
        self.healed = Counter(
            "alimi_positions_healed",
            "Streams whose lost hint the position check repaired.",
            registry=registry,
        )
        self.signals_dropped = Counter(
            "alimi_signals_dropped", "Signals not sent.", ["reason"], registry=registry
        )
        self._add_reads(registry)
        self._add_relay(registry)
        self._add_delays(registry)
        self._add_bus(registry)

    def _add_reads(self, registry: CollectorRegistry) -> None:
        self.reads = Counter(
            "alimi_store_reads", "Reads of changes for streams.", registry=registry
        )
        self.memory_answers = Counter(
            "alimi_memory_answers",
            "Questions of streams that needed no read of the store.",
            registry=registry,
        )
        self.inboxes_followed = Gauge(
            "alimi_inboxes_followed", "Recipients this process hears of.", registry=registry
        )
        self.inboxes_let_go = Counter(
            "alimi_inboxes_let_go",
            "Recipients without a stream that are no longer followed.",
            ["reason"],
            registry=registry,
        )
        self.tail_bytes = Gauge(
            "alimi_tail_bytes", "Bytes of rows kept for readers who come back.", registry=registry
        )
        self.tails_dropped = Counter(
            "alimi_tails_dropped",
            "Inboxes whose kept rows were given up.",
            ["reason"],
            registry=registry,
        )

    def _add_relay(self, registry: CollectorRegistry) -> None:
        self.entries = Counter("alimi_relay_entries", "Outbox entries applied.", registry=registry)
        self.notifications = Counter(
            "alimi_relay_notifications", "Notifications put into inboxes.", registry=registry
        )
        self.repeated = Counter(
            "alimi_relay_repeated",
            "Entries dropped for a known key.",
            ["reason"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "alimi_dead_letters", "Entries that could not be applied.", registry=registry
        )
        self.batch_seconds = Histogram(
            "alimi_relay_batch_seconds",
            "Time of one relay transaction.",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
            registry=registry,
        )
        self.swept = Counter(
            "alimi_swept", "Rows the sweeper changed.", ["reason"], registry=registry
        )
        self.task_failures = Counter(
            "alimi_task_failures",
            "Background tasks that failed and were restarted.",
            ["task"],
            registry=registry,
        )

    async def _own(self) -> Collector:
        return self.registry

    def _add_delays(self, registry: CollectorRegistry) -> None:
        self.outbox_entries = Gauge(
            "alimi_outbox_entries", "Entries that wait, 10000 at most.", registry=registry
        )
        self.outbox_age = Gauge(
            "alimi_outbox_age_seconds", "Age of the first entry that waits.", registry=registry
        )
        self.lag = Histogram(
            "alimi_relay_lag_seconds",
            "From the recording of a batch's first entry to the batch's commit.",
            buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000),
            registry=registry,
        )
        self.batch_size = Histogram(
            "alimi_relay_batch_notifications",
            "Notifications in one relay transaction that found something.",
            buckets=(1, 3, 10, 30, 100, 300, 1000, 3000),
            registry=registry,
        )
        self.backlog = Gauge(
            "alimi_streams_backlog_bytes", "Unsent bytes of all streams.", registry=registry
        )
        self.behind = Gauge(
            "alimi_streams_lagging", "Streams that are behind now.", registry=registry
        )

    def _add_bus(self, registry: CollectorRegistry) -> None:
        self.bus_connected = Gauge(
            "alimi_bus_connected", "Whether the bus can be used now.", ["bus"], registry=registry
        )
        self.bus_sent = Counter(
            "alimi_bus_sent", "Given to the bus for other nodes.", ["what"], registry=registry
        )
        self.bus_received = Counter(
            "alimi_bus_received", "Heard from other nodes.", ["what"], registry=registry
        )
        self.bus_dropped = Counter(
            "alimi_bus_dropped", "Not sent, or not understood.", ["reason"], registry=registry
        )
        self.bus_reconnects = Counter(
            "alimi_bus_reconnects", "Times the bus was back.", registry=registry
        )
        self.bus_lost = Counter(
            "alimi_bus_lost",
            "Times that hints may have been missed, so that positions were checked.",
            registry=registry,
        )
