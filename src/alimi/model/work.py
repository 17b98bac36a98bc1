"""What a store is asked to do by the clock and the relay, and what it says it has done."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from alimi.model.entries import Signal
from alimi.model.hints import Hint
from alimi.model.inbox import Changes

#: Beyond it nobody needs the exact number, and counting would cost.
MAX_WAITING = 10_000


class Waiting(msgspec.Struct, frozen=True):
    """The outbox: how many entries wait, MAX_WAITING at most, and when the first was recorded."""

    entries: int = 0
    since: int | None = None


class Applied(msgspec.Struct, frozen=True):
    """What one batch of the relay did.

    `changes` are complete (their items are all there is between `after` and `upto`), ready for the
    node's own hub; `hints` name every inbox that moved; `since` is when the first entry of the
    batch was recorded.  `elsewhere`: others have changed inboxes, which no bus may tell of.
    """

    entries: int = 0
    notifications: int = 0
    repeated: int = 0
    conflicts: int = 0
    dead: int = 0
    changes: tuple[Changes, ...] = ()
    hints: tuple[Hint, ...] = ()
    signals: tuple[Signal, ...] = ()
    more: bool = False
    since: int | None = None
    elsewhere: bool = False


class Positions(msgspec.Struct, frozen=True):
    """Heads of inboxes from one snapshot; an inbox without rows has head 0."""

    epoch: str
    heads: dict[str, int]

    @property
    def identity(self) -> str:
        """What of the epoch a fail-over keeps; the rest follows a dot."""
        return self.epoch.partition(".")[0]


class Retention(msgspec.Struct, frozen=True):
    """How long things are kept; days, and rows per inbox.  None keeps for ever.

    A tombstone must outlive the longest absence that should end without a `reset`.  Who repeats an
    event by its key, a queue or a person, does it within a week.
    """

    days: Annotated[int, Meta(ge=1, le=36_500)] | None = 365
    rows: Annotated[int, Meta(ge=1, le=10_000_000)] | None = 10_000
    tombstone_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    key_days: Annotated[int, Meta(ge=7, le=36_500)] = 30


class Swept(msgspec.Struct, frozen=True):
    """What one step of the sweeper did; `more` asks for another step soon."""

    expired: int = 0
    retired: int = 0
    pruned: int = 0
    hints: tuple[Hint, ...] = ()
    more: bool = False
