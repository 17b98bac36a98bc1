"""Entries on their way into the outbox: the rows they become, and the keys they claim."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from alimi.model import Entry, Event, Receipt, event_id, now_ms
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import Transaction

#: An event to more recipients goes to the bulk lane, where it does not hold up the others.
BULK = 1000
#: Recipients in one row of the bulk lane: with it, one step of the relay stays under 10 ms.
PIECE = 500

#: lane, size, rest, event_id, key, fingerprint, recorded_at, recipients, body
Row = tuple[int, int, int, str, str | None, str | None, int, str | None, str]


class Prepared(msgspec.Struct, frozen=True):
    """An entry as rows: encoded before the write lock is taken."""

    id: str
    rows: list[Row]
    key: str | None = None
    fingerprint: str | None = None


def prepare(entries: Sequence[Entry]) -> list[Prepared]:
    """Encode; what cannot be encoded raises here, in the caller's face."""
    now = now_ms()
    return [_prepare(entry, now) for entry in entries]


def _prepare(entry: Entry, now: int) -> Prepared:
    if not isinstance(entry, Event):
        made = event_id(now=now)
        return Prepared(made, [(0, 1, 0, made, None, None, now, None, _json(entry))])
    fingerprint = None if entry.key is None else entry.fingerprint()
    size = len(entry.recipients)
    if size > BULK:
        rows = _pieces(entry, fingerprint, now)
    else:
        rows = [(0, size, 0, entry.id, entry.key, fingerprint, now, None, _json(entry))]
    return Prepared(entry.id, rows, entry.key, fingerprint)


def _pieces(event: Event, fingerprint: str | None, now: int) -> list[Row]:
    """Rows of the bulk lane, each applied by itself; only the first claims the key."""
    body = _json(msgspec.structs.replace(event, recipients=()))
    slices = [event.recipients[at : at + PIECE] for at in range(0, len(event.recipients), PIECE)]
    rest = len(slices) - 1
    first: Row = (
        1, len(slices[0]), rest, event.id, event.key, fingerprint, now, _json(slices[0]), body
    )  # fmt: skip
    others: list[Row] = [
        (1, len(each), 0, event.id, None, None, now, _json(each), body) for each in slices[1:]
    ]
    return [first, *others]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def append(tx: Transaction, prepared: Sequence[Prepared]) -> list[Receipt]:
    """Write them in order, but not those whose key was used before."""
    if all(each.key is None for each in prepared):
        tx.db.executemany(SQL["record"], [row for each in prepared for row in each.rows])
        return [Receipt(each.id) for each in prepared]
    return [_append(tx, each) for each in prepared]


def _append(tx: Transaction, entry: Prepared) -> Receipt:
    if entry.key is not None:
        used = tx.db.execute(SQL["used_key"], {"key": entry.key}).fetchone()
        if used is not None:
            return Receipt(used[0], "repeated" if used[1] == entry.fingerprint else "conflict")
    tx.db.executemany(SQL["record"], entry.rows)
    return Receipt(entry.id)
