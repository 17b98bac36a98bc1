"""What one batch did to the inboxes, until somebody asks for it as changes.

Most of a batch concerns people who are not connected here, and nobody asks for their changes: so
these are built when they are fetched, after the commit, and only for whom somebody follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from alimi.model import Applied, Changes, Event, Hint, Notification, Signal
from alimi.stores.sqlite.epoch import tag_of
from alimi.stores.sqlite.inboxes import Inbox

#: Whether somebody here wants to hear of a recipient.
Followed = Callable[[str], bool]


class Moves(msgspec.Struct, frozen=True):
    """The inboxes of one batch as it left them, their versions before it, and what is new in them.

    `partial`: inboxes whose rows have changed in another way, too.
    """

    epoch: str
    inboxes: dict[str, Inbox]
    heads: dict[str, int]
    items: dict[str, list[tuple[int, Event]]]
    partial: set[str]

    def hints(self) -> Iterator[Hint]:
        """One for every inbox that moved."""
        return (Hint(inbox.recipient, inbox.version) for inbox in self._moved())

    def changes(self, followed: Followed | None) -> Iterator[Changes]:
        """Those of inboxes that are followed."""
        for inbox in self._moved():
            recipient = inbox.recipient
            if recipient not in self.partial and (followed is None or followed(recipient)):
                yield self._changes(inbox)

    def _moved(self) -> Iterator[Inbox]:
        for recipient, head in self.heads.items():
            inbox = self.inboxes[recipient]
            if inbox.version != head:
                yield inbox

    def _changes(self, inbox: Inbox) -> Changes:
        return Changes(
            recipient=inbox.recipient,
            tag=tag_of(self.epoch, inbox.recipient),
            after=self.heads[inbox.recipient],
            upto=inbox.version,
            head=inbox.version,
            floor=inbox.floor,
            seen_upto=inbox.seen_upto,
            seen_version=inbox.seen_version,
            counts=inbox.counts,
            items=tuple(_row(*item) for item in self.items[inbox.recipient]),
        )


class Done(msgspec.Struct):
    """A tally of what was applied; its hints and changes are still `moves`."""

    entries: int = 0
    notifications: int = 0
    repeated: int = 0
    conflicts: int = 0
    dead: int = 0
    moves: list[Moves] = []
    signals: list[Signal] = []
    since: int | None = None
    elsewhere: bool = False

    def add(self, other: Done) -> None:
        """And what came behind it."""
        self.entries += other.entries
        self.notifications += other.notifications
        self.repeated += other.repeated
        self.conflicts += other.conflicts
        self.dead += other.dead
        self.moves += other.moves
        self.signals += other.signals
        self.elsewhere |= other.elsewhere
        if other.since is not None:
            self.since = other.since if self.since is None else min(self.since, other.since)

    def told(self, followed: Followed | None, *, more: bool) -> Applied:
        """As if one batch had done it; changes of those that are followed."""
        return Applied(
            entries=self.entries,
            notifications=self.notifications,
            repeated=self.repeated,
            conflicts=self.conflicts,
            dead=self.dead,
            changes=tuple(each for moves in self.moves for each in moves.changes(followed)),
            hints=tuple(each for moves in self.moves for each in moves.hints()),
            signals=tuple(self.signals),
            more=more,
            since=self.since,
            elsewhere=self.elsewhere,
        )


def _row(version: int, event: Event) -> Notification:
    return Notification(
        event.id,
        version,
        version,
        version,
        event.kind,
        event.category,
        event.content,
        event.created_at,
        expires_at=event.expires_at,
    )
