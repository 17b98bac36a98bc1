"""The relay's batch: one call of one function of the database (`migrations/0004_relay.sql`)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import asyncpg
import msgspec

from alimi.errors import StoreError
from alimi.model import (
    Applied,
    Changes,
    Content,
    Counts,
    Hint,
    Notification,
    Signal,
    now_ms,
)
from alimi.stores.postgres.connections import Lane
from alimi.stores.postgres.epoch import Epoch
from alimi.stores.postgres.outbox import SEPARATOR
from alimi.stores.postgres.position import End, Position
from alimi.stores.postgres.sql import SQL

#: Notifications of a batch whose rows come along, so that the node's own streams need no read.
#: What does not fit into the socket would keep the locks until it is read.
SHOWN = 200
#: Another relay is at work: the first pause before the next try, the longest, and for how long.
_PAUSES = (0.001, 0.03)
_PATIENCE = 0.25
#: How long another relay has to take what waits, before this one does.
_GRACE = 0.025
#: How often a claim goes without its bound: a net, should a bound ever be wrong.
_ANEW_SECONDS = 60.0

_decode_content = msgspec.json.Decoder(Content).decode

#: Whether a node has anybody who would take an inbox's changes; None: all are wanted.
Followed = Callable[[str], bool] | None


class Relay:
    """Applies batches on one event loop and remembers where each ended."""

    def __init__(self, lane: Lane, epoch: Epoch) -> None:
        self._lane = lane
        self._epoch = epoch
        self._parts: dict[int, _Part] = {}
        self._next = 0
        self._pause = _PAUSES[0]

    async def apply(self, partitions: int, limit: int, followed: Followed = None) -> Applied:
        """One batch of the next partition that nobody else is at.

        Where others are at all of them, it tries again for a moment and then says `more`: that
        nothing was done does not mean that nothing is left.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            applied = await self._any(partitions, limit, followed)
            if applied is not None:
                self._pause = _PAUSES[0]
                return applied
            if time.monotonic() >= until:
                return Applied(more=True)
            await asyncio.sleep(random.uniform(self._pause / 2, self._pause))
            self._pause = min(self._pause * 2, _PAUSES[1])

    async def pending(self, partitions: int, *, at_once: bool) -> bool:
        """Whether a batch of any partition might find something.

        Unless asked at once, what another relay takes within a moment does not count: in a large
        cluster somebody is always at work, and to join in would cost each node a part of it all.
        """
        waiting = {}
        for number in range(partitions):
            first = await self._lane.read(self._part(number).first)
            if first is not None and (at_once or first.is_unknown):
                return True
            if first is not None:
                waiting[number] = first
        if not waiting:
            return False
        await asyncio.sleep(_GRACE)
        for number, first in waiting.items():
            if await self._lane.read(partial(_still_waits, number, first)):
                return True
        return False

    async def _any(self, partitions: int, limit: int, followed: Followed) -> Applied | None:
        """Partitions in turn, from another one each time; None when all were missed."""
        total: Applied | None = None
        for left in reversed(range(partitions)):
            part = self._part(self._next % partitions)
            try:
                found = await part.apply(self._lane, self._epoch, limit, followed)
            except StoreError:
                if total is not None:  # what was done is told; the next call meets the error first
                    return msgspec.structs.replace(total, more=True)
                self._next += 1
                raise
            self._next += 1
            if found is not None:
                total = found if total is None else _joined(total, found)
                if left and total.notifications >= limit:
                    return msgspec.structs.replace(total, more=True)
        return total

    def _part(self, number: int) -> _Part:
        return self._parts.setdefault(number, _Part(number))


class _Part:
    """One partition, as this relay knows it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._forget()

    def _forget(self) -> None:
        self._server: str | None = None
        self._main = Position()
        self._bulk = Position()
        self._anew_at = time.monotonic()

    @property
    def _is_due(self) -> bool:
        """Whether it is time to look without a bound."""
        return time.monotonic() - self._anew_at > _ANEW_SECONDS

    async def apply(
        self, lane: Lane, epoch: Epoch, limit: int, followed: Followed
    ) -> Applied | None:
        """One batch; None when another relay is at it."""
        if self._is_due:
            self._forget()

        async def call(connection: asyncpg.Connection) -> Any:
            values = (self._number, limit, now_ms(), SHOWN, self._server, *self._bounds())
            return await connection.fetchrow(SQL["apply"], *values)

        try:
            row = await lane.run(call)
        except BaseException:
            self._forget()  # whether it was committed is not known
            raise
        if row["o_state"] == "missed":
            return None
        main, bulk = self._take(row)
        return _read(row, epoch, followed, more=main.more or bulk.more)

    def _take(self, row: Any) -> tuple[End, End]:
        if row["o_state"] == "anew":
            self._forget()
        ends = row["o_ends"]
        main, bulk = End.read(*ends[:4]), End.read(*ends[4:])
        self._server = row["o_server"]
        self._main = self._main.after(main)
        self._bulk = self._bulk.after(bulk)
        return main, bulk

    def _bounds(self) -> tuple[Any, ...]:
        main, bulk = self._main, self._bulk
        return (
            [str(main.txid), str(bulk.txid)],
            [main.seq, bulk.seq],
            *_columns(main),
            *_columns(bulk),
        )

    async def first(self, connection: asyncpg.Connection) -> First | None:
        """What waits behind the bounds, or on a server of which they are not."""
        due = self._is_due
        main, bulk = (Position(), Position()) if due else (self._main, self._bulk)
        is_known, *first = await connection.fetchrow(
            SQL["pending"], self._number, str(main.txid), main.seq, *_columns(main),
            str(bulk.txid), bulk.seq, *_columns(bulk), self._server,
        )  # fmt: skip
        if not is_known:
            return First()
        if due and first[0] is None:
            self._anew_at = time.monotonic()
        return None if first[0] is None else First(*first)


class First(NamedTuple):
    """One row that waits; none where another server has to be asked anew."""

    lane: int | None = None
    txid: str | None = None
    seq: int | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it is not known if anything waits."""
        return self.lane is None


