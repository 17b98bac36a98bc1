"""A reader of the wire that is as strict as the promise: what it finds wrong, it says.

It keeps what a page would keep: rows by id, counts, the cursor.  What a connection must not tell
the shipped consumer finds, in `notes`; what is wrong beside that for this page, `own_complaints`
names: a change of a row that it was never shown.  `complaints` is both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from alimi.sse import Decoder
from alimi.testing.checker import Consumer


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
    notes: Consumer = field(default_factory=lambda: Consumer(""))
    own_complaints: list[str] = field(default_factory=list)
    _decoder: Decoder = field(default_factory=Decoder)
    _last_id: str = ""

    @property
    def complaints(self) -> list[str]:
        """Everything that was wrong."""
        return [f"{problem}: {what}" for problem, what in self.notes.broken] + self.own_complaints

    def connect(self) -> None:
        """A new connection begins; what was unfinished on the last is lost."""
        self._decoder = Decoder()
        self._last_id = ""
        self.notes.connects()
        self.said_bye = None

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream."""
        for event in self._decoder.feed(data):
            payload = json.loads(event.data)
            self.events.append((event.event, payload, event.id))
            getattr(self, f"_{event.event}")(payload)
            if event.id and event.id != self._last_id:  # an event without one repeats the last
                self._move(event.id)

    def _move(self, event_id: str) -> None:
        self.notes.stands(int(event_id.split(".")[1]))
        self.cursor = self._last_id = event_id

    def _hello(self, data: dict[str, Any]) -> None:
        self._counts(data)

    def _reset(self, data: dict[str, Any]) -> None:
        self.notes.resets()
        self._reload()
        self.resets += 1
        if data["reason"] in {"epoch", "foreign", "ahead"}:
            self.gone.clear()
            self.rows.clear()  # versions of another life say nothing about those of this one
        self._counts(data)

    def _message(self, data: dict[str, Any]) -> None:
        about = data["object"]
        self.notes.saw(about["id"] if about else data["id"], data["id"], data["version"])
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
            self.notes.changed(each, data["version"])
            self._change_row(each, data)

    def _change_row(self, notification_id: str, data: dict[str, Any]) -> None:
        if data.get("deleted"):
            self.rows.pop(notification_id, None)
            self.gone.add(notification_id)
            return
        row = self.rows.get(notification_id)
        if row is None:
            if not self.must_reload:
                self.own_complaints.append(
                    f"G5: a change of {notification_id}, which was never shown"
                )
        elif row["version"] < data["version"]:
            row["version"] = data["version"]
            row["read"] = data["read_at"] is not None
            row["archived"] = data["archived_at"] is not None

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
