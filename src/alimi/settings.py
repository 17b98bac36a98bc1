"""Every number an application or an operator may change, with its reason.

Seconds unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from alimi.errors import ConfigurationError
from alimi.model import Retention

_HOUR, _DAY = 3_600, 86_400
#: A number of more digits is not repeated in an error.
_LONG = 10**15
Milliseconds = Annotated[int, Meta(ge=1, le=_HOUR * 1_000)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one Alimi behaves; the defaults suit one machine and a site of ordinary size."""

    #: Proxies and load balancers usually cut silent connections after 60 s, and the bell takes a
    #: stream for dead after 37 s.
    ping_seconds: Annotated[float, Meta(ge=1, le=30)] = 15
    #: Bounds how long a lost hang-up or a changed permission can last; jittered for each stream.
    max_stream_seconds: Annotated[float, Meta(ge=1, le=_DAY)] = 300
    #: How long a lost hint can go unnoticed.
    position_check_seconds: Annotated[float, Meta(ge=0.1, le=_HOUR)] = 10
    #: A reader that takes nothing for so long is gone or stuck.
    stall_seconds: Annotated[float, Meta(ge=1, le=_HOUR)] = 60
    #: A process may usually hold 20,000 descriptors or so.
    max_streams: Annotated[int, Meta(ge=1, le=1_000_000)] = 18_000
    #: Tabs, phones and laptops of one person; shared accounts need more.
    max_streams_per_recipient: Annotated[int, Meta(ge=1, le=1_000_000)] = 50
    #: Unsent bytes of one stream, after which nothing more is queued and it catches up later.
    backlog_bytes: Annotated[int, Meta(ge=64, le=64 << 20)] = 65_536
    #: Bounds of the reconnect delay that each connection is told, in milliseconds.
    retry_ms: tuple[Milliseconds, Milliseconds] = (1_000, 4_000)
    #: Notifications in one transaction of the relay: large enough for speed, below 10 ms of lock.
    batch: Annotated[int, Meta(ge=1, le=10_000)] = 500
    #: Rows in one read of a stream's catch-up.
    page: Annotated[int, Meta(ge=1, le=10_000)] = 256
    #: How long this node hears of a recipient whose last stream has gone: readers who were cut come
    #: back within seconds, and then cost no read.
    linger_seconds: Annotated[float, Meta(ge=0, le=_DAY)] = 60
    #: Of so many recipients at once; 0 of none.  Each costs a few hundred bytes.
    linger_inboxes: Annotated[int, Meta(ge=0, le=10_000_000)] = 20_000
    #: Rows kept of inboxes that are followed, in bytes, about: what was missed is told from here.
    tail_bytes: Annotated[int, Meta(ge=0, le=64 << 30)] = 16_777_216
    #: The net under the hints: how often the outbox is looked at when nothing was heard.
    poll_seconds: Annotated[float, Meta(ge=0.001, le=_HOUR)] = 0.1
    sweep_seconds: Annotated[float, Meta(ge=0.01, le=_DAY)] = 30
    #: How long a node that says it is not ready serves on: what a balancer takes to notice.
    drain_delay_seconds: Annotated[float, Meta(ge=0, le=_HOUR)] = 0
    #: How long `drain` waits for streams to end before it cuts them.
    drain_seconds: Annotated[float, Meta(ge=0.01, le=_HOUR)] = 5
    #: SQLite's `synchronous`: FULL survives a power cut, NORMAL may lose the last commits in one.
    synchronous: str = "FULL"
    #: Make or update the tables at the first start (SQLite only).
    auto_migrate: bool = True
    #: Write to many readers in few system calls; where the system allows it, see `alimi.uring`.
    io_uring: bool = True
    retention: Retention = Retention()

    def __post_init__(self) -> None:
        if not isinstance(self.retention, Retention):
            raise ConfigurationError("retention is an alimi.Retention(…)")
        for name, limits in LIMITS.items():
            limits.check(name, reduce(getattr, name.split("."), self))
        self._check_types()
        low, high = self.retry_ms
        if low > high:
            raise ConfigurationError(f"retry_ms takes two rising numbers, not {low} and {high}")
        if self.synchronous not in {"NORMAL", "FULL", "EXTRA"}:
            raise ConfigurationError("synchronous is NORMAL, FULL or EXTRA")

    def _check_types(self) -> None:
        """A value of another type would fail later, far from who wrote it."""
        try:
            msgspec.convert(msgspec.to_builtins(self), _SHAPE)
        except (msgspec.ValidationError, TypeError) as error:
            raise ConfigurationError(f"Settings: {error}") from None


class Limits(msgspec.Struct, frozen=True):
    """The least and the most that a number may be."""

    least: float
    most: float
    #: Whether None lifts the limit that the setting is.
    may_be_none: bool = False

    def __str__(self) -> str:
        return f"from {_plain(self.least)} to {_plain(self.most)}"

    def check(self, name: str, value: object) -> None:
        """Raises ConfigurationError naming `name`; of what is no number nothing is said here."""
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(each, bool) or not isinstance(each, (int, float)):
                continue
            if not self.least <= each <= self.most:  # nor is NaN
                lifted = "; none lifts the limit" if self.may_be_none else ""
                raise ConfigurationError(f"{name} must be {self}, not {_shown(each)}{lifted}")


def limits_of(kind: Any) -> Limits | None:
    """What an annotation says of its numbers: its own, or of each of a tuple's or an Optional's."""
    may_be_none = get_origin(kind) in {Union, UnionType}
    for each in (kind, *get_args(kind)):
        for meta in getattr(each, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.ge is not None and meta.le is not None:
                return Limits(meta.ge, meta.le, may_be_none)
    return None


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _shown(number: float) -> str:
    """`str` refuses a number of 5,000 digits, and nobody would read one of 50."""
    is_long = isinstance(number, int) and abs(number) > _LONG
    return "a number that long" if is_long else str(number)


def _all_limits() -> Iterator[tuple[str, Limits]]:
    for prefix, owner in (("", Settings), ("retention.", Retention)):
        for name, kind in get_type_hints(owner, include_extras=True).items():
            limits = limits_of(kind)
            if limits is not None:
                yield prefix + name, limits


#: Setting, such as `retention.days`, -> what its number may be.
LIMITS: dict[str, Limits] = dict(_all_limits())
#: The fields' types alone: converting to Settings itself would check without end.
_SHAPE = msgspec.defstruct("_Shape", list(get_type_hints(Settings).items()))
