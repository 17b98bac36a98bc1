"""The JSON that the inbox and events APIs take and give.

Bodies refuse fields that they do not know: a misspelt flag must not be a silent nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from alimi.inbox import MAX_IDS, MAX_PAGE
from alimi.model import MAX_CURSOR, MAX_KEY, MAX_RECIPIENT, Action
from alimi.views import NotificationView

#: One request, one transaction, one answer that a caller can still read.
MAX_EVENTS = 1_000

_Version = Annotated[int, Meta(ge=0, lt=2**62)]
_CursorText = Annotated[str, Meta(max_length=MAX_CURSOR)]
_Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x00-\x7f]*$")]
_Ids = Annotated[list[_Id], Meta(min_length=1, max_length=MAX_IDS)]
#: No control characters; the same rule as `alimi.model.is_clean`.
_CLEAN = r"^[^\x00-\x1f\x7f]*$"
_Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY, pattern=_CLEAN)]
#: Told here, checked by `normalise_recipients`: a real `pattern` beside a list in one union makes
#: msgspec 0.22 free what is not its own, and the process dies when it ends.
_Recipient = (
    Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_RECIPIENT,
            extra_json_schema={"pattern": _CLEAN},
        ),
    ]
    | int
)
_Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$")]
_Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
_Recipients = _Recipient | list[_Recipient]


class InboxQuery(Struct, frozen=True):
    """Which page of the inbox."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE, description="How many at most.")] = 50
    after: (
        Annotated[str, Meta(max_length=MAX_CURSOR, description="`next` of the page before.")]
        | UnsetType
    ) = UNSET
    unread: Annotated[bool, Meta(description="Only unread ones.")] = False
    archived: Annotated[
        bool, Meta(description="Only archived ones; otherwise only those that are not.")
    ] = False
    category: (
        Annotated[str, Meta(max_length=100, description="Only this category.")] | UnsetType
    ) = UNSET


class InboxPage(Struct, frozen=True):
    """A page, and from the same snapshot the counts and where a stream may begin."""

    items: list[NotificationView]
    next: Annotated[str | None, Meta(description="`after` of the next page; null at the end.")]
    unread: int
    unseen: int
    cursor: Annotated[str, Meta(examples=["7fQ2abcd.43"])]


class InboxCounts(Struct, frozen=True):
    """The badge."""

    unread: int
    unseen: int
    cursor: Annotated[str, Meta(examples=["7fQ2abcd.43"])]


class NotificationChange(Struct, frozen=True, forbid_unknown_fields=True):
    """New flags of one notification: one of them at least."""

    read: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class InboxMark(Struct, frozen=True, forbid_unknown_fields=True):
    """An action and exactly one of `ids`, `upto` and `at`; `seen` takes only `upto`."""

    action: Action
    ids: _Ids | UnsetType = UNSET
    upto: (
        Annotated[
            _Version | _CursorText,
            Meta(description="Everything whose content is not newer than this version or cursor."),
        ]
        | UnsetType
    ) = UNSET
    at: (
        Annotated[
            _Version | _CursorText,
            Meta(
                description="What was last changed by exactly this version: undo of the mark that "
                "answered it. Its `cursor` undoes nothing in another inbox; a bare number might."
            ),
        ]
        | UnsetType
    ) = UNSET


class InboxMarked(Struct, frozen=True):
    """What a mark changed; `changed` names the first 100, `version` is what `at` undoes."""

    changed: list[str]
    count: int
    version: int
    unread: int
    unseen: int
    cursor: str


class Party(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An actor, object or target, as it is shown."""

    id: str | int
    name: str | None = None
    image: str | None = None
    url: str | None = None


class NewEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of a registered kind, or of any kind with its own `texts` and `category`."""

    kind: Annotated[str, Meta(pattern=r"^[a-z0-9_.-]{1,100}$", examples=["card.assigned"])]
    to: Annotated[_Recipients, Meta(description="A recipient or several.", examples=["2"])]
    texts: (
        Annotated[
            dict[_Locale, _Text],
            Meta(min_length=1, max_length=50, description="By locale; the first is the default."),
        ]
        | UnsetType
    ) = UNSET
    category: Annotated[str, Meta(pattern=r"^[a-z0-9_.-]{1,100}$")] | UnsetType = UNSET
    url: Annotated[str, Meta(description="http(s), or a path.")] | None = None
    actor: Party | str | int | None = None
    object: Party | str | int | None = None
    target: Party | str | int | None = None
    data: dict[str, Any] = {}
    key: Annotated[_Key, Meta(description="One event per key, however often sent.")] | None = None
    about: Annotated[_Key, Meta(description="The matter, for retractions.")] | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


NewEvents: Any = NewEvent | Annotated[list[NewEvent], Meta(min_length=1, max_length=MAX_EVENTS)]


class EventReceipt(Struct, frozen=True):
    """What became of one event."""

    id: str
    status: Literal["recorded", "repeated", "conflict"]


EventReceipts = EventReceipt | list[EventReceipt]


class NewRetraction(Struct, frozen=True, forbid_unknown_fields=True):
    """Withdraw what is still unread about a matter; without `to`, from everybody."""

    about: _Key
    to: _Recipients | UnsetType = UNSET


class NewSignal(Struct, frozen=True, forbid_unknown_fields=True):
    """A transient hint to the open streams of `to`; never stored."""

    to: _Recipients
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=_CLEAN)]
    data: Any = None


class Accepted(Struct, frozen=True):
    """It was taken."""

    status: Literal["accepted"] = "accepted"


class Alive(Struct, frozen=True):
    """The process lives; nothing else is asked."""

    status: Literal["ok"] = "ok"


class Readiness(Struct, frozen=True):
    """Whether a balancer should send anybody here; `degraded` is served."""

    status: Literal["ok", "degraded", "unavailable"]
    reasons: Annotated[
        dict[str, str],
        Meta(description="What is not as it should be, by part; `draining` is a node that stops."),
    ]
    parts: Annotated[
        dict[str, Literal["ok", "degraded", "unavailable"]],
        Meta(description="Each part that was looked at: store, bus and relay at least."),
    ]
    relay_lag_seconds: Annotated[
        float, Meta(description="How long the first entry of the outbox has waited.")
    ] = 0
    outbox_entries: Annotated[int, Meta(description="Entries that wait, 10,000 at most.")] = 0


class ProblemDetails(Struct, frozen=True):
    """RFC 9457."""

    type: Annotated[str, Meta(examples=["urn:alimi:problem:not-found"])]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    field: Annotated[str, Meta(description="Which field or parameter.")] | UnsetType = UNSET
    instance: (
        Annotated[str, Meta(description="The id under which the log tells more.")] | UnsetType
    ) = UNSET
    receipts: (
        Annotated[list[EventReceipt], Meta(description="What became of the events sent along.")]
        | UnsetType
    ) = UNSET
