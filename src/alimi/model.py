"""The values that travel through Alimi: frozen, no I/O.

Times are integers, milliseconds since 1970 UTC; they become RFC 3339 only at the edge (`alimi.sse`,
`alimi.web`).  Versions are one inbox's change numbers and start at 1; 0 is "before everything".

What exists by the thousand has `gc=False`: nothing in it can lead back to it, so the garbage
collector need not look at it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from alimi.errors import InvalidCursor, InvalidIdentity, InvalidInput, InvalidRecipient

#: Long enough for a UUID, an e-mail address or a URN; short enough for an index key.
MAX_RECIPIENT = 128
#: A key is stored for days and indexed.
MAX_KEY = 256
MAX_CURSOR = 64
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CURSOR = re.compile(r"([A-Za-z0-9_-]{1,32})\.([0-9]{1,18})")

Action = Literal["read", "unread", "archive", "unarchive", "delete", "seen"]


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def event_id(key: str | None = None, now: int | None = None) -> str:
    """A UUID: version 7 (rising with time), or version 8 that follows from `key` alone."""
    if key is None:
        return _uuid(f"{now_ms() if now is None else now:012x}{_random_digits()}", "7")
    return _uuid(hashlib.sha256(b"alimi.key\0" + key.encode()).hexdigest(), "8")


def _uuid(digits: str, version: str) -> str:
    variant = _VARIANT[digits[16]]
    return (
        f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}"
        f"-{variant}{digits[17:20]}-{digits[20:32]}"
    )


#: The first two bits of the ninth byte are 1 and 0.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
#: Random digits for some hundred ids: to ask the system for each id took a fifth of an event.
_random: list[str] = []
# A child must not give the ids that its parent gives.
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_random.clear)


def _random_digits() -> str:
    """Twenty hexadecimal digits; taking one from a list is safe in every thread."""
    while True:
        try:
            return _random.pop()
        except IndexError:
            digits = os.urandom(5_120).hex()
            _random.extend(digits[at : at + 20] for at in range(0, len(digits), 20))


def normalise_recipient(value: object) -> str:
    """The one door for recipient ids.

    Raises InvalidRecipient for a bool (a bug in the caller, never a user), anything but int or str,
    an empty or over-long string, control characters and lone surrogates.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidRecipient(f"a recipient is an int or a str, not {_stranger(value)}")
    recipient = str(value)
    if type(value) is int and len(recipient) <= MAX_RECIPIENT:
        return recipient
    if not recipient or len(recipient) > MAX_RECIPIENT or not is_clean(recipient):
        raise InvalidRecipient
    return recipient


def _stranger(value: object) -> str:
    """The type of what is no recipient, and what to do about it where something can be done."""
    given = type(value).__name__
    if value is None or isinstance(value, (bool, bytes, Mapping)):
        return given
    return f"{given}; pass str(value), or its id"


def normalise_recipients(to: object) -> tuple[str, ...]:
    """One recipient, several, or None (nobody); duplicates count once, order is kept."""
    if to is None:
        return ()
    if isinstance(to, (str, int)):
        return (normalise_recipient(to),)
    if isinstance(to, (bytes, Mapping)) or not isinstance(to, Iterable):
        raise InvalidRecipient(f"to= takes a recipient or several, not {_stranger(to)}")
    return tuple(dict.fromkeys(normalise_recipient(each) for each in to))


def bounded_text(value: object, what: str, limit: int) -> str:
    """A short string without control characters; raises InvalidInput naming `what`."""
    if not isinstance(value, str) or not 0 < len(value) <= limit or not is_clean(value):
        raise InvalidInput(f"{what} is a string of 1 to {limit} characters, without line breaks")
    return value


