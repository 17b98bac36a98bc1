"""Claiming: the oldest entries of the outbox, decoded, until they are applied or buried."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import itemgetter

import msgspec

from alimi.model import Entry, Event
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import Transaction

_decode_entry = msgspec.json.Decoder(Entry).decode
#: seq, rest, fingerprint, recipients, body
_Text = str | bytes
_Row = tuple[int, int, _Text | None, _Text | None, _Text]
_decode_rows = msgspec.json.Decoder(list[tuple[int, int, str | None, str | None, str]]).decode
_decode_entries = msgspec.json.Decoder(list[tuple[int, int, str | None, Entry]]).decode
_decode_sizes = msgspec.json.Decoder(list[tuple[int, int]]).decode
_decode_recipients = msgspec.json.Decoder(tuple[str, ...]).decode
#: How much of an error a dead letter keeps.
_MAX_ERROR = 2000


class Claim(msgspec.Struct, frozen=True):
    """One row of the outbox, or why it cannot be read; `rest` rows of its event follow it.

    `content` is an event's as JSON, where it is known.
    """

    seq: int
    entry: Entry | Exception
    fingerprint: str | None
    rest: int
    content: str | None = None


class Claims(msgspec.Struct):
    """What one lane gives to a batch."""

    lane: int
    found: list[Claim] = []

    @property
    def last(self) -> int:
        """The end of the claimed range; meaningless when nothing was found."""
        return self.found[-1].seq if self.found else -1


def claim(tx: Transaction, limit: int) -> Claims:
    """The next entries in order, up to `limit` notifications but at least one entry."""
    (sizes,) = tx.db.execute(SQL["waiting_sizes"], (limit,)).fetchone()
    last: int | None = None
    total = 0
    for seq, size in sorted(_decode_sizes(sizes)):
        total += size
        if total > limit and last is not None:
            break
        last = seq
    return Claims(0) if last is None else _claim_upto(tx, last)


def _claim_upto(tx: Transaction, last: int) -> Claims:
    try:
        (found,) = tx.db.execute(SQL["claim"], {"last": last}).fetchone()
        rows = sorted(_decode_entries(found), key=itemgetter(0))
    except (ValueError, sqlite3.OperationalError):  # what is wrong with the disk shows again
        return _claim(tx, 0, SQL["claim_texts"], {"last": last})
    return Claims(
        0, [Claim(seq, entry, _mark(entry, mark), rest) for seq, rest, mark, entry in rows]
    )


def _mark(entry: Entry, mark: str | None) -> str | None:
    """The fingerprint, which whoever writes the outbox with other tools may leave out."""
    if mark is None and isinstance(entry, Event) and entry.key is not None:
        return entry.fingerprint()
    return mark


def claim_bulk(tx: Transaction) -> Claims:
    """One piece of the bulk lane."""
    return _claim(tx, 1, SQL["claim_bulk"], {})


def _claim(tx: Transaction, lane: int, query: str, values: dict[str, int]) -> Claims:
    (found,) = tx.db.execute(query, values).fetchone()
    try:
        rows: Sequence[_Row] = _decode_rows(found)
    except ValueError:  # some row is not even text: go on with the first one, whichever that is
        rows = tx.db.execute(SQL["claim_first"], (lane,)).fetchall()
    return Claims(lane, [_read(row) for row in sorted(rows, key=itemgetter(0))])


def _read(row: _Row) -> Claim:
    seq, rest, mark, recipients, body = row
    try:
        entry = _decode_entry(body)
        if recipients is not None:
            entry = msgspec.structs.replace(entry, recipients=_decode_recipients(recipients))
        if isinstance(mark, bytes):
            mark = mark.decode("ascii", "replace")
        mark = _mark(entry, mark)
    except (ValueError, TypeError) as error:
        return Claim(seq, error, None, 0)
    return Claim(seq, entry, mark, rest)


def unclaim(tx: Transaction, claims: Claims, upto: int) -> None:
    """Delete what was applied or buried."""
    tx.db.execute(SQL["unclaim"], (claims.lane, claims.found[0].seq, upto))


def withdraw_bulk(
    tx: Transaction, seq: int, about: str, recipients: tuple[str, ...] | None
) -> None:
    """Keep earlier pieces in the bulk lane from coming after their retraction."""
    only = None if recipients is None else msgspec.json.encode(recipients).decode()
    tx.db.execute(SQL["withdraw_bulk"], {"seq": seq, "about": about, "only": only})


def dead_letter(tx: Transaction, seq: int, error: Exception) -> None:
    """Set a row aside with the reason; it never stalls the others and is never dropped."""
    reason = f"{type(error).__name__}: {error}"[:_MAX_ERROR]
    tx.db.execute(SQL["bury"], (reason, tx.now, seq))
