"""Where one reader stands in its inbox; turns reads of the store into frames.  Pure.

Replay and live are the same: a position that moves to what a read covered, never to what a hint
promised.
"""

from __future__ import annotations

import msgspec

from alimi import frames
from alimi.errors import InvalidCursor
from alimi.model import Changes, Cursor, Notification

#: A replay over more versions than this is a `reset`: the page reloads faster than it replays.
MAX_REPLAY = 100_000

_NOTHING: frozenset[int] = frozenset()


class Frames:
    """What was rendered in one turn: readers at the same place share the same bytes.

    One write is at most about `most` bytes, unless a single version is larger.  A read is bounded
    in rows, and of large ones each of a thousand readers who take nothing would hold megabytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: dict[tuple[int, int, frozenset[int], tuple[str, ...]], bytes] = {}
        self._parts: dict[tuple[int, int, int], Changes] = {}

    def render(self, changes: Changes, place: Position) -> tuple[Changes, bytes]:
        """As much of a read as fits, and its frames as this reader is to see them."""
        body = self._render(changes, place)
        while len(body) > self._most:
            versions = sorted({item.version for item in changes.items})
            if len(versions) < 2:
                break
            changes = self._part(changes, place.cursor, versions[(len(versions) - 1) // 2])
            body = self._render(changes, place)
        return changes, body

    def rest(self, changes: Changes, place: Position) -> Changes:
        """What of a read the reader has not got."""
        if place.cursor == changes.after:
            return changes
        return self._part(changes, place.cursor, changes.upto)

    def _part(self, changes: Changes, after: int, upto: int) -> Changes:
        """Some versions of a read; kept, so that readers at the same place share it."""
        key = (id(changes), after, upto)
        part = self._parts.get(key)
        if part is None:
            items = tuple(item for item in changes.items if after < item.version <= upto)
            more = upto < changes.upto or changes.more
            part = self._parts[key] = msgspec.structs.replace(
                changes, after=after, upto=upto, items=items, more=more
            )
        return part

    def _render(self, changes: Changes, place: Position) -> bytes:
        key = (id(changes), place.base, place.shown, place.locales)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = frames.render(
                changes, base=place.base, shown=place.shown, locales=place.locales
            )
        return made


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

    def take(self, changes: Changes, made: Frames) -> tuple[bytes, frames.ResetReason | None]:
        """Move over a read, or as much of it as one write may hold.

        Answers what to write, and why the place was lost if it was (G5).
        """
        preface = b""
        reason = self._lost(changes) if self.begun else self._begin(changes)
        if reason is not None:
            return self._reset(changes, reason), reason
        if not self.begun:
            self.begun = True
            preface = frames.hello(Cursor(self.tag, self.cursor), changes)
        if self.cursor >= changes.upto:
            return preface, None
        taken, body = made.render(changes, self)
        self._move(taken)
        return preface + body, None

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

    def _move(self, changes: Changes) -> None:
        if changes.more:
            born = {row.born for row in changes.items if isinstance(row, Notification)}
            self.shown = self.shown.union(each for each in born if each > self.base)
        else:
            self.base, self.shown = changes.upto, _NOTHING
        self.cursor = changes.upto
