"""What an operator can see: one registry for each Alimi, in Prometheus' terms."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, Protocol, TypeVar, cast, get_args
from weakref import WeakKeyDictionary, WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

T = TypeVar("T")
#: The values of one label; a type, so that mypy finds one that nobody declared.
V = TypeVar("V", bound=str)

# docs/metrics.md lists each.
EndReason = Literal["gone", "age", "drain", "expired", "hangup", "stalled", "unavailable"]
CloseReason = Literal["head", "room", "full"]
RefusalReason = Literal["capacity", "drain", "unavailable"]
ResetReason = Literal["epoch", "foreign", "floor", "far", "bulk", "ahead", "malformed"]
SignalDrop = Literal["behind", "early"]
LetGoReason = Literal["age", "number"]
TailDrop = Literal["bytes"]
RepeatReason = Literal["same", "conflict"]
SweepReason = Literal["expired", "retired", "pruned"]
TaskName = Literal[
    "relay", "hub", "wheel", "position-check", "bus", "sweeper", "vitals", "exit-watch", "batch"
]
BusWord = Literal["hint", "signal", "hangup", "look"]
BusDrop = Literal["down", "full", "too-many", "too-large", "malformed", "failed"]


_of_loops: WeakKeyDictionary[AbstractEventLoop, WeakSet[Metrics]] = WeakKeyDictionary()


def of_loop(loop: AbstractEventLoop) -> WeakSet[Metrics]:
    """Of each Alimi that runs on it: who has something to count that is the server's adds there."""
    return _of_loops.setdefault(loop, WeakSet())


class Collector(Protocol):
    """What an exposition is made of."""

    def collect(self) -> Any:
        """All families of series."""


class Split(Generic[V]):
    """A counter with one label of known values, each of which is told from the start."""

    def __init__(
        self, name: str, told: str, labels: tuple[str], *, values: Any, registry: CollectorRegistry
    ) -> None:
        self.name = name
        self.values: tuple[V, ...] = get_args(values)
        self._made = Counter(name, told, labels, registry=registry)
        for value in self.values:
            self._made.labels(value)

    def labels(self, value: V) -> Counter:
        """The counter of one value."""
        return self._made.labels(value)


class Series(Generic[T]):
    """One line of the table: each Metrics has its own, from the start, so that zeros are told."""

    def __init__(
        self, make: Callable[..., T], name: str, told: str, *labels: str, **given: Any
    ) -> None:
        self._make = make
        self._arguments = (name, told, labels)
        self._given = given
        self._attribute = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    def __get__(self, metrics: Metrics, owner: type) -> T:
        # For the type checker: what `add_to` puts into the instance is found before this.
        made: T = vars(metrics)[self._attribute]
        return made

    def add_to(self, metrics: Metrics) -> None:
        """Make it, in that registry."""
        made = self._make(*self._arguments, registry=metrics.registry, **self._given)
        vars(metrics)[self._attribute] = made


