"""Where one reader stands in its inbox; turns reads of the store into frames.  Pure.

Replay and live are the same: a position that moves to what a read covered, never to what a hint
promised.
"""

from __future__ import annotations

from typing import NamedTuple

from alimi import frames
from alimi.errors import InvalidCursor
from alimi.model import BulkChange, Changes, Cursor, Notification

#: A replay over more versions than this is a `reset`: the page reloads faster than it replays.
MAX_REPLAY = 100_000

_NOTHING: frozenset[int] = frozenset()


class Piece(NamedTuple):
    """What one write tells a reader, where it then stands, and what it has been shown."""

    body: bytes
    cursor: int
    shown: frozenset[int]


class Frames:
    """One read, rendered in pieces of about `most` bytes.

    Readers at the same place share the same bytes.  Pieces, because of a read of large rows each of
    a thousand readers who take nothing would otherwise hold megabytes.
    """

    def __init__(self, changes: Changes, most: int) -> None:
        self.changes = changes
        self._most = most
        self._bulk = [item for item in changes.items if isinstance(item, BulkChange)]
        self._made: dict[tuple[int, int, frozenset[int], tuple[str, ...]], Piece] = {}

    def piece(self, place: Position) -> Piece:
        """What comes next for this reader."""
        key = (place.cursor, place.base, place.shown, place.locales)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._render(place)
        return made

    def _render(self, place: Position) -> Piece:
        changes, start = self.changes, place.cursor
        body, cursor = frames.render_some(
            changes,
            base=place.base,
            shown=place.shown,
            locales=place.locales,
            start=start,
            most=self._most,
        )
        if cursor == changes.upto and not changes.more:
            return Piece(body, cursor, _NOTHING)
        told = (item for item in changes.items if start < item.version <= cursor)
        shown = (row.born for row in told if isinstance(row, Notification))
        return Piece(body, cursor, place.shown.union(born for born in shown if born > place.base))

    def hides_news(self, place: Position) -> bool:
        """Whether a bulk change holds rows that this reader was never shown."""
        # Asked for each reader, and nearly always empty.
        return bool(self._bulk) and any(
            bulk.version > place.cursor and bulk.born > place.base for bulk in self._bulk
        )


class Position:
    """One reader's place: everything up to `cursor` was written to it.

    `asked` is the cursor that the reader came with, as it came; None begins at the head.
    """

    __slots__ = ("_asked", "_malformed", "base", "begun", "cursor", "locales", "shown", "tag")

    def __init__(self, asked: str | None, locales: tuple[str, ...]) -> None:
        self.locales = locales
        #: Whether a first read has answered the reader's cursor.
        self.begun = False
        self.tag = ""
        self.cursor = 0
        #: Rows born later than this are new to the reader, but for those in `shown`.
        self.base = 0
        #: Born versions that earlier pages of the same catch-up have shown.
        self.shown: frozenset[int] = _NOTHING
        self._asked: Cursor | None = None
        self._malformed = False
        if asked is not None:
            try:
                self._asked = Cursor.parse(asked)
            except InvalidCursor:
                self._malformed = True

    @property
    def wanted(self) -> int | None:
        """Where the next read begins; None asks for the head only."""
        if self.begun:
            return self.cursor
        return None if self._asked is None else self._asked.version

    def continues_with(self, changes: Changes) -> bool:
        """Whether these changes begin exactly here."""
        return self.begun and self.tag == changes.tag and self.cursor == changes.after

    def lacks(self, changes: Changes) -> bool:
        """Whether there may be something in these changes that the reader has not got."""
        return not self.begun or self.tag != changes.tag or self.cursor < changes.upto

    def take(self, made: Frames) -> tuple[bytes, frames.ResetReason | None]:
        """Move over the next piece of a read.

        Answers what to write, and why the place was lost if it was (G5).
        """
        changes = made.changes
        preface = b""
        reason = self._lost(changes) if self.begun else self._begin(changes)
        if reason is None and made.hides_news(self):
            reason = "bulk"
        if reason is not None:
            return self._reset(changes, reason), reason
        if not self.begun:
            self.begun = True
            preface = frames.hello(Cursor(self.tag, self.cursor), changes)
        if self.cursor >= changes.upto:
            return preface, None
        piece = made.piece(self)
        self.cursor, self.shown = piece.cursor, piece.shown
        if self.cursor == changes.upto and not changes.more:
            self.base = self.cursor
        return preface + piece.body, None

    def _lost(self, changes: Changes) -> frames.ResetReason | None:
        if changes.tag != self.tag:
            return "epoch"
        if self.cursor < changes.floor:
            return "floor"
        return "ahead" if self.cursor > changes.head else None

    def _begin(self, changes: Changes) -> frames.ResetReason | None:
        """Where this stream starts, or why it cannot start where the reader asked."""
        self.tag = changes.tag
        if self._malformed:
            return "malformed"
        if self._asked is not None and self._asked.tag != changes.tag:
            return "foreign"
        start = changes.head if self._asked is None else self._asked.version
        if start > changes.head:
            return "ahead"
        if start < changes.floor:
            return "floor"
        if changes.head - start > MAX_REPLAY:
            return "far"
        self.cursor = self.base = start
        return None

    def _reset(self, changes: Changes, reason: frames.ResetReason) -> bytes:
        """`reset` goes before `hello`.

        After a cut behind `hello` the reader would hold the head as its cursor and never learn of
        the hole.
        """
        self.begun = True
        self.tag = changes.tag
        self.cursor = self.base = changes.head
        self.shown = _NOTHING
        head = Cursor(changes.tag, changes.head)
        return frames.reset(changes, reason) + frames.hello(head, changes)
