"""Reading: the change feed, pages and heads, each from one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from alimi.model import (
    BulkChange,
    Changes,
    Content,
    Counts,
    Notification,
    Page,
    PageQuery,
    Positions,
)
from alimi.stores.sqlite.epoch import tag_of
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json

#: Bytes of one answer, about: after an outage a thousand streams ask together.
MAX_ANSWER = 4 * 1024 * 1024
Items = tuple[Notification | BulkChange, ...]
#: One inbox to read, and after which version; None asks only for its head.
Asked = tuple[str, int | None]
#: Rows for each, and if need be characters of content.
Bound = tuple[int, int | None]


class _Row(msgspec.Struct, array_like=True):
    """What every reading query gathers of a notification, in this order."""

    id: Any
    version: Any
    born: Any
    content_version: Any
    kind: Any
    category: Any
    content: Content | None
    created_at: Any
    seen_at: Any
    read_at: Any
    archived_at: Any
    expires_at: Any
    deleted_at: Any


class _Found(_Row, array_like=True):
    """A row, or none, with its inbox's facts; `place` says which of those asked."""

    place: int
    head: int | None
    floor: int | None
    seen_upto: int | None
    seen_version: int | None
    unread: int | None
    unseen: int | None
    size: int | None


_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_found = msgspec.json.Decoder(list[_Found]).decode
_CHANGES = SQL["changes"].format(rows=SQL["rows_after"])
_CUT_CHANGES = SQL["changes"].format(rows=SQL["rows_within"])
_NO_CONTENT = Content({})


def _notification(row: _Row) -> Notification:
    return Notification(
        row.id,
        row.version,
        row.born,
        row.content_version,
        row.kind,
        row.category,
        row.content or _NO_CONTENT,
        row.created_at,
        row.seen_at,
        row.read_at,
        row.archived_at,
        row.expires_at,
        deleted=row.deleted_at is not None,
    )


def changes_after(db: sqlite3.Connection, wanted: Sequence[Asked], limit: int) -> list[Changes]:
    """What changed in each inbox after its position, in the order asked.

    Bounded in bytes too: what does not fit is cut behind whole versions, at least one each.
    """
    try:
        with _length_limit(db, MAX_ANSWER):
            return _read_changes(db, wanted, (limit, None))
    except sqlite3.DataError:  # too big; the careful query costs half as much again
        return _cut_changes(db, wanted, limit)


def _cut_changes(db: sqlite3.Connection, wanted: Sequence[Asked], limit: int) -> list[Changes]:
    try:
        return _read_changes(db, wanted, (limit, MAX_ANSWER // max(len(wanted), 4)))
    except sqlite3.DataError:  # each has one version, and they are huge
        if len(wanted) < 2:
            raise
        half = len(wanted) // 2
        return [
            *_cut_changes(db, wanted[:half], limit),
            *_cut_changes(db, wanted[half:], limit),
        ]


@contextmanager
def _length_limit(db: sqlite3.Connection, length: int) -> Iterator[None]:
    """Inside, a longer value is an error."""
    before = db.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(before, length))
    try:
        yield
    finally:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def _read_changes(db: sqlite3.Connection, wanted: Sequence[Asked], bound: Bound) -> list[Changes]:
    limit, size = bound
    values = {"wanted": as_json(wanted), "limit": limit + 1, "size": size}
    epoch, text = db.execute(_CHANGES if size is None else _CUT_CHANGES, values).fetchone()
    found: list[list[_Found]] = [[] for _ in wanted]
    for row in _decode_found(text):
        found[row.place].append(row)
    return [
        _changes(db, epoch, asked, rows, bound) for asked, rows in zip(wanted, found, strict=True)
    ]


def _changes(
    db: sqlite3.Connection,
    epoch: str,
    asked: Asked,
    found: list[_Found],
    bound: Bound,
) -> Changes:
    recipient, after = asked
    facts = found[0]
    rows = [] if facts.id is None else sorted(found, key=_version)
    items, upto = _whole_versions(db, recipient, rows, bound)
    head = facts.head or 0
    return Changes(
        recipient=recipient,
        tag=tag_of(epoch, recipient),
        after=after,
        upto=head if upto is None else upto,
        head=head,
        floor=facts.floor or 0,
        seen_upto=facts.seen_upto or 0,
        seen_version=facts.seen_version or 0,
        counts=Counts(facts.unread or 0, facts.unseen or 0),
        items=items,
        more=upto is not None and upto < head,
    )


def _version(row: _Row) -> int:
    version: int = row.version
    return version


def _whole_versions(
    db: sqlite3.Connection, recipient: str, rows: Sequence[_Found], bound: Bound
) -> tuple[Items, int | None]:
    """Items that cut no version in two, and where they end (None: at the head)."""
    limit, size = bound
    if len(rows) <= limit:
        perhaps_cut = size is not None and sum(row.size or 0 for row in rows) >= size
        return tuple(map(_notification, rows)), rows[-1].version if perhaps_cut else None
    torn = rows[-1].version
    whole = [row for row in rows if row.version < torn]
    if whole:
        return tuple(map(_notification, whole)), whole[-1].version
    return (_as_a_whole(db, recipient, torn),), torn


def _as_a_whole(db: sqlite3.Connection, recipient: str, version: int) -> BulkChange:
    upto, born = db.execute(SQL["whole_version"], (recipient, version)).fetchone()
    return BulkChange(version, upto, born)


def page(db: sqlite3.Connection, recipient: str, query: PageQuery) -> Page:
    """Rows, counts and head from one snapshot."""
    which, values = _which(query)
    limit = query.limit if query.ids is None else len(query.ids)
    values |= {"recipient": recipient, "limit": limit + 1}
    statement = SQL["page"].format(which=which)
    epoch, facts, text = db.execute(statement, values).fetchone()
    head, unread, unseen = msgspec.json.decode(facts or "[0,0,0]")
    rows = sorted(_decode_rows(text), key=_content_version, reverse=True)
    return Page(
        items=tuple(map(_notification, rows[:limit])),
        next=rows[limit - 1].content_version if len(rows) > limit else None,
        counts=Counts(unread, unseen),
        head=head,
        tag=tag_of(epoch, recipient),
    )


def _content_version(row: _Row) -> int:
    version: int = row.content_version
    return version


def _which(query: PageQuery) -> tuple[str, dict[str, Any]]:
    if query.ids is not None:
        return SQL["page_ids"], {"ids": as_json(query.ids)}
    parts = [SQL["page_archived" if query.archived else "page_shown"]]
    if query.before is not None:
        parts.append(SQL["page_before"])
    if query.unread:
        parts.append(SQL["page_unread"])
    if query.category is not None:
        parts.append(SQL["page_category"])
    parts.append(SQL["newest_unread" if query.unread and not query.archived else "newest"])
    return " ".join(parts), {"before": query.before, "category": query.category}


def positions(db: sqlite3.Connection, recipients: Sequence[str]) -> Positions:
    """The epoch and the heads."""
    epoch, text = db.execute(SQL["heads"], (as_json(recipients),)).fetchone()
    return Positions(epoch, dict.fromkeys(recipients, 0) | msgspec.json.decode(text))
