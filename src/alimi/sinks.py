"""How bytes leave for one open stream.

The hub knows only this interface: write whole frames, ask how much is unsent, close.  A sink never
drops or reorders what was written.  It tells its owner when it has drained and when it is gone.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
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

    def sink_stopping(self) -> None:
        """The server around us stops: say goodbye and close."""


class Sink(Protocol):
    """One reader's end."""

    #: Where the same as a chunk may be sent to just now; -1 when it has to be `write`.
    descriptor: int

    @property
    def backlog(self) -> int:
        """Bytes written and not yet accepted by the kernel."""

    def attach(self, owner: SinkOwner) -> None:
        """Name who is told; called once, before the first write."""

    def write(self, data: bytes) -> int:
        """Queue whole frames and answer the backlog; never blocks.

        After `close` or the reader's end it does nothing.
        """

    def close(self, *, abort: bool = False) -> None:
        """End the response after what was written; with `abort` at once."""


class AsgiSink:
    """Writes through an ASGI `send`, in the task of the request (`run`).

    What waits is bounded by the hub, which stops writing at its cap; see `Settings.backlog_bytes`.
    """

    descriptor = -1

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

    def write(self, data: bytes) -> int:
        """Queue whole frames."""
        if self._closing or self._gone:
            return 0
        self._waiting.append(data)
        self._size += len(data)
        self._changed.set()
        return self._size + self._in_flight

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
            owner, self._owner = self._owner, None
            if owner is not None:
                owner.sink_gone()
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


#: What a stream's reader has no reason to send; more than this is abuse, and it is cut.
MAX_UNASKED = 16_384
#: The kernel's share of a slow reader's bytes.  With auto-tuning 2.7 MiB vanished there before
#: anybody noticed that the reader was behind.
SEND_BUFFER = 65_536
#: How long the kernel keeps unacknowledged bytes for a reader that vanished, in milliseconds.
USER_TIMEOUT_MS = 60_000
#: The reader takes no more now.
_FULL = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR}


class TransportSink(asyncio.Protocol):
    """Owns a socket whose response headers have left: writes chunks and needs no task.

    On plain TCP with nothing buffered it writes to the descriptor, or `alimi.volley` does, and only
    the remainder is left to the transport: that saves the loop a turn for each reader.  `ended`
    hears of the end once.
    """

    __slots__ = (
        "_chunked", "_closing", "_ended", "_fd", "_gone", "_owner", "_paused", "_transport",
        "_unasked", "descriptor",
    )  # fmt: skip

    def __init__(
        self, transport: asyncio.Transport, *, chunked: bool, ended: Callable[[TransportSink], None]
    ) -> None:
        self._transport = transport
        self._chunked = chunked
        self._ended = ended
        self._owner: SinkOwner | None = None
        self._closing = False
        self._gone = False
        self._unasked = 0
        # "Paused" is to mean "something is unsent", so that `resume_writing` means "drained".
        transport.set_write_buffer_limits(high=0)
        self._paused = transport.get_write_buffer_size() > 0
        self._fd = _prepare_socket(transport)
        if not chunked:
            self._fd = -1  # an old proxy, and seldom: the transport is quick enough for it
        # To send chunks to while nothing is unsent and nobody has ended.
        self.descriptor = -1 if self._paused else self._fd

    @property
    def backlog(self) -> int:
        """Bytes that the kernel has not taken."""
        return self._transport.get_write_buffer_size() if self._paused and not self._gone else 0

    def attach(self, owner: SinkOwner) -> None:
        """Name who is told about drained and gone."""
        self._owner = owner

    def write(self, data: bytes) -> int:
        """Send whole frames.  One function: it runs for each reader of each event."""
        if self._chunked:
            data = as_chunk(data)
        if self.descriptor >= 0:
            try:
                sent = os.write(self.descriptor, data)
            except OSError as error:
                sent = -(error.errno or errno.EIO)
            return 0 if sent == len(data) else self.took(data, sent)
        if self._closing or self._gone:
            return 0
        self._transport.write(data)
        return self.backlog

    def took(self, data: bytes, result: int) -> int:
        """The kernel took so many bytes of `data` from the descriptor, or refused: minus an errno.

        Answers the backlog.
        """
        if result < 0 and -result not in _FULL:
            self._abort()
            return 0
        self._transport.write(data[max(result, 0) :])
        return self.backlog

    def close(self, *, abort: bool = False) -> None:
        """End the body and close; with `abort` drop what is unsent."""
        if self._gone:
            return
        if abort:
            self._abort()
        elif not self._closing:
            if self._chunked:
                self._chunked = False  # the end is no chunk
                self.write(b"0\r\n\r\n")
            self._closing, self.descriptor = True, -1
            self._transport.close()

    def _abort(self) -> None:
        # From here on the descriptor is the loop's to close, and the system's to give to another.
        self._closing, self._fd, self.descriptor = True, -1, -1
        self._transport.abort()

    # -- what asyncio and the server say ------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Readers have nothing to say; some try a second request, which is not answered."""
        self._unasked += len(data)
        if self._unasked > MAX_UNASKED:
            self._abort()

    def pause_writing(self) -> None:
        """Something is unsent."""
        self._paused, self.descriptor = True, -1

    def resume_writing(self) -> None:
        """Everything has left."""
        self._paused = False
        if self._closing:
            return
        self.descriptor = self._fd
        if self._owner is not None:
            self._owner.sink_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """The reader has left, or we have."""
        if self._gone:
            return
        self._gone, self._fd, self.descriptor = True, -1, -1
        self._ended(self)
        owner, self._owner = self._owner, None  # they hold each other
        if owner is not None:
            owner.sink_gone()

    def shutdown(self) -> None:
        """The server stops and asks each of its connections to end."""
        if self._owner is not None:
            self._owner.sink_stopping()
        else:
            self.close()


def _prepare_socket(transport: asyncio.Transport) -> int:
    """Set options where we own the socket; answers a descriptor to write to, or -1."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in _FAMILIES:
        return -1
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if sock.family in _INTERNET:
        # asyncio sets it only on sockets that were made with their protocol named; those of
        # uvicorn's --workers and --reload are not.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    # On Windows a socket is no descriptor.
    if transport.get_extra_info("sslcontext") is not None or os.name == "nt":
        return -1
    return int(sock.fileno())


_INTERNET = {socket.AF_INET, socket.AF_INET6}
_FAMILIES = {*_INTERNET, getattr(socket, "AF_UNIX", socket.AF_INET)}


_last_chunk: tuple[bytes, bytes] = (b"", b"")


def as_chunk(data: bytes) -> bytes:
    """`data` as one HTTP chunk; the hub writes the same object to many, so the last is kept."""
    global _last_chunk  # noqa: PLW0603 - a memo of one
    last = _last_chunk  # read once: the loop of another thread may replace it in between (G7)
    if last[0] is not data:
        last = _last_chunk = (data, b"%x\r\n%b\r\n" % (len(data), data))
    return last[1]
