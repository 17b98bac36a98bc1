"""The relay's batch: from the outbox to the inboxes, in one transaction."""

from __future__ import annotations

import sqlite3

import msgspec

from alimi.model import Event, Retraction, Signal
from alimi.stores.sqlite import claims as outbox
from alimi.stores.sqlite import inboxes
from alimi.stores.sqlite.claims import Claim, Claims
from alimi.stores.sqlite.connections import savepoint
from alimi.stores.sqlite.inboxes import Inbox
from alimi.stores.sqlite.moves import Done, Moves
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.statements import as_json, insert_many
from alimi.stores.sqlite.transaction import Transaction

#: Errors that one entry causes and that it would cause again.  All others (disk full, I/O, a lock)
#: fail the whole batch and leave everything where it was.
DATA_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    TypeError,
    OverflowError,
)
_decode_pairs = msgspec.json.Decoder(list[tuple[str, str]]).decode


def apply(tx: Transaction, limit: int) -> bool:
    """The next entries in order, then one piece of the bulk lane, so that neither starves.

    Answers whether more waits; what was done is noted in the transaction.
    """
    applied = Done()
    _apply_claims(tx, outbox.claim(tx, limit), applied, limit)
    # Claimed only now: a retraction among the above may have taken recipients out of it.
    _apply_claims(tx, outbox.claim_bulk(tx), applied, limit)
    tx.applied.append(applied)
    return bool(tx.db.execute(SQL["waiting"]).fetchone()[0])


def apply_at_once(tx: Transaction, claims: list[Claim], since: int) -> bool:
    """Events in the transaction that records them; False, and nothing done, when one cannot be."""
    try:
        with savepoint(tx.db):
            batch = Batch(tx, claims, len(claims))
            batch.run()
    except DATA_ERRORS:
        return False
    applied = Done(since=since)
    batch.add_to(applied)
    tx.applied.append(applied)
    return True


def _apply_claims(tx: Transaction, claims: Claims, applied: Done, limit: int) -> None:
    if claims.found:
        (since,) = tx.db.execute(SQL["recorded_at"], (claims.found[0].seq,)).fetchone()
        applied.since = since if applied.since is None else min(applied.since, since)
        outbox.unclaim(tx, claims, _together(tx, claims, applied, limit))


def _together(tx: Transaction, claims: Claims, applied: Done, limit: int) -> int:
    """All at once, as nearly always; answers the last row that is done with."""
    try:
        with savepoint(tx.db):
            batch = Batch(tx, claims.found, limit)
            open_claim = batch.run()
    except DATA_ERRORS:
        return _one_by_one(tx, claims, applied, limit)
    batch.add_to(applied)
    return claims.last if open_claim is None else open_claim.seq - 1


def _one_by_one(tx: Transaction, claims: Claims, applied: Done, limit: int) -> int:
    """One of them cannot be applied: find it and set it aside."""
    for claim in claims.found:
        try:
            with savepoint(tx.db):
                batch = Batch(tx, [claim], limit, careful=True)
                open_claim = batch.run()
        except DATA_ERRORS as error:
            outbox.dead_letter(tx, claim.seq, error)
            applied.dead += 1
            continue
        batch.add_to(applied)
        if open_claim is not None:
            return claim.seq - 1
    return claims.last


