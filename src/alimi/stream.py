"""One open stream, as the hub sees it."""

from __future__ import annotations

from typing import Protocol

from alimi.model import Identity
from alimi.position import Place
from alimi.sinks import Sink


class StreamOwner(Protocol):
    """What a stream passes on: the hub."""

    def reader_drained(self, stream: Stream) -> None:
        """Everything written has left."""

    def reader_gone(self, stream: Stream) -> None:
        """The sink has ended, by us or by the reader."""

    def server_stops(self, stream: Stream) -> None:
        """The server around us ends its connections."""


class Stream:
    """One open SSE connection of one recipient."""

    __slots__ = (
        "_owner", "behind", "closed", "ends_at", "identity", "opened_at", "place", "progress_at",
        "sink", "tick", "unsent", "wrote_at",
    )  # fmt: skip

    def __init__(self, owner: StreamOwner, sink: Sink, identity: Identity, place: Place) -> None:
        self._owner = owner
        self.sink = sink
        self.identity = identity
        self.place = place
        #: Nothing more is queued until the sink has drained.
        self.behind = False
        self.closed = False
        self.opened_at = self.wrote_at = self.ends_at = 0.0
        #: What was unsent when it was last looked at, and when that last became less.
        self.unsent = 0
        self.progress_at = 0.0
        self.tick = 0

    @property
    def recipient(self) -> str:
        """Whose stream it is."""
        return self.identity.recipient

    def sink_drained(self) -> None:
        """The reader took everything: catch up if it fell behind."""
        self._owner.reader_drained(self)

    def sink_gone(self) -> None:
        """The reader has left."""
        self._owner.reader_gone(self)

    def sink_stopping(self) -> None:
        """The server stops: newcomers are refused and this reader is told."""
        self._owner.server_stops(self)
