"""The sweeper's step: passing time becomes changes with versions."""

from __future__ import annotations

import msgspec

from alimi.model import Hint, Retention, Swept
from alimi.stores.sqlite import inboxes
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json
from alimi.stores.sqlite.transaction import Transaction

_DAY = 86_400_000
#: Inbox rows looked at in one step to find those with too many notifications; 0.5 ms.
_STRETCH = 5000


class Roll:
    """Where the search for crowded inboxes goes on; it passes over all of them again and again."""

    def __init__(self) -> None:
        self.after = ""


def sweep(tx: Transaction, now: int, retention: Retention, limit: int, roll: Roll) -> Swept:
    """One step: at most `limit` rows of each sort."""
    step = Step(tx, now, limit)
    expired = step.bury_before("expired", now + 1)
    retired = 0
    if retention.days is not None:
        retired = step.bury_before("aged", now - retention.days * _DAY)
    if retention.rows is not None:
        retired += step.thin_out(retention.rows, roll)
    pruned = step.prune(now - retention.tombstone_days * _DAY)
    step.forget_keys(now - retention.key_days * _DAY)
    return Swept(expired, retired, pruned, tuple(step.hints), step.more)


class Step:
    """One bounded step inside one transaction: the inboxes it moved, and whether more waits."""

    def __init__(self, tx: Transaction, now: int, limit: int) -> None:
        self._db = tx.db
        self._now = now
        self._limit = limit
        self.hints: list[Hint] = []
        self.more = False

    def bury_before(self, query: str, moment: int) -> int:
        """Bury what a query finds that lies before a moment."""
        (found,) = self._db.execute(SQL[query], (moment, self._limit)).fetchone()
        rows = inboxes.decode_rows(found)
        self._bury(rows)
        return self._full(len(rows))

    def thin_out(self, rows: int, roll: Roll) -> int:
        """Retire the oldest rows of crowded inboxes in one stretch of them."""
        asked = {"rows": rows, "after": roll.after, "limit": _STRETCH}
        looked_at, last, crowded = self._db.execute(SQL["stretch"], asked).fetchone()
        retired = 0
        for recipient, kept in msgspec.json.decode(crowded or "[]"):
            retired += self._retire(recipient, min(kept - rows, self._limit - retired))
            if retired >= self._limit:
                return self._full(retired)
        self.more |= looked_at == _STRETCH
        roll.after = last if looked_at == _STRETCH else ""
        return retired

    def prune(self, moment: int) -> int:
        """Remove old tombstones and lift the floors, so that who read before them starts anew."""
        (found,) = self._db.execute(SQL["old_tombstones"], (moment, self._limit)).fetchone()
        rows = msgspec.json.decode(found)
        if rows:
            highest: dict[str, int] = {}
            for _, recipient, version in rows:
                highest[recipient] = max(version, highest.get(recipient, 0))
            self._db.execute(SQL["remove"], (as_json([row[0] for row in rows]),))
            self._lift_floors(highest)
        return self._full(len(rows))

    def forget_keys(self, moment: int) -> None:
        """Old keys may be used again, once no row bears their event's id."""
        old, kept = map(
            msgspec.json.decode, self._db.execute(SQL["old_keys"], (moment, self._limit)).fetchone()
        )
        if kept:
            self._db.execute(SQL["keep_keys"], (self._now, as_json(kept)))
        if len(old) > len(kept):
            self._db.execute(SQL["forget_keys"], (as_json(list(set(old).difference(kept))),))
        self._full(len(old))

    def _retire(self, recipient: str, count: int) -> int:
        (found,) = self._db.execute(SQL["oldest"], (recipient, count)).fetchone()
        oldest = msgspec.json.decode(found)
        self._bury([(rowid, recipient) for rowid in oldest])
        return len(oldest)

    def _bury(self, rows: list[tuple[int, str]]) -> None:
        moved = inboxes.bury_rows(self._db, self._now, rows)
        self.hints += [Hint(inbox.recipient, inbox.version) for inbox in moved]

    def _lift_floors(self, highest: dict[str, int]) -> None:
        found = inboxes.load(self._db, highest)
        for recipient, inbox in found.items():
            inbox.floor = max(inbox.floor, highest[recipient])
            self._db.execute(SQL["forget_seen"], {"recipient": recipient})
        inboxes.save(self._db, found.values())

    def _full(self, count: int) -> int:
        self.more |= count >= self._limit
        return count
