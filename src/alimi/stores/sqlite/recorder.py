"""Recording: the keys that entries claim, and where the entries go.

Entries go into the outbox.  But an event that would find the outbox empty is applied in the very
transaction that records it: nothing waits that it could overtake, one fsync does for both, and it
is neither written to the outbox nor read from there.  See docs/design/recording.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from alimi.model import Event, Receipt
from alimi.stores.sqlite.apply import apply_at_once
from alimi.stores.sqlite.claims import Claim
from alimi.stores.sqlite.news import News
from alimi.stores.sqlite.outbox import Prepared
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json, insert_many
from alimi.stores.sqlite.transaction import Transaction

#: Who used a key, and for which body.
Use = tuple[str, str | None]
_decode_uses = msgspec.json.Decoder(list[tuple[str, str, str | None]]).decode


class Recorder:
    """Writes what several callers bring, in order; up to `at_once` notifications to their inboxes.

    Never at once while `news` is full: then nobody fetches it, or not fast enough.
    """

    def __init__(self, at_once: int, news: News) -> None:
        self._at_once = at_once
        self._news = news

    def append(self, tx: Transaction, loads: Sequence[Sequence[Prepared]]) -> list[list[Receipt]]:
        """All but what has a key that was used before."""
        keys = [each.key for load in loads for each in load if each.key is not None]
        used = _used(tx, keys) if keys else {}
        fresh: list[Prepared] = []
        receipts = [[_take(each, used, fresh) for each in load] for load in loads]
        done = self._applied(tx, fresh)
        insert_many(tx.db, "record", [row for each in fresh[done:] for row in each.rows])
        return receipts

    def _applied(self, tx: Transaction, fresh: Sequence[Prepared]) -> int:
        """How many of these, from the first on, are in their inboxes now."""
        count = 0 if self._news.full else self._fitting(fresh)
        if count == 0 or tx.db.execute(SQL["waiting"]).fetchone()[0]:
            return 0
        claims = [Claim(0, each.entry, each.fingerprint, 0, each.content) for each in fresh[:count]]
        return count if apply_at_once(tx, claims, fresh[0].recorded_at) else 0

    def _fitting(self, fresh: Sequence[Prepared]) -> int:
        """How many of these, from the first on, are events of a bounded size together."""
        room = self._at_once
        for count, each in enumerate(fresh):
            if not isinstance(each.entry, Event):
                return count
            room -= each.size
            if room < 0:
                return count
        return len(fresh)


def _used(tx: Transaction, keys: list[str]) -> dict[str, Use]:
    (found,) = tx.db.execute(SQL["used_keys"], {"keys": as_json(keys)}).fetchone()
    return {key: (used_by, fingerprint) for key, used_by, fingerprint in _decode_uses(found)}


def _take(entry: Prepared, used: dict[str, Use], fresh: list[Prepared]) -> Receipt:
    if entry.key is not None:
        use = used.get(entry.key)
        if use is not None:
            return Receipt(use[0], "repeated" if use[1] == entry.fingerprint else "conflict")
        used[entry.key] = (entry.id, entry.fingerprint)
    fresh.append(entry)
    return Receipt(entry.id)
