"""Entries on their way into the outbox: what they are as rows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from alimi.model import Entry, Event, event_id, now_ms

#: An event to more recipients goes to the bulk lane, where it does not hold up the others.
BULK = 1000
#: Recipients in one row of the bulk lane: with it, one step of the relay stays under 10 ms.
PIECE = 500

#: lane, size, rest, event_id, key, fingerprint, recorded_at, recipients, body
Row = tuple[int, int, int, str, str | None, str | None, int, str | None, str]


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An entry made ready before the write lock is taken; `content` is an event's, as JSON."""

    id: str
    entry: Entry
    recorded_at: int
    content: str = ""
    key: str | None = None
    fingerprint: str | None = None

    @property
    def size(self) -> int:
        """How many notifications it makes; one that makes none is still something to do."""
        return max(1, len(self.entry.recipients)) if isinstance(self.entry, Event) else 1

    @property
    def rows(self) -> list[Row]:
        """What it is in the outbox."""
        entry, now = self.entry, self.recorded_at
        size = len(entry.recipients) if isinstance(entry, Event) else 1
        if isinstance(entry, Event) and size > BULK:
            return _pieces(entry, self.fingerprint, now)
        mark = (self.key, self.fingerprint)
        return [(0, size, 0, self.id, *mark, now, None, _json(entry))]


def prepare(entries: Sequence[Entry]) -> list[Prepared]:
    """Encode contents; what cannot be encoded raises here, in the caller's face."""
    now = now_ms()
    return [_prepare(entry, now) for entry in entries]


def _prepare(entry: Entry, now: int) -> Prepared:
    if not isinstance(entry, Event):
        return Prepared(event_id(now=now), entry, now)
    key = entry.key
    mark = None if key is None else entry.fingerprint()
    return Prepared(entry.id, entry, now, _json(entry.content), key, mark)


def _pieces(event: Event, fingerprint: str | None, now: int) -> list[Row]:
    """Rows of the bulk lane, each applied by itself; only the first claims the key."""
    slices = [event.recipients[at : at + PIECE] for at in range(0, len(event.recipients), PIECE)]
    body = _json(replace(event, recipients=()))
    rest = len(slices) - 1
    rows: list[Row] = [
        (1, PIECE, rest, event.id, event.key, fingerprint, now, _json(slices[0]), body)
    ]
    body = _json(replace(event, recipients=(), key=None))
    rows += [(1, len(each), 0, event.id, None, None, now, _json(each), body) for each in slices[1:]]
    return rows


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
