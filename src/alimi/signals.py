"""Signals on their way to the streams of this node, joined over one turn of the loop.

Several for one recipient leave in one write; a single one costs its readers nothing more for it.
They are sent before whatever else arrives in the same turn, so that nothing overtakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from alimi import frames


class _Joined:
    """What waits for one recipient."""

    __slots__ = ("frames", "size")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0


class Signals:
    """Holds frames until the turn ends.

    `send` takes what is due for one recipient and how many signals that is; at most about `most`
    bytes at once, so that a reader who has fallen behind is noticed in between.
    """

    def __init__(self, send: Callable[[str, bytes, int], None], most: int) -> None:
        self._send = send
        self._most = most
        self._waiting: dict[str, _Joined] = {}
        self._last: tuple[str, object, bytes] | None = None

    def add(self, recipient: str, name: str, data: object) -> None:
        """One more for this recipient's streams."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        frame = self._frame(name, data)
        joined = self._waiting.get(recipient)
        if joined is None:
            joined = self._waiting[recipient] = _Joined()
        elif joined.size + len(frame) > self._most:
            self._leave(recipient, joined)
            joined = self._waiting[recipient] = _Joined()
        joined.frames.append(frame)
        joined.size += len(frame)

    def flush(self) -> None:
        """Send what waits."""
        while self._waiting:
            self._leave(*self._waiting.popitem())

    def _leave(self, recipient: str, joined: _Joined) -> None:
        found = joined.frames
        self._send(recipient, found[0] if len(found) == 1 else b"".join(found), len(found))

    def _frame(self, name: str, data: object) -> bytes:
        """A signal goes to many recipients in a row: encoded once."""
        last = self._last
        if last is None or last[0] != name or last[1] is not data:
            last = self._last = (name, data, frames.signal(name, data))
        return last[2]
