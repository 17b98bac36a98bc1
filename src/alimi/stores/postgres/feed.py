"""Reading: the change feed, pages and heads, each from one snapshot.

Each verb is one statement: at READ COMMITTED that is one snapshot.  Rows first and the inbox after,
in two statements, skips a version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
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
from alimi.stores.postgres.epoch import Epoch
from alimi.stores.postgres.sql import SQL

#: Bytes of one answer, about: after an outage a thousand streams ask together.
MAX_ANSWER = 4 * 1024 * 1024
#: One inbox to read, and after which version; None asks only for its head.
Asked = tuple[str, int | None]
Items = tuple[Notification | BulkChange, ...]
#: A row of an answer; its places are named here and in `queries/feed.sql`.
Row = Sequence[Any]

_decode_content = msgspec.json.Decoder(Content).decode
_NO_CONTENT = Content({})

# The feed's rows: the stored epoch, the place in the call, the inbox, the row's size, the whole of
# a version that is larger than the limit, the row.
_EPOCH, _PLACE, _HEAD, _FLOOR, _SEEN_UPTO, _SEEN_VERSION, _UNREAD, _UNSEEN, _SIZE, _WHOLE = range(
    10
)
_FEED_ROW = 10
# A page's: the stored epoch, head, unread, unseen, the row.
_PAGE_ROW = 4
# Inside a row.
_ID, _VERSION, _CONTENT_VERSION = 0, 1, 3


def _notification(row: Row, at: int) -> Notification:
    (
        id_, version, born, content_version, kind, category, content, created_at,
        seen_at, read_at, archived_at, expires_at, deleted_at,
    ) = row[at:]  # fmt: skip
    return Notification(
        id_,
        version,
        born,
        content_version,
        kind,
        category,
        _NO_CONTENT if deleted_at is not None else _decode_content(content),
        created_at,
        seen_at,
        read_at,
        archived_at,
        expires_at,
        deleted=deleted_at is not None,
    )


async def changes_after(
    connection: asyncpg.Connection, epoch: Epoch, wanted: Sequence[Asked], limit: int
) -> list[Changes]:
    """What changed in each inbox after its position, in the order asked.

    Bounded in bytes too: each inbox has its share of them, and what does not fit is cut behind
    whole versions, at least one each.
    """
    if not wanted:
        return []
    share = MAX_ANSWER // max(len(wanted), 4)
    recipients, positions = zip(*wanted, strict=True)
    rows = await connection.fetch(SQL["changes"], recipients, positions, limit, share)
    found: list[list[Row]] = [[] for _ in wanted]
    for row in rows:
        found[row[_PLACE] - 1].append(row)
    return [
        _changes(epoch, asked, rows, limit, share)
        for asked, rows in zip(wanted, found, strict=True)
    ]


def _changes(epoch: Epoch, asked: Asked, found: list[Row], limit: int, share: int) -> Changes:
    recipient, after = asked
    facts = found[0]
    rows = [] if facts[_FEED_ROW] is None else sorted(found, key=_version)
    items, upto = _whole_versions(rows, limit, share)
    head = facts[_HEAD] or 0
    return Changes(
        recipient=recipient,
        tag=epoch.tag(facts[_EPOCH], recipient),
        after=after,
        upto=head if upto is None else upto,
        head=head,
        floor=facts[_FLOOR] or 0,
        seen_upto=facts[_SEEN_UPTO] or 0,
        seen_version=facts[_SEEN_VERSION] or 0,
        counts=Counts(facts[_UNREAD] or 0, facts[_UNSEEN] or 0),
        items=items,
        more=upto is not None and upto < head,
    )


def _version(row: Row) -> int:
    version: int = row[_FEED_ROW + _VERSION]
    return version


def _whole_versions(rows: Sequence[Row], limit: int, share: int) -> tuple[Items, int | None]:
    """Items that cut no version in two, and where they end (None: at the head)."""
    if len(rows) <= limit:
        perhaps_cut = sum(row[_SIZE] for row in rows) >= share
        return _items(rows), _version(rows[-1]) if perhaps_cut else None
    torn = _version(rows[-1])
    whole = [row for row in rows if _version(row) < torn]
    if whole:
        return _items(whole), _version(whole[-1])
    (told,) = [row[_WHOLE] for row in rows if row[_WHOLE] is not None]
    return (BulkChange(torn, *told),), torn


def _items(rows: Sequence[Row]) -> Items:
    return tuple([_notification(row, _FEED_ROW) for row in rows])


async def page(
    connection: asyncpg.Connection, epoch: Epoch, recipient: str, query: PageQuery
) -> Page:
    """Rows, counts and head from one snapshot."""
    which, values = _which(query)
    rows = await connection.fetch(SQL["page"].format(which=which), recipient, *values)
    stored, head, unread, unseen = rows[0][:_PAGE_ROW]
    found = [] if rows[0][_PAGE_ROW] is None else sorted(rows, key=_content_version, reverse=True)
    limit = len(found) if query.ids is not None else query.limit
    return Page(
        items=tuple([_notification(row, _PAGE_ROW) for row in found[:limit]]),
        next=_content_version(found[limit - 1]) if len(found) > limit else None,
        counts=Counts(unread or 0, unseen or 0),
        head=head or 0,
        tag=epoch.tag(stored, recipient),
    )


def _content_version(row: Row) -> int:
    version: int = row[_PAGE_ROW + _CONTENT_VERSION]
    return version


def _which(query: PageQuery) -> tuple[str, list[Any]]:
    """Which rows, as SQL behind the inbox's own, and the values from $2 on."""
    if query.ids is not None:
        return "AND x.id = ANY ($2::text[])", [query.ids]
    parts = [f"AND x.archived_at IS {'NOT ' if query.archived else ''}NULL"]
    values: list[Any] = [query.limit + 1]
    if query.unread:
        parts.append("AND x.read_at IS NULL")
    for column, compared, value in (
        ("content_version", "<", query.before),
        ("category", "=", query.category),
    ):
        if value is not None:
            values.append(value)
            parts.append(f"AND x.{column} {compared} ${len(values) + 1}")
    # All the unread found: without this an inbox that was read is walked to its end, for nothing.
    most = "least($2::bigint, i.unread)" if query.unread and not query.archived else "$2::bigint"
    # The subselect hides the limit from the planner, which else might rather sort the inbox.
    parts.append(f"ORDER BY x.content_version DESC LIMIT (SELECT {most})")
    return " ".join(parts), values


async def positions(
    connection: asyncpg.Connection, epoch: Epoch, recipients: Sequence[str]
) -> Positions:
    """The epoch and the heads; tells `epoch` who the server is now."""
    stored, server, found, heads = await connection.fetchrow(SQL["heads"], recipients)
    epoch.take(server)
    known = dict(zip(found or (), heads or (), strict=True))
    return Positions(epoch.of(stored), dict.fromkeys(recipients, 0) | known)
