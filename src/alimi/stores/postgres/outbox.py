"""Entries on their way into the outbox: the rows they become."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from alimi.model import Entry, Event, Retraction, event_id, now_ms

#: An event to more recipients goes to the bulk lane, where it does not hold up the others.
BULK = 1000
#: Recipients in one row of the bulk lane.
PIECE = 500
#: Between recipients, which hold no control characters: the one form that every driver can pass.
SEPARATOR = "\x1f"


class Row(NamedTuple):
    """One row of the outbox, as parameters."""

    part: int
    lane: int
    size: int
    rest: int
    type: str
    event_id: str
    key: str | None
    fingerprint: str | None
    recorded_at: int
    recipients: str | None
    kind: str | None
    category: str | None
    about: str | None
    created_at: int
    expires_at: int | None
    content: str | None


class Prepared(msgspec.Struct, frozen=True):
    """An entry as rows: encoded before a connection is taken."""

    id: str
    rows: list[Row]
    key: str | None = None
    fingerprint: str | None = None


def part_of(recipient: str, partitions: int) -> int:
    """Which partition an inbox belongs to; `alimi_part()` computes the same."""
    if partitions == 1:
        return 0
    return int.from_bytes(hashlib.md5(recipient.encode()).digest()[:4]) % partitions  # noqa: S324


def prepare(entries: Sequence[Entry], partitions: int = 1) -> list[Prepared]:
    """Encode; what cannot be encoded raises here, in the caller's face."""
    now = now_ms()
    return [_prepare(entry, now, partitions) for entry in entries]


def _prepare(entry: Entry, now: int, partitions: int) -> Prepared:
    if not isinstance(entry, Event):
        return _prepare_other(entry, now, partitions)
    fingerprint = None if entry.key is None else entry.fingerprint()
    content = _json(entry.content)
    rows = []
    for part, recipients in _parted(entry.recipients, partitions):
        first = Row(
            part, 0, len(recipients), 0, "event", entry.id, entry.key, fingerprint, now,
            SEPARATOR.join(recipients), entry.kind, entry.category, entry.about, entry.created_at,
            entry.expires_at, content,
        )  # fmt: skip
        rows += [first] if len(recipients) <= BULK else _pieces(first, recipients)
    return Prepared(entry.id, rows, entry.key, fingerprint)


def _prepare_other(entry: Entry, now: int, partitions: int) -> Prepared:
    """A retraction or a signal."""
    made = event_id(now=now)
    if isinstance(entry, Retraction):
        row = Row(
            0, 0, 1, 0, "retract", made, None, None, now, None, None, None, entry.about,
            entry.created_at, None, None,
        )  # fmt: skip
        if entry.recipients is None:
            return Prepared(made, [row._replace(part=part) for part in range(partitions)])
        parted = _parted(entry.recipients, partitions)
        return Prepared(
            made, [row._replace(part=part, recipients=SEPARATOR.join(to)) for part, to in parted]
        )
    assert not isinstance(entry, Event)  # noqa: S101 - narrows the type
    row = Row(
        0, 0, 1, 0, "signal", made, None, None, now, SEPARATOR.join(entry.recipients), entry.name,
        None, None, now, None, _json(entry.data),
    )  # fmt: skip
    return Prepared(made, [row])


def _parted(recipients: Sequence[str], partitions: int) -> list[tuple[int, Sequence[str]]]:
    """Recipients by partition; one of nobody is still one, so that its key is remembered."""
    if partitions == 1 or not recipients:
        return [(0, recipients)]
    parts: dict[int, list[str]] = {}
    for recipient in recipients:
        parts.setdefault(part_of(recipient, partitions), []).append(recipient)
    return sorted(parts.items())


def _pieces(row: Row, recipients: Sequence[str]) -> list[Row]:
    """Rows of the bulk lane, each applied by itself; only the first claims the key."""
    slices = [recipients[at : at + PIECE] for at in range(0, len(recipients), PIECE)]
    pieces = [row._replace(lane=1, size=len(to), recipients=SEPARATOR.join(to)) for to in slices]
    rest = [each._replace(key=None, fingerprint=None) for each in pieces[1:]]
    return [pieces[0]._replace(rest=len(rest)), *rest]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