class Metrics:
    """All series; a name ends in its unit, a label `reason` says why."""

    streams = Series(Gauge, "alimi_streams", "Open streams.")
    streams_ended = Series(
        Split[EndReason], "alimi_streams_ended", "Streams that ended.", "reason", values=EndReason
    )
    streams_refused = Series(
        Split[RefusalReason],
        "alimi_streams_refused",
        "Streams told to come back later.",
        "reason",
        values=RefusalReason,
    )
    connections_closed = Series(
        Split[CloseReason],
        "alimi_connections_closed",
        "Connections closed before they had asked for anything.",
        "reason",
        values=CloseReason,
    )
    streams_behind = Series(Counter, "alimi_streams_behind", "Times a reader fell behind.")
    resets = Series(
        Split[ResetReason],
        "alimi_resets",
        "Cursors that could not be resumed.",
        "reason",
        values=ResetReason,
    )
    healed = Series(
        Counter, "alimi_positions_healed", "Streams whose lost hint the position check repaired."
    )
    signals_dropped = Series(
        Split[SignalDrop], "alimi_signals_dropped", "Signals not sent.", "reason", values=SignalDrop
    )

    # What streams cost the store, and what memory saved it.
    reads = Series(Counter, "alimi_store_reads", "Reads of changes for streams.")
    memory_answers = Series(
        Counter, "alimi_memory_answers", "Questions of streams that needed no read of the store."
    )
    inboxes_followed = Series(Gauge, "alimi_inboxes_followed", "Recipients this process hears of.")
    inboxes_let_go = Series(
        Split[LetGoReason],
        "alimi_inboxes_let_go",
        "Recipients without a stream that are no longer followed.",
        "reason",
        values=LetGoReason,
    )
    tail_bytes = Series(Gauge, "alimi_tail_bytes", "Bytes of rows kept for readers who come back.")
    tails_dropped = Series(
        Split[TailDrop],
        "alimi_tails_dropped",
        "Inboxes whose kept rows were given up.",
        "reason",
        values=TailDrop,
    )

    # The relay, and what goes on behind it.
    entries = Series(Counter, "alimi_relay_entries", "Outbox entries applied.")
    notifications = Series(Counter, "alimi_relay_notifications", "Notifications put into inboxes.")
    repeated = Series(
        Split[RepeatReason],
        "alimi_relay_repeated",
        "Entries dropped for a known key.",
        "reason",
        values=RepeatReason,
    )
    dead_letters = Series(Counter, "alimi_dead_letters", "Entries that could not be applied.")
    batch_seconds = Series(
        Histogram,
        "alimi_relay_batch_seconds",
        "Time of one relay transaction.",
        buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
    )
    swept = Series(
        Split[SweepReason], "alimi_swept", "Rows the sweeper changed.", "reason", values=SweepReason
    )
    task_failures = Series(
        Split[TaskName],
        "alimi_task_failures",
        "Background tasks that failed and were restarted.",
        "task",
        values=TaskName,
    )

    # What waits, and for how long.
    outbox_entries = Series(Gauge, "alimi_outbox_entries", "Entries that wait, 10000 at most.")
    outbox_age = Series(Gauge, "alimi_outbox_age_seconds", "Age of the first entry that waits.")
    lag = Series(
        Histogram,
        "alimi_relay_lag_seconds",
        "From the recording of a batch's first entry to the batch's commit.",
        buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000),
    )
    batch_size = Series(
        Histogram,
        "alimi_relay_batch_notifications",
        "Notifications in one relay transaction that found something.",
        buckets=(1, 3, 10, 30, 100, 300, 1000, 3000),
    )
    backlog = Series(Gauge, "alimi_streams_backlog_bytes", "Unsent bytes of all streams.")
    behind = Series(Gauge, "alimi_streams_lagging", "Streams that are behind now.")

    # Other nodes.
    bus_connected = Series(Gauge, "alimi_bus_connected", "Whether the bus can be used now.", "bus")
    bus_sent = Series(
        Split[BusWord],
        "alimi_bus_sent",
        "Given to the bus for other nodes.",
        "what",
        values=BusWord,
    )
    bus_received = Series(
        Split[BusWord], "alimi_bus_received", "Heard from other nodes.", "what", values=BusWord
    )
    bus_dropped = Series(
        Split[BusDrop],
        "alimi_bus_dropped",
        "Not sent, or not understood.",
        "reason",
        values=BusDrop,
    )
    bus_reconnects = Series(Counter, "alimi_bus_reconnects", "Times the bus was back.")
    bus_lost = Series(
        Counter,
        "alimi_bus_lost",
        "Times that hints may have been missed, so that positions were checked.",
    )

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        #: What a scrape shows: this process, unless a server knows of others beside it.
        self.collect: Callable[[], Awaitable[Collector]] = self._own
        for series in vars(Metrics).values():
            if isinstance(series, Series):
                series.add_to(self)

    def task_failed(self, name: str) -> None:
        """One of ours did, and is started again."""
        self.task_failures.labels(cast("TaskName", name)).inc()

    async def _own(self) -> Collector:
        return self.registry
