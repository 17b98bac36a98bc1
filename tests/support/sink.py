"""A sink that a test drives: it can be slow, and can be cut at any byte."""

from __future__ import annotations

from alimi.sinks import SinkOwner


class HandSink:
    """Holds what was written until the test takes it."""

    descriptor = -1

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.unsent = bytearray()
        self.sent = bytearray()
        self.writes = 0
        self.closed = False
        self.aborted = False
        self.owner: SinkOwner | None = None

    @property
    def backlog(self) -> int:
        return len(self.unsent)

    def attach(self, owner: SinkOwner) -> None:
        self.owner = owner

    def write(self, data: bytes) -> int:
        if self.closed:
            return 0
        self.writes += 1
        (self.unsent if self.slow else self.sent).extend(data)
        return len(self.unsent)

    def close(self, *, abort: bool = False) -> None:
        self.closed = True
        self.aborted = abort

    def drain(self) -> None:
        """The reader takes everything."""
        self.sent += self.unsent
        self.unsent.clear()
        assert self.owner is not None
        self.owner.sink_drained()

    def take(self) -> bytes:
        """What has arrived since the last take."""
        data = bytes(self.sent)
        self.sent.clear()
        return data