def is_clean(text: str) -> bool:
    """No control characters, and encodable as UTF-8."""
    if text.isprintable():  # as nearly always; it implies both
        return True
    if _CONTROL.search(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """An actor, object or target as it was when the event happened."""

    id: str
    name: str | None = None
    image: str | None = None
    url: str | None = None


class Identity(msgspec.Struct, frozen=True):
    """What `who(request)` answers: whose inbox, in which language, under which session.

    `session` names the login, so that `end_streams(recipient, session=…)` ends only its streams.
    `expires_at` (ms) ends streams when the login does.
    """

    recipient: str
    locale: str | None = None
    session: str | None = None
    expires_at: int | None = None

    def __post_init__(self) -> None:
        """Raises InvalidIdentity for a field of another type: it would fail later, far from here.

        The recipient goes through its own door in `of`.
        """
        for name, value in (("locale", self.locale), ("session", self.session)):
            given: object = value
            if given is not None and (not isinstance(given, str) or len(given) > MAX_KEY):
                raise InvalidIdentity(f"Identity.{name} is a str of at most {MAX_KEY} characters")
        expires_at: object = self.expires_at
        if expires_at is not None and type(expires_at) is not int:
            raise InvalidIdentity("Identity.expires_at is an int: milliseconds since 1970")

    @classmethod
    def of(cls, answer: object) -> Identity | None:
        """Normalise an answer of `who`; raises InvalidIdentity for what cannot be one."""
        if answer is None:
            return None
        if isinstance(answer, Identity):
            return msgspec.structs.replace(answer, recipient=normalise_recipient(answer.recipient))
        if isinstance(answer, bool) or not isinstance(answer, (str, int)):
            raise InvalidIdentity(
                f"who() must answer a str, an int, an Identity or None, not {type(answer).__name__}"
            )
        return cls(normalise_recipient(answer))


class Content(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a notification says; shared by all recipients of one event."""

    texts: dict[str, str]
    url: str | None = None
    actor: Snapshot | None = None
    object: Snapshot | None = None
    target: Snapshot | None = None
    data: dict[str, Any] = {}


class Event(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type", tag="event"
):
    """A fact in the application and whom it concerns; texts are already rendered.

    `expires_by_kind` says that nobody chose `expires_at`: it followed from the kind and the moment.
    """

    id: str
    kind: str
    category: str
    content: Content
    created_at: int
    recipients: tuple[str, ...] = ()
    key: str | None = None
    about: str | None = None
    expires_at: int | None = None
    expires_by_kind: bool = False

    def fingerprint(self) -> str:
        """What "the same body" means for a repeated key: what the caller said.

        So neither the id nor the moment, nor what follows from it, nor the order of recipients,
        which of a set or a query is another each time.
        """
        same = msgspec.structs.replace(
            self,
            id="",
            created_at=0,
            recipients=tuple(sorted(self.recipients)),
            expires_at=None if self.expires_by_kind else self.expires_at,
            expires_by_kind=False,
        )
        return hashlib.sha256(msgspec.json.encode(same, order="deterministic")).hexdigest()[:32]


class Retraction(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="retract"):
    """Withdraw what is still unread about a matter; `recipients` None means everybody's."""

    about: str
    created_at: int
    recipients: tuple[str, ...] | None = None


class Signal(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="signal"):
    """A transient hint to open streams of the named recipients; stored only on its way."""

    name: str
    recipients: tuple[str, ...] = ()
    data: Any = None


#: What an outbox row holds.
Entry = Event | Retraction | Signal


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one entry; `conflict`: its key had another body, nothing was recorded."""

    id: str
    status: Literal["recorded", "repeated", "conflict"] = "recorded"


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Live rows only: not archived, not deleted, not expired."""

    unread: int = 0
    unseen: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """A position in one inbox of one store: `<tag>.<version>`, the `id:` of the stream."""

    tag: str
    version: int

    def __str__(self) -> str:
        return f"{self.tag}.{self.version}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises InvalidCursor when `text` is not shaped like a cursor."""
        match = _CURSOR.fullmatch(text) if len(text) <= MAX_CURSOR else None
        if match is None:
            raise InvalidCursor
        return cls(match[1], int(match[2]))


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


class Hint(msgspec.Struct, frozen=True, gc=False, tag="hint"):
    """This inbox has reached this version; carries no content (G9)."""

    recipient: str
    version: int


class HangUp(msgspec.Struct, frozen=True, tag="hangup"):
    """End the recipient's streams; with `session`, only those of that login."""

    recipient: str
    session: str | None = None


class SignalTo(msgspec.Struct, frozen=True, tag="signal"):
    """A signal for one recipient, on the bus."""

    recipient: str
    name: str
    data: Any = None


#: What a bus carries, each addressed to one recipient.
BusMessage = Hint | SignalTo | HangUp


#: Beyond it nobody needs the exact number, and counting would cost.
MAX_WAITING = 10_000


class Waiting(msgspec.Struct, frozen=True):
    """The outbox: how many entries wait, MAX_WAITING at most, and when the first was recorded."""

    entries: int = 0
    since: int | None = None


class Applied(msgspec.Struct):
    """What one batch of the relay did.

    `changes` are complete (their items are all there is between `after` and `upto`), ready for the
    node's own hub; `hints` name every inbox that moved; `since` is when the first entry of the
    batch was recorded.  `elsewhere`: others have changed inboxes, which no bus may tell of.
    """

    entries: int = 0
    notifications: int = 0
    repeated: int = 0
    conflicts: int = 0
    dead: int = 0
    changes: list[Changes] = []
    hints: list[Hint] = []
    signals: list[Signal] = []
    more: bool = False
    since: int | None = None
    elsewhere: bool = False


class Positions(msgspec.Struct, frozen=True):
    """Heads of inboxes from one snapshot; an inbox without rows has head 0."""

    epoch: str
    heads: dict[str, int]

    @property
    def identity(self) -> str:
        """What of the epoch a fail-over keeps; the rest follows a dot."""
        return self.epoch.partition(".")[0]


class Retention(msgspec.Struct, frozen=True):
    """How long things are kept; days, and rows per inbox.  None keeps for ever.

    A tombstone must outlive the longest absence that should end without a `reset`.
    """

    days: int | None = 365
    rows: int | None = 10_000
    tombstone_days: int = 30
    key_days: int = 30


class Swept(msgspec.Struct):
    """What one step of the sweeper did; `more` asks for another step soon."""

    expired: int = 0
    retired: int = 0
    pruned: int = 0
    hints: list[Hint] = []
    more: bool = False
