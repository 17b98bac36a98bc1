"""The contract of a store: the durable truth.

Ordered and lossless.  What a verb has answered survives the death of any process; what it has not
answered may or may not have happened.  All verbs may be called from any running event loop and
never block it.  Inputs were normalised before (`alimi.model`); a store validates nothing but what
only it can know.

Any writer of an inbox first locks its inbox row (several in recipient order) and reads or changes
notifications only after that; versions are given under that lock, and counts move by the rows
actually changed.  Two mark-alls behind an insert otherwise left unread = -2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from alimi.model import (
    Applied,
    Changes,
    Entry,
    Mark,
    Marked,
    Page,
    PageQuery,
    Positions,
    Receipt,
    Retention,
    Swept,
    Waiting,
)


class Store(Protocol):
    """Outbox and inboxes of one database."""

    async def open(self) -> None:
        """Connect and check the schema.

        Raises SchemaMissing, SchemaTooNew, or StoreError when the database cannot be reached.
        """

    async def close(self) -> None:
        """Finish what was accepted, then let go.  Later calls raise StoreClosed."""

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write to the outbox, durably (G1), and answer in order.

        All or nothing, but for a key that was used before: that entry is not recorded again and its
        receipt says `repeated` or `conflict`.  Raises StoreFull at the bound of waiting writes and
        StoreBusy when the lock could not be had.
        """

    async def apply(self, limit: int, followed: Callable[[str], bool] | None = None) -> Applied:
        """Claim entries in order and move them to the inboxes, in one transaction.

        At most about `limit` notifications.  Safe under several callers: an entry is applied once.
        What cannot be applied goes to the dead letters in the same transaction.
        Changes of recipients whom `followed` denies may be left out of the answer; hints may not.
        """

    async def pending(self) -> bool:
        """Whether `apply` might find something; cheap enough for a poll, may say yes too often."""

    async def waiting(self) -> Waiting:
        """What is in the outbox, from a real read: the database answers.

        Costs the same however much waits.
        """

    async def changes_after(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[Changes]:
        """What changed in each inbox after its position, in the order asked; one round trip.

        Each answer comes from one snapshot and holds about `limit` items at most, whole versions;
        fewer, at least one version, where all answers together would be many megabytes.
        An inbox that never existed has head 0.
        """

    async def page(self, recipient: str, query: PageQuery) -> Page:
        """Rows, counts and head from one snapshot, newest content first."""

    async def mark(self, recipient: str, mark: Mark) -> Marked:
        """Change rows under one new version; none changed leaves the version as it is."""

    async def positions(self, recipients: Sequence[str]) -> Positions:
        """The epoch and the heads, in one query: what a position check asks."""

    async def sweep(self, now: int, retention: Retention, limit: int) -> Swept:
        """One bounded step of expiry, retention and pruning, as changes with versions."""


class Joined(Protocol):
    """The application's own connection, as far as a store must know it before it records there."""

    @property
    def dialect(self) -> str:
        """Either "sqlite" or "postgresql"."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open on the connection, as its driver says."""

    @property
    def begins_explicitly(self) -> bool:
        """Whether the driver leaves BEGIN and COMMIT to the caller."""


class Statement(NamedTuple):
    """One statement, with placeholders of the database's own (SQLite: ?, PostgreSQL: $1, $2, …).

    On PostgreSQL each stands once and in order, and parameters are only int, str and None, so that
    any driver can take them, whatever types the application has taught it.
    """

    sql: str
    parameters: Sequence[Any] = ()


Rows = list[tuple[Any, ...]]
#: Says what to run and is sent the rows, or thrown what the driver raised: a store knows the
#: statements, the application's driver runs them, waiting in its own way.
Recording = Generator[Statement, Rows, None]


class Outbox(Protocol):
    """What a store offers to applications that record inside their own transaction."""

    def write(self, joined: Joined, entries: Sequence[Entry]) -> Recording:
        """INSERT on the application's connection; takes no lock on any inbox (G2).

        Nothing happens before the first step.  Raises NoTransaction, UnpreparedEngine,
        ForeignDatabase, SchemaMissing, or StoreError where the connection's role lacks the rights.
        """


def drive(recording: Recording, execute: Callable[[str, Sequence[Any]], Rows]) -> None:
    """Run what a recording says, on a driver that blocks."""
    try:
        statement = next(recording)
        while True:
            try:
                rows = execute(*statement)
            except Exception as error:  # noqa: BLE001 - the store knows what it means, or raises it
                statement = recording.throw(error)
            else:
                statement = recording.send(rows)
    except StopIteration:
        return


async def drive_async(
    recording: Recording, execute: Callable[[str, Sequence[Any]], Awaitable[Rows]]
) -> None:
    """Run what a recording says, on a driver that is awaited."""
    try:
        statement = next(recording)
        while True:
            try:
                rows = await execute(*statement)
            except Exception as error:  # noqa: BLE001 - as in `drive`
                statement = recording.throw(error)
            else:
                statement = recording.send(rows)
    except StopIteration:
        return


class Drift(msgspec.Struct, frozen=True):
    """An inbox whose kept counts differ from its rows: a bug, or somebody edited the tables."""

    recipient: str
    kept: tuple[int, int]
    counted: tuple[int, int]


class Report(msgspec.Struct, frozen=True):
    """What `alimi doctor` knows about a store."""

    database: str
    schema: int
    epoch: str
    durability: str
    inboxes: int
    notifications: int
    outbox: int
    outbox_age_ms: int
    dead_letters: int
    last_dead_letter: str | None
    drift: tuple[Drift, ...]
    #: Why this seems to be an older or a foreign copy of the database.
    doubt: str | None = None


class Maintenance(Protocol):
    """What an operator does to a store; used by the CLI."""

    async def migrate(self) -> list[str]:
        """Apply pending migrations, each in a transaction; answers their names."""

    def pending_sql(self) -> str:
        """The SQL that `migrate` would run now."""

    async def inspect(self) -> Report:
        """Look, change nothing."""

    async def is_empty(self) -> bool:
        """Whether nobody was ever told of anything.  Raises SchemaMissing or SchemaTooNew."""

    async def renew_epoch(self) -> str:
        """After a restore: make every cursor out there worthless, so that clients reload."""
