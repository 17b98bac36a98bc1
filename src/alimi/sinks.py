"""How bytes leave for one open stream.

The hub knows only this interface: write whole frames, ask how much is unsent, close.  A sink never
drops or reorders what was written.  It tells its owner when it has drained and when it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class SinkOwner(Protocol):
    """What a sink calls back, on the loop: the hub's stream."""

    def sink_drained(self) -> None:
        """Everything written has left for the kernel."""

    def sink_gone(self) -> None:
        """The reader has left, or writing failed; called once."""


class Sink(Protocol):
    """One reader's end."""

    @property
    def backlog(self) -> int:
        """Bytes written and not yet accepted by the kernel."""

    def attach(self, owner: SinkOwner) -> None:
        """Name who is told; called once, before the first write."""

    def write(self, data: bytes) -> None:
        """Queue whole frames; never blocks.  After `close` or the reader's end it does nothing."""

    def close(self, *, abort: bool = False) -> None:
        """End the response after what was written; with `abort` at once."""


class AsgiSink:
    """Writes through an ASGI `send`, in the task of the request (`run`).

    What waits is bounded by the hub, which stops writing at its cap; see `Settings.backlog_bytes`.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._waiting: list[bytes] = []
        self._size = 0
        self._in_flight = 0
        self._closing = False
        self._gone = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._owner: SinkOwner | None = None

    @property
    def backlog(self) -> int:
        """Bytes written and not yet taken by the server."""
        return self._size + self._in_flight

    def attach(self, owner: SinkOwner) -> None:
        """Name who is told about drained and gone."""
        self._owner = owner

    def write(self, data: bytes) -> None:
        """Queue whole frames."""
        if self._closing or self._gone:
            return
        self._waiting.append(data)
        self._size += len(data)
        self._changed.set()

    def close(self, *, abort: bool = False) -> None:
        """End after what was written; with `abort` at once, for a reader that takes nothing."""
        self._closing = True
        self._changed.set()
        if abort and self._task is not None:
            self._gone = True
            self._task.cancel()

    async def run(self) -> None:
        """Send until closed or the reader has gone; the response has been started before."""
        self._task = asyncio.create_task(self._pump(), name="alimi-stream")
        watcher = asyncio.create_task(self._watch(), name="alimi-stream-watch")
        try:
            await asyncio.wait((self._task, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gone = True
            self._waiting.clear()
            self._task.cancel()
            watcher.cancel()
            results = await asyncio.gather(self._task, watcher, return_exceptions=True)
            if self._owner is not None:
                self._owner.sink_gone()
        for result in results:
            # A reader that leaves in the middle of a send is no error (ASGI 2.4 raises OSError).
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _pump(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting:
                body = b"".join(self._waiting)
                self._waiting.clear()
                self._size, self._in_flight = 0, len(body)
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
                self._in_flight = 0
            if self._closing:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            if self._owner is not None:
                self._owner.sink_drained()

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
