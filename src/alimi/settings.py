"""Every number an application or an operator may change, with its reason.

Seconds unless the name says otherwise.
"""

from __future__ import annotations

from typing import get_type_hints

import msgspec

from alimi.errors import ConfigurationError
from alimi.model import Retention

#: Who repeats an event, a queue or a person, does it within a week.
MIN_KEY_DAYS = 7


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one Alimi behaves; the defaults suit one machine and a site of ordinary size."""

    #: Proxies and load balancers usually cut silent connections after 60 s.
    ping_seconds: float = 15
    #: Bounds how long a lost hang-up or a changed permission can last; jittered for each stream.
    max_stream_seconds: float = 300
    #: How long a lost hint can go unnoticed.
    position_check_seconds: float = 10
    #: A reader that takes nothing for so long is gone or stuck.
    stall_seconds: float = 60
    #: A process may usually hold 20,000 descriptors or so.
    max_streams: int = 18_000
    #: Tabs, phones and laptops of one person; shared accounts need more.
    max_streams_per_recipient: int = 50
    #: Unsent bytes of one stream, after which nothing more is queued and it catches up later.
    backlog_bytes: int = 65_536
    #: Bounds of the reconnect delay that each connection is told, in milliseconds.
    retry_ms: tuple[int, int] = (1_000, 4_000)
    #: Notifications in one transaction of the relay: large enough for speed, below 10 ms of lock.
    batch: int = 500
    #: Rows in one read of a stream's catch-up.
    page: int = 256
    #: How long this node hears of a recipient whose last stream has gone: readers who were cut come
    #: back within seconds, and then cost no read.
    linger_seconds: float = 60
    #: Of so many recipients at once; 0 of none.  Each costs a few hundred bytes.
    linger_inboxes: int = 20_000
    #: Rows kept of inboxes that are followed, in bytes, about: what was missed is told from here.
    tail_bytes: int = 16_777_216
    #: The net under the hints: how often the outbox is looked at when nothing was heard.
    poll_seconds: float = 0.1
    sweep_seconds: float = 30
    #: How long a node that says it is not ready serves on: what a balancer takes to notice.
    drain_delay_seconds: float = 0
    #: How long `drain` waits for streams to end before it cuts them.
    drain_seconds: float = 5
    #: SQLite's `synchronous`: FULL survives a power cut, NORMAL may lose the last commits in one.
    synchronous: str = "FULL"
    #: Make or update the tables at the first start (SQLite only).
    auto_migrate: bool = True
    #: Write to many readers in few system calls; where the system allows it, see `alimi.uring`.
    io_uring: bool = True
    retention: Retention = Retention()

    def __post_init__(self) -> None:
        self._check_types()
        low, high = self.retry_ms
        if not 0 < low <= high:
            raise ConfigurationError("retry_ms takes two rising positive numbers of milliseconds")
        if self.synchronous not in {"NORMAL", "FULL", "EXTRA"}:
            raise ConfigurationError("synchronous is NORMAL, FULL or EXTRA")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be above 0")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be below 0")
        self._check_retention()

    def _check_retention(self) -> None:
        """A slip here would empty every inbox, or forget keys while callers still repeat them."""
        keep = self.retention
        for name, most in (("days", keep.days), ("rows", keep.rows)):
            if most is not None and most < 1:
                raise ConfigurationError(f"retention.{name} must be above 0; none keeps all")
        if keep.tombstone_days < 0:
            raise ConfigurationError("retention.tombstone_days must not be below 0")
        if keep.key_days < MIN_KEY_DAYS:
            raise ConfigurationError(f"retention.key_days must be at least {MIN_KEY_DAYS}")

    def _check_types(self) -> None:
        """A value of another type would fail later, far from who wrote it."""
        if not isinstance(self.retention, Retention):
            raise ConfigurationError("retention is an alimi.Retention(…)")
        try:
            msgspec.convert(msgspec.to_builtins(self), _SHAPE)
        except (msgspec.ValidationError, TypeError) as error:
            raise ConfigurationError(f"Settings: {error}") from None


#: The fields' types alone: converting to Settings itself would check without end.
_SHAPE = msgspec.defstruct("_Shape", list(get_type_hints(Settings).items()))

_NO_NUMBERS = {"retry_ms", "synchronous", "auto_migrate", "io_uring", "retention"}
_NOT_NEGATIVE = ("drain_delay_seconds", "linger_seconds", "linger_inboxes", "tail_bytes")
_POSITIVE = tuple(
    field for field in Settings.__struct_fields__ if field not in _NO_NUMBERS | {*_NOT_NEGATIVE}
)
