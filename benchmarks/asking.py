"""Requests that are no streams: to fire events, to ask for a figure, to post as fast as it goes."""

from __future__ import annotations

import select
import socket
import time

#: Servers hang up on an idle connection, uvicorn after five seconds.
_IDLE = 2.0


class Line:
    """A connection that stays open if the server lets it; an answer is asked for by itself."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), 120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""
        self._ends = False
        self._used_at = time.monotonic()

    def send(self, request: bytes) -> None:
        """Ask; the server works while we do something else."""
        if self._ends or time.monotonic() - self._used_at > _IDLE:
            self.close()
            self._connect()
        self._used_at = time.monotonic()
        self._socket.sendall(request)

    def answer(self) -> bytes:
        """The body of the next answer; raises when it is none of 2xx."""
        while (at := self._left.find(b"\r\n\r\n")) < 0:
            self._left += self._more()
        head = self._left[:at].lower()
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(self._left[:300].decode("latin-1"))
        self._left, self._used_at = self._left[at + 4 :], time.monotonic()
        self._ends = b"connection: close" in head
        if b"transfer-encoding: chunked" in head:
            return self._chunks()
        length = head.partition(b"content-length:")[2].partition(b"\r")[0]
        return self._take(int(length or b"0"))

    def ask(self, path: str) -> bytes:
        """GET, and the body of its answer."""
        self.send(get(path))
        return self.answer()

    def close(self) -> None:
        self._socket.close()

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._left:
                self._left += self._more()
            size, _, self._left = self._left.partition(b"\r\n")
            chunk = self._take(int(size, 16) + 2)[:-2]
            if not chunk:
                return body
            body += chunk

    def _take(self, size: int) -> bytes:
        while len(self._left) < size:
            self._left += self._more()
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise RuntimeError(f"the server hung up: {self._left[:300]!r}")
        return data


def get(path: str) -> bytes:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def volley(port: int, request: bytes, count: int, connections: int) -> float:
    """`count` requests, each connection's next one after its last answer; the seconds it took.

    Each answer has to be a 202 with a JSON object.
    """
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    started, sent, answered = time.monotonic(), 0, 0
    for sock in sockets.values():
        sock.sendall(request)
        sent += 1
    while answered < count:
        for fd, _ in poll.poll(30):
            data = sockets[fd].recv(65_536)
            if not data.startswith((b"HTTP/1.1 202", b"{")):
                raise RuntimeError(data[:300].decode("latin-1"))
            if not data.endswith(b"}"):
                continue  # the body comes by itself
            answered += 1
            if sent < count:
                sockets[fd].sendall(request)
                sent += 1
    took = time.monotonic() - started
    for sock in sockets.values():
        sock.close()
    poll.close()
    return took
