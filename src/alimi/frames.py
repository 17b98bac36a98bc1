"""The frames of a stream: the blocks that tell of a read, made from values; pure.

One version of an inbox may need several blocks.  Only the last of them carries the `id:`, so a cut
in between repeats the version instead of skipping its rest.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

import msgspec

from alimi.errors import InvalidInput
from alimi.model import BulkChange, Changes, Cursor, Notification
from alimi.sse import encode, encode_retry
from alimi.views import rfc3339, view

#: More rows than this in one change are told as a whole.
MAX_IDS = 100

ResetReason = Literal["epoch", "foreign", "floor", "far", "bulk", "ahead", "malformed"]
ByeReason = Literal["drain", "age", "expired", "capacity", "hangup", "stalled", "unavailable"]

_json = msgspec.json.Encoder()

#: Tells the reader, and every proxy on the way, that the stream is alive.
PING = encode(b"{}", event="ping")


def retry(milliseconds: int) -> bytes:
    """The first bytes of a stream."""
    return encode_retry(milliseconds)


def hello(start: Cursor, changes: Changes) -> bytes:
    """The stream begins at `start`; the data tells the head.

    With the head as id, a cut during the replay would skip the rest for ever.
    """
    return encode(_json.encode(_head(changes)), event="hello", id=str(start))


def reset(changes: Changes, reason: ResetReason) -> bytes:
    """What was missed cannot be told: reload the inbox.  The stream goes on from the head."""
    data = {**_head(changes), "reason": reason}
    return encode(_json.encode(data), event="reset", id=_id(changes, changes.head))


def signal(name: str, data: object) -> bytes:
    """A transient hint.  Raises InvalidInput for data that JSON cannot say."""
    try:
        body = _json.encode({"name": name, "data": data})
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the data of a signal must be plain JSON: {error}") from error
    return encode(body, event="signal")


def bye(reason: ByeReason, retry_ms: int) -> bytes:
    """The server ends the stream; come back after `retry_ms`."""
    return encode_retry(retry_ms) + encode(_json.encode({"reason": reason}), event="bye")


def place_of(changes: Changes, version: int, base: int) -> Cursor:
    """Everything up to `version` was told; of what was born after `base` some may be unshown."""
    return Cursor(changes.tag, version, base if base < version else None)


def gap(changes: Changes) -> Literal["floor", "ahead"] | None:
    """Why `changes` cannot be told from its `after` on, if so."""
    if changes.after is None:
        return None
    if changes.after < changes.floor:
        return "floor"
    return "ahead" if changes.after > changes.head else None


def render(
    changes: Changes,
    *,
    base: int,
    shown: Container[int],
    locales: Sequence[str],
    start: int | None = None,
    most: int | None = None,
) -> tuple[bytes, int]:
    """Blocks of a read behind `start`, rising by version, and the version they lead to.

    At most about `most` bytes, but whole versions.  A row is new when it was born after `base`,
    where the stream began, and its birth is not in `shown` yet.  A read that cannot be told in full
    becomes a `reset` (G5: never a gap without a word); nothing to tell is no bytes.

    A version alone is the `id:` only where no row that is still to come was born at or before it.
    A row born 3 and read in 7 comes behind one born 4; resuming from 4 it would be a change of
    something never shown.  There, and where more follows of which nothing is known yet, the id
    tells `base` as well.
    """
    if (reason := gap(changes)) is not None:
        return reset(changes, reason), changes.head
    start = changes.upto if changes.after is None else max(start or 0, changes.after)
    reader = _Reader(base, shown, locales)
    unmet = _first_unmet(changes, reader)
    blocks: list[bytes] = []
    size, last = 0, start
    for version, parts in _versions(changes, reader, start):
        if most is not None and size >= most:
            return b"".join(blocks), last
        last = version
        safe = not changes.more and unmet[version] > version
        for event, data in parts[:-1]:
            blocks.append(encode(data, event=event))
            size += len(data)
        event, data = parts[-1]
        place = place_of(changes, version, version if safe else base)
        blocks.append(encode(data, event=event, id=str(place)))
        size += len(data)
    if last < changes.upto and not changes.more:
        nothing = _change(changes, changes.upto, {"ids": []})
        blocks.append(encode(nothing, event="change", id=_id(changes, changes.upto)))
    return b"".join(blocks), changes.upto


class _Reader(NamedTuple):
    """What decides how a stream is told of a row."""

    base: int
    shown: Container[int]
    locales: Sequence[str]

    def meets(self, row: Notification) -> bool:
        """Whether the row is new to it."""
        return row.born > self.base and row.born not in self.shown and not row.deleted


def _first_unmet(changes: Changes, reader: _Reader) -> dict[int, int]:
    """For each version the earliest birth among the new rows that come behind it."""
    earliest = changes.head + 1
    found = {}
    if changes.after is not None and changes.after < changes.seen_version:
        found[changes.seen_version] = earliest
    for item in reversed(changes.items):
        found.setdefault(item.version, earliest)
        if isinstance(item, Notification) and reader.meets(item):
            earliest = min(earliest, item.born)
        if item.version > changes.seen_version:
            found[changes.seen_version] = earliest
    return found


#: The `event:` of a block, if any, and its data.
_Block = tuple[str | None, bytes]


def _versions(changes: Changes, reader: _Reader, after: int) -> Iterator[tuple[int, list[_Block]]]:
    """Each version behind `after` that has something to tell; the watermark at its place."""
    mark = changes.seen_version if after < changes.seen_version <= changes.upto else None
    behind = (item for item in changes.items if item.version > after)
    for version, items in groupby(behind, key=lambda item: item.version):
        if mark is not None and mark < version:
            yield mark, [_watermark(changes)]
            mark = None
        blocks = _blocks(changes, version, list(items), reader)
        if mark == version:
            blocks.append(_watermark(changes))
            mark = None
        yield version, blocks
    if mark is not None:
        yield mark, [_watermark(changes)]


def _blocks(
    changes: Changes,
    version: int,
    items: list[Notification | BulkChange],
    reader: _Reader,
) -> list[_Block]:
    blocks: list[_Block] = []
    changed: list[Notification] = []
    for item in items:
        if isinstance(item, BulkChange):
            blocks.append(("change", _bulk(changes, version, item.upto)))
        elif reader.meets(item):
            blocks.append((None, _new(changes, item, reader.locales)))
        else:
            changed.append(item)
    if len(changed) > MAX_IDS:
        upto = max(row.content_version for row in changed)
        blocks.append(("change", _bulk(changes, version, upto)))
    else:
        blocks += _by_state(changes, version, changed)
    return blocks


_State = tuple[int | None, int | None, int | None, bool]


def _by_state(changes: Changes, version: int, rows: Sequence[Notification]) -> list[_Block]:
    """One block for each state that rows of this version are in."""
    states: dict[_State, list[str]] = {}
    for row in rows:
        state = (row.seen_at, row.read_at, row.archived_at, row.deleted)
        states.setdefault(state, []).append(row.id)
    return [
        ("change", _change(changes, version, {"ids": ids}, _flags(*state)))
        for state, ids in states.items()
    ]


def _flags(
    seen_at: int | None,
    read_at: int | None,
    archived_at: int | None,
    deleted: bool,  # noqa: FBT001
) -> dict[str, Any]:
    if deleted:
        return {"deleted": True}
    return {
        "seen_at": rfc3339(seen_at),
        "read_at": rfc3339(read_at),
        "archived_at": rfc3339(archived_at),
    }


def _bulk(changes: Changes, version: int, upto: int) -> bytes:
    """More rows than can be named: some of those up to `upto` changed, so look.

    No flags: a sweep or an undo touches some rows of many, and a flag would be said of them all.
    """
    return _change(changes, version, {"all": True, "upto": upto})


def _watermark(changes: Changes) -> _Block:
    what = {"seen_upto": changes.seen_upto}
    return "change", _change(changes, changes.seen_version, what)


def _new(changes: Changes, row: Notification, locales: Sequence[str]) -> bytes:
    # The view is an object with members, so the counts can be put before its closing brace.
    counts = changes.counts
    tail = b',"unread":%d,"unseen":%d}' % (counts.unread, counts.unseen)
    return _json.encode(view(row, locales))[:-1] + tail


def _change(
    changes: Changes, version: int, what: dict[str, Any], flags: dict[str, Any] | None = None
) -> bytes:
    counts = changes.counts
    more = {"unread": counts.unread, "unseen": counts.unseen}
    return _json.encode({**what, "version": version, **(flags or {}), **more})


def _head(changes: Changes) -> dict[str, Any]:
    return {
        "cursor": _id(changes, changes.head),
        "version": changes.head,
        "unread": changes.counts.unread,
        "unseen": changes.counts.unseen,
        "seen_upto": changes.seen_upto,
    }


def _id(changes: Changes, version: int) -> str:
    return str(Cursor(changes.tag, version))
