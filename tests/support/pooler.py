"""A pooler in transaction mode: each transaction goes to another connection of the server."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from types import TracebackType
from typing import Self

#: Messages after which the server answers, and what its answer ends with: Query and Sync are
#: answered until it is ready again, Flush behind a Describe until that is done, or an error.
_TURNS = {b"Q": b"Z", b"S": b"Z", b"H": b"TnE"}
_READY = b"Z"
_TERMINATE = b"X"
_PLAIN = b"N"
#: Protocol numbers of what comes before a start: requests for TLS or GSS, and to cancel.
_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102


class Wire:
    """One side of a connection, message by message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def message(self) -> tuple[bytes, bytes]:
        """The type and the whole of the next message."""
        head = await self._reader.readexactly(5)
        (length,) = struct.unpack("!I", head[1:])
        return head[:1], head + await self._reader.readexactly(length - 4)

    async def start(self) -> bytes:
        """The first message, which has no type; requests for encryption are declined."""
        while True:
            head = await self._reader.readexactly(4)
            (length,) = struct.unpack("!I", head)
            body = await self._reader.readexactly(length - 4)
            (protocol,) = struct.unpack("!I", body[:4])
            if protocol not in {_SSL, _GSS}:
                return b"" if protocol == _CANCEL else head + body
            self.writer.write(_PLAIN)


class Pooler:
    """Hands each transaction to the server's connection that was idle for longest."""

    def __init__(self, target: int, size: int = 3) -> None:
        self._target = target
        self._size = size
        self._wires: list[Wire] = []
        self._idle: deque[Wire] = deque()
        self._greeting = b""
        self._free = asyncio.Condition()
        self._filling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self._wires:
            each.writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(Wire(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, client: Wire) -> None:
        start = await client.start()
        if not start:
            return
        async with self._filling:  # who comes second waits for the greeting
            if not self._greeting:
                await self._fill(start)
        client.writer.write(self._greeting)
        server: Wire | None = None
        said = b""
        while True:
            kind, message = await client.message()
            if kind == _TERMINATE:
                return
            said += message
            if kind in _TURNS:
                server = server or await self._take()
                server = await self._turn(client, server, said, _TURNS[kind])
                said = b""

    async def _fill(self, start: bytes) -> None:
        for _ in range(self._size):
            wire = Wire(*await asyncio.open_connection("127.0.0.1", self._target))
            self._wires.append(wire)
            wire.writer.write(start)
            greeting, kind = b"", b""
            while kind != _READY:
                kind, message = await wire.message()
                greeting += message
            self._greeting = greeting
            self._idle.append(wire)

    async def _take(self) -> Wire:
        async with self._free:
            await self._free.wait_for(lambda: self._idle)
            return self._idle.popleft()

    async def _turn(self, client: Wire, server: Wire, said: bytes, until: bytes) -> Wire | None:
        """What was said and all answers; None when the transaction is over."""
        server.writer.write(said)
        kind, message = b"-", b""
        while kind not in until:
            kind, message = await server.message()
            client.writer.write(message)
        if kind != _READY or message[-1:] != b"I":
            return server
        async with self._free:
            self._idle.append(server)
            self._free.notify()
        return None