class Batch:
    """Entries of one transaction and what they have done to the inboxes so far."""

    def __init__(
        self, tx: Transaction, claims: list[Claim], limit: int, *, careful: bool = False
    ) -> None:
        self._tx = tx
        self._claims = claims
        self._careful = careful
        self._budget = limit
        self._done = Done()
        self._inboxes: dict[str, Inbox] = {}
        self._heads: dict[str, int] = {}
        self._items: dict[str, list[tuple[int, Event]]] = {}
        self._partial: set[str] = set()
        self._rows: list[tuple[object, ...]] = []
        self._keys: dict[str, str] = {}
        self._new_keys: list[tuple[str, str, str, int]] = []
        self._owners: set[tuple[str, str]] = set()

    def run(self) -> Claim | None:
        """Apply in order; answers the claim that has to go on in the next batch, if one has."""
        events = [each.entry for each in self._claims if isinstance(each.entry, Event)]
        self._load({recipient for event in events for recipient in event.recipients})
        self._load_keys([event.key for event in events if event.key is not None])
        self._load_owners([each for each in events if self._careful or each.key is not None])
        for claim in self._claims:
            match claim.entry:
                case Event() as event:
                    self._event(claim, event)
                case Retraction() as retraction:
                    if not self._retract(claim.seq, retraction):
                        return claim
                case Signal() as signal:
                    self._done.signals.append(signal)
                case Exception() as error:
                    outbox.dead_letter(self._tx, claim.seq, error)
                    self._done.dead += 1
                    continue
            self._done.entries += 1
        self._flush()
        return None

    def add_to(self, applied: Done) -> None:
        """Tell what was done, once the savepoint is released."""
        applied.add(self._done)
        applied.moves.append(
            Moves(self._tx.epoch, self._inboxes, self._heads, self._items, self._partial)
        )

    def _load(self, recipients: set[str]) -> None:
        found = inboxes.load(self._tx.db, recipients) if recipients else {}
        for recipient in recipients:
            inbox = found.get(recipient)
            if inbox is None:
                inbox = Inbox(recipient)
            self._inboxes[recipient] = inbox
            self._heads.setdefault(recipient, inbox.version)
            self._items.setdefault(recipient, [])

    def _load_keys(self, keys: list[str]) -> None:
        if keys:
            (found,) = self._tx.db.execute(SQL["known_keys"], (as_json(keys),)).fetchone()
            self._keys.update(msgspec.json.decode(found))

    def _load_owners(self, events: list[Event]) -> None:
        """Who has these notifications already, though their keys may be forgotten."""
        if events:
            pairs = [(event.id, recipient) for event in events for recipient in event.recipients]
            (found,) = self._tx.db.execute(SQL["owners"], (as_json(pairs),)).fetchone()
            self._owners.update(_decode_pairs(found))

    def _event(self, claim: Claim, event: Event) -> None:
        if event.key is not None and not self._first_use(claim, event, event.key):
            return
        if event.expires_at is not None and event.expires_at <= self._tx.now:
            return
        recipients: tuple[str, ...] = event.recipients
        if self._careful:
            recipients = tuple(dict.fromkeys(recipients))
        if self._careful or event.key is not None:
            wanted = len(recipients)
            recipients = tuple(r for r in recipients if (event.id, r) not in self._owners)
            self._done.repeated += wanted - len(recipients)
        self._insert(event, recipients, claim.content)

    def _first_use(self, claim: Claim, event: Event, key: str) -> bool:
        """Whether this event may use its key; a piece that follows another had it checked then."""
        fingerprint = claim.fingerprint or ""
        known = self._keys.get(key)
        if known is None:
            self._keys[key] = fingerprint
            self._new_keys.append((key, event.id, fingerprint, self._tx.now))
            return True
        if known == fingerprint:
            self._done.repeated += 1
        else:
            self._done.conflicts += 1
        if claim.rest:
            self._tx.db.execute(SQL["unclaim"], (1, claim.seq + 1, claim.seq + claim.rest))
        return False

    def _insert(self, event: Event, recipients: tuple[str, ...], content: str | None) -> None:
        if content is None:
            content = msgspec.json.encode(event.content).decode()
        name, kind, category, created = event.id, event.kind, event.category, event.created_at
        tail = (created, event.expires_at, kind, category, event.about, content)
        for recipient in recipients:
            inbox = self._inboxes[recipient]
            v = inbox.version = inbox.version + 1
            inbox.unread += 1
            inbox.unseen += 1
            inbox.kept += 1
            self._rows.append((recipient, name, v, v, v, *tail))
            self._items[recipient].append((v, event))
        self._done.notifications += len(recipients)

    def _flush(self) -> None:
        """Write what was collected; before a retraction, because that reads it."""
        db = self._tx.db
        if self._rows:
            insert_many(db, "insert", self._rows)
            self._rows = []
            inboxes.save(db, self._moved())
        if self._new_keys:
            insert_many(db, "remember_key", self._new_keys)
            self._new_keys = []

    def _moved(self) -> list[Inbox]:
        heads = self._heads
        return [each for each in self._inboxes.values() if each.version != heads[each.recipient]]

    def _retract(self, seq: int, retraction: Retraction) -> bool:
        """Withdraw a bounded number of rows; False when more remain for the next batch.

        Entries behind it then wait: a later event about the same matter must not be withdrawn.
        """
        outbox.withdraw_bulk(self._tx, seq, retraction.about, retraction.recipients)
        self._flush()
        rows = self._unread_about(retraction, self._budget + 1)
        finished = len(rows) <= self._budget
        rows = rows[: self._budget]
        self._budget = max(1, self._budget - len(rows))
        fresh = {recipient for _, recipient in rows} - self._inboxes.keys()
        self._load(fresh)
        for inbox in inboxes.bury_rows(self._tx.db, self._tx.now, rows):
            self._inboxes[inbox.recipient] = inbox
            self._partial.add(inbox.recipient)
        return finished

    def _unread_about(self, retraction: Retraction, limit: int) -> list[tuple[int, str]]:
        db, about = self._tx.db, retraction.about
        if retraction.recipients is None:
            (found,) = db.execute(SQL["unread_about"], (about, limit)).fetchone()
        else:
            wanted = as_json(retraction.recipients)
            (found,) = db.execute(SQL["unread_about_of"], (about, wanted, limit)).fetchone()
        return inboxes.decode_rows(found)
