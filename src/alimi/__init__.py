"""Alimi tells the users of a web application, the moment it happens, that something concerns them.

facade    class Alimi: kinds, notify, inbox, asgi, stream
store     the durable truth (stores/*); bus: how nodes tell each other (buses/*)
relay     outbox -> inboxes; hub: the open streams of this node (docs/design/fast-path.md)
web       the ASGI application; client/: the browser's side; cli/: the command
workers   several processes on one socket
"""

from alimi.errors import (
    AlimiError,
    InvalidInput,
    KeyConflict,
    NotFound,
    StoreError,
    TransactionError,
)
from alimi.facade import Alimi, BoundKind
from alimi.inbox import Inbox
from alimi.model import Cursor, Identity, Notification, Page, Receipt, Retention, Snapshot
from alimi.settings import Settings
from alimi.workers import Worker, run_workers

__all__ = [
    "Alimi",
    "AlimiError",
    "BoundKind",
    "Cursor",
    "Identity",
    "Inbox",
    "InvalidInput",
    "KeyConflict",
    "NotFound",
    "Notification",
    "Page",
    "Receipt",
    "Retention",
    "Settings",
    "Snapshot",
    "StoreError",
    "TransactionError",
    "Worker",
    "run_workers",
]

__version__ = "0.1.0"
