"""Marks: one call, one version, however many rows."""

from __future__ import annotations

from typing import Any

import msgspec

from alimi.model import Action, Counts, Mark, Marked
from alimi.stores.sqlite import inboxes
from alimi.stores.sqlite.inboxes import Inbox
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json
from alimi.stores.sqlite.transaction import Transaction

#: What is read is seen too, and what is archived counts for nothing.
_WEIGHTLESS: tuple[Action, ...] = ("read", "archive")
#: How many ids an answer names.
MAX_IDS = 100


def mark(tx: Transaction, recipient: str, mark: Mark) -> Marked:
    """Change rows under one new version; none changed leaves the version as it is."""
    inbox = inboxes.load(tx.db, [recipient]).get(recipient)
    if inbox is None:
        return Marked(0, 0, (), Counts(), tx.tag(recipient))
    ids: tuple[str, ...]
    if mark.action == "seen":
        count, ids = _pass_watermark(tx, inbox, mark.upto or 0), ()
    else:
        count, ids = _change(tx, inbox, mark)
    return Marked(inbox.version, count, ids, inbox.counts, tx.tag(recipient))


def _change(tx: Transaction, inbox: Inbox, mark: Mark) -> tuple[int, tuple[str, ...]]:
    target, value = _target(mark)
    where = f"recipient = :recipient AND {target} AND {SQL[f'changed_by_{mark.action}']}"
    values = {"target": value, "now": tx.now}
    if mark.action == "delete":
        count = inboxes.bury(tx.db, inbox, tx.now, where, values)
    else:
        light = mark.action in _WEIGHTLESS
        assign = SQL[f"set_{mark.action}"]
        count = inboxes.stamp(tx.db, inbox, assign, where, values, weightless=light)
    if count == 0:
        return 0, ()
    inboxes.save(tx.db, [inbox])
    named = {"recipient": inbox.recipient, "version": inbox.version, "limit": MAX_IDS}
    # To sort thousands for the sake of the newest hundred took as long as to count them.
    live = count > MAX_IDS and mark.action != "delete"
    query = SQL["newest_of_version" if live else "ids_of_version"]
    (ids,) = tx.db.execute(query, named).fetchone()
    return count, tuple(msgspec.json.decode(ids))


def _target(mark: Mark) -> tuple[str, Any]:
    if mark.ids is not None:
        return SQL["mark_ids"], as_json(mark.ids)
    if mark.at is not None:
        return SQL["mark_at"], mark.at
    return SQL["mark_upto_archived" if mark.action == "unarchive" else "mark_upto"], mark.upto


def _pass_watermark(tx: Transaction, inbox: Inbox, wanted: int) -> int:
    """Opening the bell: everything up to here was seen, without rewriting a row."""
    upto = min(wanted, inbox.version)
    between = (inbox.recipient, inbox.seen_upto, upto)
    (count,) = tx.db.execute(SQL["unseen_between"], between).fetchone()
    if count == 0:
        return 0
    inbox.version += 1
    inbox.seen_upto, inbox.seen_version = upto, inbox.version
    inbox.unseen -= count
    inboxes.save(tx.db, [inbox])
    tx.db.execute(SQL["pass_watermark"], (inbox.recipient, upto, tx.now))
    return int(count)
