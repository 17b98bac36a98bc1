"""The values that travel through Alimi: frozen, no I/O.

ids       the present moment, ids of events
texts     what a short text may hold
identity  recipients, and what `who(request)` answers
entries   what an outbox row holds: events, retractions, signals
inbox     rows, changes, pages and marks of one inbox
hints     what nodes tell each other
work      what a store says of its own work, and retention

Everybody else imports from here.

Times are integers, milliseconds since 1970 UTC; they become RFC 3339 only at the edge (`alimi.sse`,
`alimi.web`).  Versions are one inbox's change numbers and start at 1; 0 is "before everything".

What exists by the thousand has `gc=False`: nothing in it can lead back to it, so the garbage
collector need not look at it.
"""

from alimi.model.entries import (
    MAX_KEY,
    Content,
    Entry,
    Event,
    Receipt,
    Retraction,
    Signal,
    Snapshot,
)
from alimi.model.hints import (
    BusMessage,
    HangUp,
    Hint,
    SignalTo,
)
from alimi.model.identity import (
    LEAST_MS,
    MAX_RECIPIENT,
    Identity,
    normalise_recipient,
    normalise_recipients,
)
from alimi.model.ids import (
    event_id,
    now_ms,
)
from alimi.model.inbox import (
    MAX_CURSOR,
    Action,
    BulkChange,
    Changes,
    Counts,
    Cursor,
    Mark,
    Marked,
    Notification,
    Page,
    PageQuery,
    cursor_tag,
)
from alimi.model.texts import (
    bounded_text,
    is_clean,
    nearest,
)
from alimi.model.work import (
    MAX_WAITING,
    Applied,
    Positions,
    Retention,
    Swept,
    Waiting,
)

__all__ = [
    "LEAST_MS",
    "MAX_CURSOR",
    "MAX_KEY",
    "MAX_RECIPIENT",
    "MAX_WAITING",
    "Action",
    "Applied",
    "BulkChange",
    "BusMessage",
    "Changes",
    "Content",
    "Counts",
    "Cursor",
    "Entry",
    "Event",
    "HangUp",
    "Hint",
    "Identity",
    "Mark",
    "Marked",
    "Notification",
    "Page",
    "PageQuery",
    "Positions",
    "Receipt",
    "Retention",
    "Retraction",
    "Signal",
    "SignalTo",
    "Snapshot",
    "Swept",
    "Waiting",
    "bounded_text",
    "cursor_tag",
    "event_id",
    "is_clean",
    "nearest",
    "normalise_recipient",
    "normalise_recipients",
    "now_ms",
]
