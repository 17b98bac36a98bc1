"""What this node remembers of inboxes: their heads, and the last that happened in them.

A stream that comes back is answered from here, so that thousands that come back at once ask the
store for nothing.  An inbox is known only while the bus is followed without interruption: what was
learned from a read that began before is not believed, and a hint beyond the known head makes it
unknown until somebody has read.  What the bus lost is found by the position check, here as for open
streams: an answer is at worst as late as a stream would have been, and its counts are those of its
version (G5, G6).

The tail is bounded in bytes for all inboxes together; whose tail grew longest ago loses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from alimi.model import BulkChange, Changes, Content, Notification, cursor_tag

#: What a row takes beside its content, about, in bytes.
_ROW = 700


class Head:
    """What is known of one inbox that is followed."""

    __slots__ = ("heard", "latest", "quiet_since", "rows", "since", "size", "told")

    def __init__(self, now: float) -> None:
        #: The head and what belongs to it, without rows; None: nothing is known yet.
        self.latest: Changes | None = None
        #: The highest version that anybody spoke of.
        self.heard = 0
        #: Up to here every open stream was handed everything, or is due to read it.
        self.told = 0
        #: The tail: each row that changed after `since`, rising by version; None is empty.
        self.rows: dict[str, Notification] | None = None
        self.since = 0
        self.size = 0
        #: Since then everything was heard, and nobody hung up.
        self.quiet_since = now


class Heads:
    """The inboxes that this node follows.

    `tail_bytes` bounds the rows that are kept for all of them, `page` those of one.  `clock` is the
    loop's.
    """

    def __init__(self, tail_bytes: int, page: int, clock: Callable[[], float]) -> None:
        self._bound = tail_bytes
        self._page = page
        self._clock = clock
        self._known: dict[str, Head] = {}
        #: Who has a tail, the one that grew longest ago first.
        self._tails: dict[str, Head] = {}
        self._weighed: tuple[Content | None, int] = (None, 0)
        #: Bytes of all tails, about.
        self.size = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, recipient: str) -> bool:
        return recipient in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def take_dropped(self) -> int:
        """How many tails were given up for the bound since this was last asked."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def get(self, recipient: str) -> Head | None:
        """What is known of an inbox; keep it over a read that is to be learned from."""
        return self._known.get(recipient)

    def begin(self, recipient: str) -> None:
        """From now on everything about this inbox is heard."""
        self.forget(recipient)
        self._known[recipient] = Head(self._clock())

    def forget(self, recipient: str) -> None:
        """It is no longer heard."""
        head = self._known.pop(recipient, None)
        if head is not None:
            self._cut(recipient, head)

    def doubt(self) -> None:
        """Something may not have been heard: all has to be learned anew."""
        for recipient in tuple(self._known):
            self.begin(recipient)

    def belong_to(self, epoch: str) -> bool:
        """Whether everything known was learned from the store with this epoch."""
        return all(
            head.latest is None or head.latest.tag == cursor_tag(epoch, recipient)
            for recipient, head in self._known.items()
        )

    def hear(self, recipient: str, version: int) -> bool:
        """Somebody says that an inbox has reached `version`; answers whether streams must look."""
        head = self._known.get(recipient)
        if head is None:
            return True
        head.heard = max(head.heard, version)
        return version > head.told

    def hang_up(self, recipient: str) -> None:
        """Somebody ends streams of this recipient: who asked before may have an old answer."""
        head = self._known.get(recipient)
        if head is not None:
            head.quiet_since = self._clock()

    def is_quiet(self, recipient: str, since: float) -> bool:
        """Whether any hang-up since then would have been heard, and none was."""
        head = self._known.get(recipient)
        # Not at the same moment either: some loops' clocks stand still during a turn.
        return head is not None and head.quiet_since < since

    def check(self, recipient: str, version: int) -> None:
        """The store says that an inbox is at `version`, or was a moment ago."""
        head = self._known.get(recipient)
        if head is None:
            return
        if head.latest is not None and version < head.latest.head:
            self.begin(recipient)  # restored, or an old answer: better ask
        else:
            # Also when nothing is known: a read that is under way may know less.
            head.heard = max(head.heard, version)

    def learn(self, changes: Changes, head: Head | None) -> None:
        """Take what a read found; `head` is what `get` answered before the read began."""
        if head is not None and self._known.get(changes.recipient) is head:
            self._take(changes, head)

    def deliver(self, changes: Changes) -> None:
        """Take what this node's relay wrote and every open stream was just handed."""
        head = self._known.get(changes.recipient)
        if head is not None:
            self._take(changes, head)
            head.told = max(head.told, changes.head)

    def answer(self, recipient: str, after: int | None) -> Changes | None:
        """What changed after a position; None when only the store can tell."""
        head = self._known.get(recipient)
        known = None if head is None else head.latest
        if head is None or known is None or known.head < head.heard:
            return None
        rows: tuple[Notification, ...] = ()
        if after is not None and after != known.head:
            if not head.since <= after < known.head:
                return None
            rows = tuple(row for row in (head.rows or {}).values() if row.version > after)
        return Changes(
            recipient=recipient,
            tag=known.tag,
            after=after,
            upto=known.head,
            head=known.head,
            floor=known.floor,
            seen_upto=known.seen_upto,
            seen_version=known.seen_version,
            counts=known.counts,
            items=rows,
        )

    # -- the tail -----------------------------------------------------------------------------

    def _take(self, changes: Changes, head: Head) -> None:
        known = head.latest
        if known is not None and known.tag == changes.tag:
            if changes.head <= known.head:
                return
            if known.head != changes.after:
                self._cut(changes.recipient, head)
        elif known is not None:
            self._cut(changes.recipient, head)
        if not _is_whole(changes):
            self._cut(changes.recipient, head)
            head.since = changes.head
        elif head.rows is None:
            head.since = changes.after if changes.after is not None else changes.head
        head.latest = msgspec.structs.replace(changes, items=()) if changes.items else changes
        if head.since < changes.head and changes.items:
            self._grow(changes, head)

    def _grow(self, changes: Changes, head: Head) -> None:
        """Each row is there once, in its latest state, as the store would answer."""
        rows = head.rows = head.rows or {}
        before = head.size
        for row in changes.items:
            assert isinstance(row, Notification)  # noqa: S101 - see _is_whole
            old = rows.pop(row.id, None)
            head.size += self._weigh(row) - (0 if old is None else self._weigh(old))
            rows[row.id] = row
        while len(rows) > self._page:
            self._shorten(head, rows)
        self.size += head.size - before
        self._tails.pop(changes.recipient, None)
        self._tails[changes.recipient] = head
        while self.size > self._bound:
            self._cut(*next(iter(self._tails.items())))
            self._dropped += 1

    def _shorten(self, head: Head, rows: dict[str, Notification]) -> None:
        """Without the oldest version; never a part of one."""
        head.since = next(iter(rows.values())).version
        for row in [row for row in rows.values() if row.version <= head.since]:
            del rows[row.id]
            head.size -= self._weigh(row)

    def _cut(self, recipient: str, head: Head) -> None:
        """Without a tail."""
        self.size -= head.size
        head.rows, head.size = None, 0
        head.since = head.latest.head if head.latest is not None else 0
        self._tails.pop(recipient, None)

    def _weigh(self, row: Notification) -> int:
        if self._weighed[0] is not row.content:  # the recipients of one event share it
            self._weighed = (row.content, len(msgspec.json.encode(row.content)))
        return _ROW + self._weighed[1]


def _is_whole(changes: Changes) -> bool:
    """Whether these are all rows that changed after `after`, each by name."""
    if changes.after is None or changes.more or changes.upto != changes.head:
        return False
    if not changes.floor <= changes.after <= changes.head:
        return False
    return not any(isinstance(item, BulkChange) for item in changes.items)
