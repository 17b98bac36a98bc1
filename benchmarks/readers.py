"""Many open streams in one process: what arrives is counted, and nothing else is done with it.

Bare epoll: the load must not be what limits.  A notification holds one `~` and nothing else does:
a count needs no parser and no frame can be cut in the middle of its mark.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable

MARK = b"~"
#: Connections on their way at once; below every server's backlog.
_AT_ONCE = 200
_BUFFER = 1 << 20
_EVENTS = select.EPOLLIN | select.EPOLLRDHUP


class Readers:
    """Streams of one server; each remembers only that it is open."""

    def __init__(self, port: int) -> None:
        self.count = 0
        self.opened = 0
        self.ended = 0
        self.on_open: Callable[[int, bytes], None] | None = None
        self.on_data: Callable[[bytes], None] | None = None
        self._port = port
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._opening: dict[int, tuple[int, bytearray]] = {}
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)

    def open(self, requests: Iterable[bytes], ready: bytes, patience: float = 120) -> float:
        """Send each request on a connection of its own, wait for `ready` on all; the seconds."""
        waiting = deque(enumerate(requests))
        started = last = time.monotonic()
        opened = self.opened
        while waiting or self._opening:
            while waiting and len(self._opening) < _AT_ONCE:
                self._connect(*waiting.popleft())
            self._turn(0.5, ready)
            if self.opened > opened:
                opened, last = self.opened, time.monotonic()
            elif time.monotonic() - last > patience:
                raise RuntimeError(f"only {opened} streams were opened")
        return time.monotonic() - started

    def wait(self, total: int, patience: float = 60) -> int:
        """Read until `total` notifications have come in all, or nothing more comes; the count."""
        last, seen = time.monotonic(), self.count
        while self.count < total:
            self._turn(0.2, b"")
            if self.count > seen:
                last, seen = time.monotonic(), self.count
            elif time.monotonic() - last > patience:
                break
        return self.count

    def close(self) -> None:
        """Leave without a word and without a socket in TIME_WAIT."""
        for each in self._sockets.values():
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self._sockets.clear()
        self._epoll.close()

    def _connect(self, index: int, request: bytes) -> None:
        sock = socket.socket()
        sock.connect(("127.0.0.1", self._port))
        sock.setblocking(False)
        sock.send(request)
        self._sockets[sock.fileno()] = sock
        self._opening[sock.fileno()] = (index, bytearray())
        self._epoll.register(sock.fileno(), _EVENTS)

    def _turn(self, timeout: float, ready: bytes) -> None:
        for fd, _ in self._epoll.poll(timeout):
            try:
                size = self._sockets[fd].recv_into(self._view)
            except BlockingIOError:
                continue
            except OSError:
                size = 0
            if not size:
                self._lost(fd)
                continue
            self.count += self._buffer.count(MARK, 0, size)
            if self.on_data is not None:
                self.on_data(bytes(self._view[:size]))
            if fd in self._opening:
                self._greet(fd, ready, bytes(self._view[:size]))

    def _greet(self, fd: int, ready: bytes, data: bytes) -> None:
        index, said = self._opening[fd]
        said += data
        if len(said) > 12 and bytes(said[9:12]) not in {b"200", b"101"}:
            raise RuntimeError(f"a stream was refused: {bytes(said[:300])!r}")
        if ready in said:
            del self._opening[fd]
            self.opened += 1
            if self.on_open is not None:
                self.on_open(index, bytes(said))

    def _lost(self, fd: int) -> None:
        self.ended += 1
        self._epoll.unregister(fd)
        self._sockets.pop(fd).close()
        if fd in self._opening:
            raise RuntimeError(f"a stream was refused: {bytes(self._opening[fd][1][:300])!r}")
