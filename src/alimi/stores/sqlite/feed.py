"""Reading: the change feed, pages and heads, each from one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
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
from alimi.stores.sqlite import inboxes
from alimi.stores.sqlite.inboxes import Inbox
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import read_epoch, tag_of

_decode_content = msgspec.json.Decoder(Content).decode
Items = tuple[Notification | BulkChange, ...]


def notification(row: Sequence[Any]) -> Notification:
    """From the thirteen columns that every reading query selects in this order."""
    return Notification(
        id=row[0],
        version=row[1],
        born=row[2],
        content_version=row[3],
        kind=row[4],
        category=row[5],
        content=_decode_content(row[6]),
        created_at=row[7],
        seen_at=row[8],
        read_at=row[9],
        archived_at=row[10],
        expires_at=row[11],
        deleted=bool(row[12]),
    )


def changes_after(
    db: sqlite3.Connection, wanted: Sequence[tuple[str, int | None]], limit: int
) -> list[Changes]:
    """What changed in each inbox after its position, in the order asked."""
    epoch = read_epoch(db)
    asked = msgspec.json.encode(wanted).decode()
    found: list[tuple[Sequence[Any], list[Sequence[Any]]]] = [((), []) for _ in wanted]
    for row in db.execute(SQL["changes"], {"wanted": asked, "limit": limit + 1}):
        _, rows = found[row[0]]
        found[row[0]] = row, rows
        if row[7] is not None:
            rows.append(row[7:])
    answers = []
    for (recipient, after), (facts, rows) in zip(wanted, found, strict=True):
        items, upto = _whole_versions(db, recipient, sorted(rows, key=_version), limit)
        answers.append(_changes(tag_of(epoch, recipient), (recipient, after), facts, items, upto))
    return answers


def _changes(
    tag: str,
    asked: tuple[str, int | None],
    facts: Sequence[Any],
    items: Items,
    upto: int | None,
) -> Changes:
    head, floor, seen_upto, seen_version, unread, unseen = (each or 0 for each in facts[1:7])
    return Changes(
        recipient=asked[0],
        tag=tag,
        after=asked[1],
        upto=head if upto is None else upto,
        head=head,
        floor=floor,
        seen_upto=seen_upto,
        seen_version=seen_version,
        counts=Counts(unread, unseen),
        items=items,
        more=upto is not None and upto < head,
    )


def _version(row: Sequence[Any]) -> int:
    version: int = row[1]
    return version


def _whole_versions(
    db: sqlite3.Connection, recipient: str, rows: list[Sequence[Any]], limit: int
) -> tuple[Items, int | None]:
    """Items that cut no version in two, and where they end (None: at the head)."""
    if len(rows) <= limit:
        return tuple(map(notification, rows)), None
    torn = _version(rows[-1])
    whole = [row for row in rows if _version(row) < torn]
    if whole:
        return tuple(map(notification, whole)), _version(whole[-1])
    return (_as_a_whole(db, recipient, torn),), torn


def _as_a_whole(db: sqlite3.Connection, recipient: str, version: int) -> BulkChange:
    row = db.execute(SQL["whole_version"], (recipient, version)).fetchone()
    count, upto, reads, read_min, read_max, archives, archive_min, archive_max, gone = row
    return BulkChange(
        version=version,
        upto=upto,
        count=count,
        read_at=read_min if reads == count and read_min == read_max else None,
        archived_at=archive_min if archives == count and archive_min == archive_max else None,
        deleted=gone == count,
    )


def page(db: sqlite3.Connection, recipient: str, query: PageQuery) -> Page:
    """Rows, counts and head from one snapshot."""
    inbox = inboxes.load(db, [recipient]).get(recipient) or Inbox(recipient)
    filters, values = _filters(query)
    limit = query.limit if query.ids is None else len(query.ids)
    values |= {"recipient": recipient, "seen_upto": inbox.seen_upto, "limit": limit + 1}
    rows = db.execute(SQL["page"].format(filters=filters), values).fetchall()
    items = tuple(map(notification, rows[:limit]))
    return Page(
        items=items,
        next=items[-1].content_version if items and len(rows) > limit else None,
        counts=inbox.counts,
        head=inbox.version,
        tag=tag_of(read_epoch(db), recipient),
    )


def _filters(query: PageQuery) -> tuple[str, dict[str, Any]]:
    if query.ids is not None:
        wanted = msgspec.json.encode(query.ids).decode()
        return "AND n.id IN (SELECT value FROM json_each(:ids))", {"ids": wanted}
    parts = ["AND n.archived_at IS NOT NULL" if query.archived else "AND n.archived_at IS NULL"]
    if query.before is not None:
        parts.append("AND n.content_version < :before")
    if query.unread:
        parts.append("AND n.read_at IS NULL")
    if query.category is not None:
        parts.append("AND n.category = :category")
    return " ".join(parts), {"before": query.before, "category": query.category}


def positions(db: sqlite3.Connection, recipients: Sequence[str]) -> Positions:
    """The epoch and the heads."""
    asked = msgspec.json.encode(recipients).decode()
    heads = dict.fromkeys(recipients, 0)
    heads.update(db.execute(SQL["heads"], (asked,)))
    return Positions(read_epoch(db), heads)
