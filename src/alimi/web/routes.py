"""All routes there are: the table that serves requests is the one that documents them."""

from __future__ import annotations

from alimi.views import NotificationView
from alimi.web import events, health, inbox
from alimi.web.router import Media, Route
from alimi.web.schemas import (
    Accepted,
    Alive,
    EventReceipts,
    InboxCounts,
    InboxMark,
    InboxMarked,
    InboxPage,
    InboxQuery,
    NewEvents,
    NewRetraction,
    NewSignal,
    NotificationChange,
    Readiness,
)

_STREAM = Media(
    type="text/event-stream",
    schema=None,
    description=(
        "Server-Sent Events without end: `retry`, then `hello` (or `reset` and `hello`), then what "
        "is new (no `event:` field), `change`, `signal`, `ping` and `bye`. Resume with "
        "`Last-Event-ID`, or with the query parameter `cursor` on the first connection."
    ),
    example=(
        "retry: 2350\nid: 7fQ2abcd.43\nevent: hello\n"
        'data: {"cursor":"7fQ2abcd.43","version":43,"unread":3,"unseen":1,"seen_upto":42}\n\n'
    ),
)

_EVENT = {
    "kind": "card.assigned",
    "to": ["2"],
    "category": "cards",
    "texts": {"en": "You are now the assignee of a card."},
    "url": "/cards/12",
    "actor": {"id": "1", "name": "Ada"},
    "object": {"id": "12", "name": "Ship it"},
    "key": "card-12-assigned-7",
    "about": "card:12",
}

INBOX = [
    Route(
        method="GET",
        path="/v1/inbox",
        handle=inbox.page,
        door="who",
        name="read-inbox",
        summary="One page of your notifications, newest first.",
        query=InboxQuery,
        gives={200: InboxPage},
        problems=("malformed-request", "invalid-cursor", "invalid-input"),
    ),
    Route(
        method="GET",
        path="/v1/inbox/counts",
        handle=inbox.counts,
        door="who",
        name="count-inbox",
        summary="How many are unread and unseen.",
        gives={200: InboxCounts},
    ),
    Route(
        method="GET",
        path="/v1/inbox/stream",
        handle=inbox.stream,
        door="who",
        name="stream-inbox",
        summary="What changes, the moment it does.",
        gives={200: _STREAM},
    ),
    Route(
        method="POST",
        path="/v1/inbox/mark",
        handle=inbox.mark,
        door="who",
        name="mark-inbox",
        summary="Mark several at once, or undo such a mark.",
        body=InboxMark,
        gives={200: InboxMarked},
        problems=("invalid-cursor",),
        examples={
            "some": {"action": "read", "ids": ["0198f3c2-7b1e-7a52-9d3f-2f9a4b6c8d10"]},
            "all": {"action": "read", "upto": "7fQ2abcd.43"},
            "undo": {"action": "unread", "at": 44},
            "seen": {"action": "seen", "upto": 43},
        },
    ),
    Route(
        method="GET",
        path="/v1/inbox/{id}",
        handle=inbox.one,
        door="who",
        name="read-notification",
        summary="One notification.",
        gives={200: NotificationView},
        problems=("not-found",),
    ),
    Route(
        method="PATCH",
        path="/v1/inbox/{id}",
        handle=inbox.change,
        door="who",
        name="change-notification",
        summary="Mark one read or unread, archive it or bring it back.",
        body=NotificationChange,
        gives={200: NotificationView},
        problems=("not-found",),
        examples={"read": {"read": True}, "archive": {"archived": True}},
    ),
    Route(
        method="DELETE",
        path="/v1/inbox/{id}",
        handle=inbox.delete,
        door="who",
        name="delete-notification",
        summary="Delete one.",
        gives={204: None},
        problems=("not-found",),
    ),
]

EVENTS = [
    Route(
        method="POST",
        path="/v1/events",
        handle=events.record,
        door="key",
        name="record-events",
        summary="Record what happened: one event, or up to 1,000.",
        body=NewEvents,
        gives={202: EventReceipts},
        problems=("key-conflict", "store-full"),
        examples={"one": _EVENT, "several": [_EVENT]},
    ),
    Route(
        method="POST",
        path="/v1/retractions",
        handle=events.retract,
        door="key",
        name="retract",
        summary="Withdraw what is still unread about a matter.",
        body=NewRetraction,
        gives={202: Accepted},
        problems=("store-full",),
        examples={"from-one": {"about": "card:12", "to": "2"}, "from-all": {"about": "card:12"}},
    ),
    Route(
        method="POST",
        path="/v1/signals",
        handle=events.signal,
        door="key",
        name="signal",
        summary="Tell open streams something transient.",
        body=NewSignal,
        gives={202: Accepted},
        examples={"refetch": {"to": ["2"], "name": "board.changed", "data": {"card": 12}}},
    ),
]

HEALTH = [
    Route(
        method="GET",
        path="/healthz",
        handle=health.alive,
        door="open",
        name="healthz",
        summary="Whether the process lives.",
        gives={200: Alive},
    ),
    Route(
        method="GET",
        path="/readyz",
        handle=health.ready,
        door="open",
        name="readyz",
        summary="Whether it can serve; 503 with reasons otherwise, also while it drains.",
        gives={200: Readiness, 503: Readiness},
    ),
]

METRICS = [
    Route(
        method="GET",
        path="/metrics",
        handle=health.metrics,
        door="open",
        name="metrics",
        summary="Counters and gauges for Prometheus.",
        gives={200: Media(type="text/plain", description="Prometheus' text format.")},
    ),
]
