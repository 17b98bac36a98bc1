"""What an outbox row holds: events, retractions and signals."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

#: A key is stored for days and indexed.
MAX_KEY = 256


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """An actor, object or target as it was when the event happened."""

    id: str
    name: str | None = None
    image: str | None = None
    url: str | None = None


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
