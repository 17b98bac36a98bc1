"""Where one reader stands in its inbox; turns reads of the store into frames.  Pure.

Replay and live are the same: a place that moves to what a read covered, never to what a hint
promised.  Places are values: a thousand streams that stand alike share one, and one step with it.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import msgspec

from alimi import frames
from alimi.errors import InvalidCursor
from alimi.model import BulkChange, Changes, Cursor, Notification

#: A replay over more versions than this is a `reset`: the page reloads faster than it replays.
MAX_REPLAY = 100_000

_NOTHING: frozenset[int] = frozenset()


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place: everything up to `cursor` was written.

    Rows born later than `base` are new to the reader, but for those in `shown`: born versions that
    earlier pieces of the same catch-up have shown.
    """

    begun: ClassVar[bool] = True

    tag: str
    cursor: int
    base: int
    locales: tuple[str, ...]
    shown: frozenset[int] = _NOTHING

    @property
    def wanted(self) -> int | None:
        """Where the next read begins."""
        return self.cursor

    def continues_with(self, changes: Changes) -> bool:
        """Whether these changes begin exactly here."""
        return self.cursor == changes.after and self.tag == changes.tag

    def lacks(self, changes: Changes) -> bool:
        """Whether there may be something in these changes that the reader has not got."""
        return self.tag != changes.tag or self.cursor < changes.upto

    def lost(self, changes: Changes) -> frames.ResetReason | None:
        """Why the reader cannot go on from here."""
        if changes.tag != self.tag:
            return "epoch"
        if self.cursor < changes.floor:
            return "floor"
        return "ahead" if self.cursor > changes.head else None


class Beginning(msgspec.Struct, frozen=True, gc=False):
    """A reader that no read has answered yet; `asked` None begins at the head."""

    begun: ClassVar[bool] = False
    #: It stands nowhere yet: behind every version.
    cursor: ClassVar[int] = -1

    asked: Cursor | None
    malformed: bool
    locales: tuple[str, ...]

    @property
    def wanted(self) -> int | None:
        """Where the next read begins; None asks for the head only."""
        return None if self.asked is None else self.asked.version

    def continues_with(self, changes: Changes) -> bool:
        """Live changes cannot answer it: they do not tell where it may begin."""
        del changes
        return False

    def lacks(self, changes: Changes) -> bool:
        """It has nothing yet."""
        del changes
        return True

    def refused(self, changes: Changes) -> frames.ResetReason | None:
        """Why this stream cannot start where the reader asked."""
        if self.malformed:
            return "malformed"
        if self.asked is None:
            return None
        if self.asked.tag != changes.tag:
            return "foreign"
        start = self.asked.version
        if start > changes.head:
            return "ahead"
        if start < changes.floor:
            return "floor"
        return "far" if changes.head - start > MAX_REPLAY else None

    def start(self, changes: Changes) -> Position:
        """Where the stream starts, when nothing is in the way."""
        if self.asked is None:
            return Position(changes.tag, changes.head, changes.head, self.locales)
        start, base = self.asked.version, self.asked.base
        return Position(changes.tag, start, start if base is None else base, self.locales)


Place = Position | Beginning


def beginning(asked: str | None, locales: tuple[str, ...]) -> Beginning:
    """For a reader with this cursor, as it came."""
    try:
        return Beginning(None if asked is None else Cursor.parse(asked), False, locales)
    except InvalidCursor:
        return Beginning(None, True, locales)


class Step(NamedTuple):
    """What one write tells a reader, where it then stands, and why its place was lost (G5)."""

    body: bytes
    place: Position
    lost: frames.ResetReason | None = None


class Frames:
    """One read, rendered in pieces of about `most` bytes; readers at one place share the bytes.

    Pieces, because of a read of large rows each of a thousand readers who take nothing would
    otherwise hold megabytes.
    """

    def __init__(self, changes: Changes, most: int) -> None:
        self.changes = changes
        self._most = most
        self._bulk = [item for item in changes.items if isinstance(item, BulkChange)]
        self._steps: dict[Place, Step] = {}

    def step(self, place: Place) -> Step:
        """What comes next for a reader who stands there."""
        made = self._steps.get(place)
        if made is None:
            made = self._steps[place] = self._make(place)
        return made

    def at_once(self, place: Place) -> Step | None:
        """The step over all of this read, if one write is enough."""
        if not place.continues_with(self.changes):
            return None
        step = self.step(place)
        whole = step.place.cursor >= self.changes.upto and step.lost is None
        return step if whole else None

    def _make(self, place: Place) -> Step:
        changes, preface = self.changes, b""
        if isinstance(place, Position):
            lost, here = place.lost(changes), place
        else:
            lost, here = place.refused(changes), place.start(changes)
            preface = frames.hello(frames.place_of(changes, here.cursor, here.base), changes)
        if lost is None and self._hides_news(here):
            lost = "bulk"
        if lost is not None:
            return Step(*_reset(changes, lost, place.locales), lost)
        if here.cursor >= changes.upto:
            return Step(preface, here)
        body, there = self._render(here)
        return Step(preface + body, there)

    def _render(self, place: Position) -> tuple[bytes, Position]:
        changes, start = self.changes, place.cursor
        body, cursor = frames.render(
            changes,
            base=place.base,
            shown=place.shown,
            locales=place.locales,
            start=start,
            most=self._most,
        )
        if cursor == changes.upto and not changes.more:
            return body, Position(place.tag, cursor, cursor, place.locales)
        told = (item for item in changes.items if start < item.version <= cursor)
        born = (row.born for row in told if isinstance(row, Notification) and row.born > place.base)
        shown = place.shown.union(born)
        return body, Position(place.tag, cursor, place.base, place.locales, shown)

    def _hides_news(self, place: Position) -> bool:
        """Whether a bulk change holds rows that this reader was never shown."""
        return any(bulk.version > place.cursor and bulk.born > place.base for bulk in self._bulk)


def _reset(
    changes: Changes, reason: frames.ResetReason, locales: tuple[str, ...]
) -> tuple[bytes, Position]:
    """`reset` goes before `hello`.

    After a cut behind `hello` the reader would hold the head as its cursor and never learn of the
    hole.
    """
    head = Cursor(changes.tag, changes.head)
    body = frames.reset(changes, reason) + frames.hello(head, changes)
    return body, Position(changes.tag, changes.head, changes.head, locales)