async def _still_waits(number: int, first: First, connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(SQL["still_waits"], number, *first))


def _columns(position: Position) -> tuple[list[str], list[int]]:
    return [str(txid) for txid, _ in position.late], [seq for _, seq in position.late]


def _joined(one: Applied, two: Applied) -> Applied:
    sinces = [each.since for each in (one, two) if each.since is not None]
    return Applied(
        entries=one.entries + two.entries,
        notifications=one.notifications + two.notifications,
        repeated=one.repeated + two.repeated,
        conflicts=one.conflicts + two.conflicts,
        dead=one.dead + two.dead,
        changes=one.changes + two.changes,
        hints=one.hints + two.hints,
        signals=one.signals + two.signals,
        more=one.more or two.more,
        since=min(sinces, default=None),
    )


def _read(row: Any, epoch: Epoch, followed: Followed, *, more: bool) -> Applied:
    """What the function says it did."""
    moved = _moved(row["inboxes"] or (), row["facts"] or ())
    return Applied(
        entries=row["entries"],
        notifications=row["notifications"],
        repeated=row["repeated"],
        conflicts=row["conflicts"],
        dead=row["dead"],
        hints=tuple(Hint(recipient, facts[1]) for recipient, facts in moved.items()),
        changes=() if row["hidden"] else _changes(row, moved, epoch, followed),
        signals=tuple(_signal(*each) for each in row["signals"] or ()),
        more=more,
        since=row["o_since"],
    )


def _moved(recipients: Sequence[str], facts: Sequence[list[int]]) -> dict[str, list[int]]:
    """Each inbox once: where it was first and what it is in the end."""
    moved: dict[str, list[int]] = {}
    for recipient, its in zip(recipients, facts, strict=True):
        known = moved.get(recipient)
        moved[recipient] = its if known is None else [known[0], *its[1:]]
    return moved


def _changes(
    row: Any, moved: dict[str, list[int]], epoch: Epoch, followed: Followed
) -> tuple[Changes, ...]:
    """Of inboxes that are followed and lost nothing: there the new rows are all that changed."""
    partial = set(row["withdrawn"] or ())
    items: dict[str, list[Notification]] = {
        recipient: []
        for recipient in moved
        if recipient not in partial and (followed is None or followed(recipient))
    }
    if not items:  # as most often: few of those who are told have a page open on this node
        return ()
    events = {
        times[0]: (times, texts)
        for times, texts in zip(row["event_times"] or (), row["event_texts"] or (), strict=True)
    }
    contents = {seq: _decode_content(texts[3]) for seq, (_, texts) in events.items()}
    for recipient, (seq, version) in zip(
        row["item_inboxes"] or (), row["item_facts"] or (), strict=True
    ):
        if recipient not in items:
            continue
        (_, created_at, expires_at), (name, kind, category, _) = events[seq]
        items[recipient].append(
            Notification(
                name, version, version, version, kind, category, contents[seq], created_at,
                expires_at=expires_at,
            )
        )  # fmt: skip
    return tuple(
        _change(recipient, moved[recipient], its, epoch.tag(row["o_epoch"], recipient))
        for recipient, its in items.items()
    )


def _change(recipient: str, facts: list[int], items: list[Notification], tag: str) -> Changes:
    before, head, floor, seen_upto, seen_version, unread, unseen = facts
    return Changes(
        recipient=recipient,
        tag=tag,
        after=before,
        upto=head,
        head=head,
        floor=floor,
        seen_upto=seen_upto,
        seen_version=seen_version,
        counts=Counts(unread, unseen),
        items=tuple(items),
    )


def _signal(name: str, data: str, recipients: str) -> Signal:
    to = tuple(recipients.split(SEPARATOR)) if recipients else ()
    return Signal(name, to, msgspec.json.decode(data))
