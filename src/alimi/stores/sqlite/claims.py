"""Claiming: the oldest entries of the outbox, decoded, until they are applied or buried."""

from __future__ import annotations

from typing import Any

import msgspec

from alimi.model import Entry, Event
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import Transaction

_decode_entry = msgspec.json.Decoder(Entry).decode
_decode_recipients = msgspec.json.Decoder(tuple[str, ...]).decode
#: How much of an error a dead letter keeps.
_MAX_ERROR = 2000


class Claim(msgspec.Struct, frozen=True):
    """One row of the outbox, or why it cannot be read; `rest` rows of its event follow it."""

    seq: int
    entry: Entry | Exception
    fingerprint: str | None
    rest: int


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
    claims, total = Claims(0), 0
    for row in tx.db.execute(SQL["claim"], (limit,)).fetchall():
        total += max(1, row[1])
        if total > limit and claims.found:
            break
        claims.found.append(_read(row))
    return claims


def claim_bulk(tx: Transaction) -> Claims:
    """One piece of the bulk lane."""
    row = tx.db.execute(SQL["claim_bulk"]).fetchone()
    return Claims(1, [] if row is None else [_read(row)])


def _read(row: tuple[Any, ...]) -> Claim:
    seq, _, rest, fingerprint, recipients, body = row
    try:
        entry = _decode_entry(body)
        if recipients is not None:
            entry = msgspec.structs.replace(entry, recipients=_decode_recipients(recipients))
        if isinstance(entry, Event) and entry.key is not None and fingerprint is None:
            fingerprint = entry.fingerprint().encode()
        mark = None if fingerprint is None else fingerprint.decode("ascii", "replace")
    except (ValueError, TypeError) as error:
        return Claim(seq, error, None, 0)
    return Claim(seq, entry, mark, rest)


def unclaim(tx: Transaction, claims: Claims, upto: int) -> None:
    """Delete what was applied or buried."""
    tx.db.execute(SQL["unclaim"], (claims.lane, claims.found[0].seq, upto))


def dead_letter(tx: Transaction, seq: int, error: Exception) -> None:
    """Set a row aside with the reason; it never stalls the others and is never dropped."""
    reason = f"{type(error).__name__}: {error}"[:_MAX_ERROR]
    tx.db.execute(SQL["bury"], (reason, tx.now, seq))
