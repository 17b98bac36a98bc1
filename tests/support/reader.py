"""A reader of the wire that is as strict as the promise: what it finds wrong, it says.

It keeps what a page would keep: rows by id, counts, the cursor.  `complaints` names every broken
guarantee: a version twice on a connection, falling ids, a change of a row it was never shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from alimi.sse import Decoder


@dataclass
class Reader:
    """One page's view of one inbox, over one or many connections."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: What was deleted while it was watched: a page that was read before must not bring it back.
    gone: set[str] = field(default_factory=set)
    shown: list[str] = field(default_factory=list)
    unread: int = 0
    unseen: int = 0
    cursor: str | None = None
    must_reload: bool = False
    #: How often it was told to; a page that has reloaded looks whether it was told again.
    told_to_reload: int = 0
    resets: int = 0
    said_bye: str | None = None
    signals: list[Any] = field(default_factory=list)
    events: list[tuple[str, Any, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _decoder: Decoder = field(default_factory=Decoder)
    _version: int = 0
    _seen_here: set[tuple[str, int]] = field(default_factory=set)

    def connect(self) -> None:
        """A new connection begins; what was unfinished on the last is lost."""
        self._decoder = Decoder()
        self._version = 0
        self._seen_here = set()
        self.said_bye = None

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream."""
        for event in self._decoder.feed(data):
            payload = json.loads(event.data)
            self.events.append((event.event, payload, event.id))
            getattr(self, f"_{event.event}")(payload)
            if self._decoder.last_event_id:
                self._move(self._decoder.last_event_id)

    def _move(self, event_id: str) -> None:
        version = int(event_id.split(".")[1])
        if version < self._version:
            self.complaints.append(f"G3: the id fell from {self._version} to {version}")
        self._version = version
        self.cursor = event_id

    def _hello(self, data: dict[str, Any]) -> None:
        self._counts(data)

    def _reset(self, data: dict[str, Any]) -> None:
        self._version = 0
        self._seen_here.clear()
        self._reload()
        self.resets += 1
        if data["reason"] in {"epoch", "foreign", "ahead"}:
            self.gone.clear()
            self.rows.clear()  # versions of another life say nothing about those of this one
        self._counts(data)

    def _message(self, data: dict[str, Any]) -> None:
        self._once(data["id"], data["version"])
        if data["id"] not in self.rows or self.rows[data["id"]]["version"] < data["version"]:
            self.rows[data["id"]] = {
                "version": data["version"],
                "read": data["read_at"] is not None,
                "archived": data["archived_at"] is not None,
            }
        self.shown.append(data["id"])
        self._counts(data)

    def _change(self, data: dict[str, Any]) -> None:
        self._counts(data)
        if data.get("all"):
            self._reload()
        for each in data.get("ids", ()):
            self._once(each, data["version"])
            self._change_row(each, data)

    def _change_row(self, notification_id: str, data: dict[str, Any]) -> None:
        if data.get("deleted"):
            self.rows.pop(notification_id, None)
            self.gone.add(notification_id)
            return
        row = self.rows.get(notification_id)
        if row is None:
            if not self.must_reload:
                self.complaints.append(f"G5: a change of {notification_id}, which was never shown")
        elif row["version"] < data["version"]:
            row["version"] = data["version"]
            row["read"] = data["read_at"] is not None
            row["archived"] = data["archived_at"] is not None

    def _once(self, notification_id: str, version: int) -> None:
        if (notification_id, version) in self._seen_here:
            self.complaints.append(f"G4: {notification_id} came twice in version {version}")
        self._seen_here.add((notification_id, version))

    def _reload(self) -> None:
        self.must_reload = True
        self.told_to_reload += 1

    def _signal(self, data: dict[str, Any]) -> None:
        self.signals.append(data)

    def _ping(self, data: dict[str, Any]) -> None:
        pass

    def _bye(self, data: dict[str, Any]) -> None:
        self.said_bye = data["reason"]

    def _counts(self, data: dict[str, Any]) -> None:
        self.unread, self.unseen = data["unread"], data["unseen"]
