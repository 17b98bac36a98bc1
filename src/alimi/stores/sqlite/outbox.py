"""Entries on their way into the outbox: the rows they become, and the keys they claim."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from alimi.model import Entry, Event, Receipt, event_id, now_ms
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json, insert_many
from alimi.stores.sqlite.transaction import Transaction

#: An event to more recipients goes to the bulk lane, where it does not hold up the others.
BULK = 1000
#: Recipients in one row of the bulk lane: with it, one step of the relay stays under 10 ms.
PIECE = 500

#: lane, size, rest, event_id, key, fingerprint, recorded_at, recipients, body
Row = tuple[int, int, int, str, str | None, str | None, int, str | None, str]
#: Who used a key, and for which body.
Use = tuple[str, str | None]
_decode_uses = msgspec.json.Decoder(list[tuple[str, str, str | None]]).decode


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


def append(tx: Transaction, loads: Sequence[Sequence[Prepared]]) -> list[list[Receipt]]:
    """Write what several callers bring, in order, but not what has a key that was used before."""
    keys = [each.key for load in loads for each in load if each.key is not None]
    used = _used(tx, keys) if keys else {}
    rows: list[Row] = []
    receipts = [[_take(each, used, rows) for each in load] for load in loads]
    insert_many(tx.db, "record", rows)
    return receipts


def _used(tx: Transaction, keys: list[str]) -> dict[str, Use]:
    (found,) = tx.db.execute(SQL["used_keys"], {"keys": as_json(keys)}).fetchone()
    return {key: (used_by, fingerprint) for key, used_by, fingerprint in _decode_uses(found)}


def _take(entry: Prepared, used: dict[str, Use], rows: list[Row]) -> Receipt:
    if entry.key is not None:
        use = used.get(entry.key)
        if use is not None:
            return Receipt(use[0], "repeated" if use[1] == entry.fingerprint else "conflict")
        used[entry.key] = (entry.id, entry.fingerprint)
    rows.extend(entry.rows)
    return Receipt(entry.id)
