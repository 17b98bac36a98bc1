"""Inbox rows: loaded before anything about an inbox is decided, saved with what changed.

Every writer goes through here and holds the file's write lock, so versions are given one at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from alimi.model import Counts
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json, insert_many


class Inbox(msgspec.Struct, array_like=True):
    """One inbox's facts inside a transaction."""

    recipient: str
    version: int = 0
    floor: int = 0
    seen_upto: int = 0
    seen_version: int = 0
    unread: int = 0
    unseen: int = 0
    kept: int = 0

    @property
    def counts(self) -> Counts:
        """The badge."""
        return Counts(self.unread, self.unseen)


#: What a query answers that gathers (rowid, recipient).
decode_rows = msgspec.json.Decoder(list[tuple[int, str]]).decode
_decode = msgspec.json.Decoder(list[Inbox]).decode


def load(db: sqlite3.Connection, recipients: Collection[str]) -> dict[str, Inbox]:
    """Those that exist."""
    (found,) = db.execute(SQL["inboxes"], (as_json(list(recipients)),)).fetchone()
    return {inbox.recipient: inbox for inbox in _decode(found)}


def save(db: sqlite3.Connection, inboxes: Iterable[Inbox]) -> None:
    """Write them back, new ones too."""
    insert_many(db, "save_inbox", [msgspec.structs.astuple(inbox) for inbox in inboxes])


def stamp(
    db: sqlite3.Connection,
    inbox: Inbox,
    assign: str,
    where: str,
    values: dict[str, Any],
    *,
    weightless: bool = False,
) -> int:
    """Change the rows of `where` under one new version of their inbox; answers how many.

    Counts move by what the rows weigh after the change less what they weighed before it, so they
    are right whatever was changed.  `weightless`: they weigh nothing then and need not be read.
    The caller saves the inbox.
    """
    known = {**values, "recipient": inbox.recipient, "seen_upto": inbox.seen_upto}
    count, unread, unseen = db.execute(SQL["weigh"].format(where=where), known).fetchone()
    if count == 0:
        return 0
    known["version"] = inbox.version = inbox.version + 1
    db.execute(SQL["stamp"].format(assign=assign, where=where), known)
    inbox.unread -= unread
    inbox.unseen -= unseen
    if not weightless:
        _, unread_now, unseen_now = db.execute(SQL["weigh_version"], known).fetchone()
        inbox.unread += unread_now
        inbox.unseen += unseen_now
    return int(count)


def bury(db: sqlite3.Connection, inbox: Inbox, now: int, where: str, values: dict[str, Any]) -> int:
    """Turn rows into tombstones under one new version."""
    count = stamp(db, inbox, SQL["set_delete"], where, {**values, "now": now}, weightless=True)
    inbox.kept -= count
    return count


def bury_rows(db: sqlite3.Connection, now: int, rows: Iterable[tuple[int, str]]) -> list[Inbox]:
    """Bury rows given as (rowid, recipient), one version per inbox; answers the inboxes, saved."""
    by_recipient: dict[str, list[int]] = {}
    for rowid, recipient in rows:
        by_recipient.setdefault(recipient, []).append(rowid)
    inboxes = load(db, by_recipient)
    for recipient, rowids in by_recipient.items():
        bury(db, inboxes[recipient], now, SQL["these"], {"rowids": as_json(rowids)})
    save(db, inboxes.values())
    return list(inboxes.values())
