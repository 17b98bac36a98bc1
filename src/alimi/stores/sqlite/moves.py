"""What one batch did to the inboxes, until somebody asks for it as changes.

Most of a batch concerns people who are not connected here, and nobody asks for their changes: so
these are built when they are fetched, after the commit, and only for whom somebody follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from alimi.model import Applied, Changes, Event, Hint, Notification
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

    def add_to(self, applied: Applied, followed: Followed | None) -> None:
        """A hint for every inbox that moved, and the changes of those that are followed."""
        for inbox in self._moved():
            recipient = inbox.recipient
            applied.hints.append(Hint(recipient, inbox.version))
            if recipient not in self.partial and (followed is None or followed(recipient)):
                applied.changes.append(self._changes(inbox))

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


class Done(Applied):
    """What a transaction has applied; its hints and changes are still `moves`."""

    moves: list[Moves] = msgspec.field(default_factory=list)

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
