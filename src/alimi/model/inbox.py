"""What an inbox holds and how it is asked: rows, changes, pages and marks."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Literal

import msgspec

from alimi.errors import InvalidCursor, InvalidInput
from alimi.model.entries import Content, Snapshot

MAX_CURSOR = 64
_CURSOR = re.compile(r"([A-Za-z0-9_-]{1,32})\.([0-9]{1,18})(?:\.([0-9]{1,18}))?")

Action = Literal["read", "unread", "archive", "unarchive", "delete", "seen"]


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Live rows only: not archived, not deleted, not expired."""

    unread: int = 0
    unseen: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """A position in one inbox of one store: `<tag>.<version>`, the `id:` of the stream.

    In the middle of a replay it is `<tag>.<version>.<base>`: every change up to `version` was told,
    but of the rows that were born after `base` some may not have been shown yet.
    """

    tag: str
    version: int
    base: int | None = None

    def __str__(self) -> str:
        place = f"{self.tag}.{self.version}"
        return place if self.base is None else f"{place}.{self.base}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises InvalidCursor when `text` is not shaped like a cursor."""
        match = _CURSOR.fullmatch(text) if len(text) <= MAX_CURSOR else None
        if match is None:
            raise InvalidCursor
        cursor = cls(match[1], int(match[2]), None if match[3] is None else int(match[3]))
        if cursor.base is not None and cursor.base >= cursor.version:
            raise InvalidCursor
        return cursor


def cursor_tag(epoch: str, recipient: str) -> str:
    """Eight characters that make a cursor worthless in another store or another inbox (G7)."""
    digest = hashlib.blake2b(f"{epoch}\0{recipient}".encode(), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


class Notification(msgspec.Struct, frozen=True, gc=False):
    """One row in one recipient's inbox, as one snapshot of the store saw it.

    `version` is the row's last change, `born` its creation, `content_version` its last new content.
    A tombstone has `deleted` set and empty content.
    """

    id: str
    version: int
    born: int
    content_version: int
    kind: str
    category: str
    content: Content
    created_at: int
    seen_at: int | None = None
    read_at: int | None = None
    archived_at: int | None = None
    expires_at: int | None = None
    deleted: bool = False

    @property
    def texts(self) -> dict[str, str]:
        """What a person reads, by locale; the first is the default."""
        return self.content.texts

    @property
    def url(self) -> str | None:
        """Where a click leads."""
        return self.content.url

    @property
    def actor(self) -> Snapshot | None:
        """Who did it."""
        return self.content.actor

    @property
    def object(self) -> Snapshot | None:
        """What it was done to."""
        return self.content.object

    @property
    def target(self) -> Snapshot | None:
        """Inside what."""
        return self.content.target

    @property
    def data(self) -> dict[str, Any]:
        """What else the application said."""
        return self.content.data


class BulkChange(msgspec.Struct, frozen=True, gc=False):
    """More rows than a page holds that changed in one version: told as a whole.

    `upto` is their highest content version.  `born` is the highest among those not deleted: a
    reader who knows less has never seen such rows.
    """

    version: int
    upto: int
    born: int = 0


class Changes(msgspec.Struct, frozen=True, gc=False):
    """What changed in one inbox after a position, from one snapshot.

    `items` rise by version and never cut a version in two.  `upto` is the position they lead to
    (the head, unless `more`).  `after` None asked only for the head.  When `after` lies below
    `floor` or above `head` there are no items and the reader has to start anew.
    `seen_version` is the version at which the seen watermark last moved.
    """

    recipient: str
    tag: str
    after: int | None
    upto: int
    head: int
    floor: int
    seen_upto: int
    seen_version: int
    counts: Counts
    items: tuple[Notification | BulkChange, ...] = ()
    more: bool = False


class PageQuery(msgspec.Struct, frozen=True):
    """Which rows of an inbox; newest content first.  `before` is exclusive (a content version).

    `ids` names rows outright, archived or not; no other filter and no limit applies then.
    """

    limit: int = 50
    before: int | None = None
    unread: bool = False
    archived: bool = False
    category: str | None = None
    ids: tuple[str, ...] | None = None


class Page(msgspec.Struct, frozen=True):
    """One page and, from the same snapshot, the counts and the head a stream may begin at."""

    items: tuple[Notification, ...]
    next: int | None
    counts: Counts
    head: int
    tag: str

    @property
    def cursor(self) -> Cursor:
        """Where a stream may begin."""
        return Cursor(self.tag, self.head)

    @property
    def next_cursor(self) -> str | None:
        """What the next page is asked for with, as `after`; None at the end."""
        return None if self.next is None else str(Cursor(self.tag, self.next))


class Mark(msgspec.Struct, frozen=True):
    """One change to many rows: by `ids`, by everything `upto` a content version, or `at` a version.

    `at` means the rows whose last change is exactly that version, and so it is undo: it touches
    what that mark changed and nobody changed since.
    """

    action: Action
    ids: tuple[str, ...] | None = None
    upto: int | None = None
    at: int | None = None

    def __post_init__(self) -> None:
        targets = [t for t in (self.ids, self.upto, self.at) if t is not None]
        if len(targets) != 1:
            raise InvalidInput("a mark takes exactly one of ids, upto and at")
        if self.action == "seen" and self.upto is None:
            raise InvalidInput("seen is a watermark: it takes upto")


class Marked(msgspec.Struct, frozen=True):
    """What a mark changed: `count` rows under `version`; `ids` names up to 100 of them."""

    version: int
    count: int
    ids: tuple[str, ...]
    counts: Counts
    tag: str

    @property
    def cursor(self) -> Cursor:
        """The inbox's position after the mark."""
        return Cursor(self.tag, self.version)
