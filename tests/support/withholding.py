"""A proxy that holds event streams back, as some companies have one between them and the world."""

from __future__ import annotations

import asyncio
from typing import Self


class WithholdingProxy:
    """Passes requests on to a port of this machine; of event streams only the headers.

    The body of a stream comes when the server has ended it, or when `let_through()` was called.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        #: The paths that were asked for, in order, with their queries.
        self.asked: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def let_through(self) -> None:
        """From now on it is a proxy as it should be."""
        self._open.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request for each connection, so that nothing needs to be counted."""
        away = None
        try:
            head, fields = await _head(reader)
            self.asked.append(head[0].split(" ")[1])
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            behind, away = await asyncio.open_connection("127.0.0.1", self._behind)
            away.write(_text(head) + body)
            head, fields = await _head(behind)
            writer.write(_text(head))
            if fields.get("content-type", "").startswith("text/event-stream"):
                await self._withhold(behind, writer, reader)
            else:
                size = int(fields.get("content-length", 0))
                writer.write(await behind.readexactly(size))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, away):
                if each:
                    each.close()

    async def _withhold(
        self,
        behind: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
    ) -> None:
        gone = asyncio.create_task(reader.read())
        opened = asyncio.create_task(self._open.wait())
        body = asyncio.create_task(behind.read(65_536))
        kept = b""
        try:
            while not gone.done():
                waited = {gone, body} if opened.done() else {gone, body, opened}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                is_over = False
                if body.done():
                    kept += body.result()
                    is_over = not body.result()
                    body = asyncio.create_task(behind.read(65_536))
                if opened.done() or is_over:
                    writer.write(kept)
                    kept = b""
                if is_over:
                    return
        finally:
            for task in (gone, opened, body):
                task.cancel()


async def _head(reader: asyncio.StreamReader) -> tuple[list[str], dict[str, str]]:
    """The lines of a request's or an answer's head without `Connection`, and its fields."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = [line for line in text.split("\r\n") if line]
    lines = [line for line in lines if not line.lower().startswith("connection:")]
    fields = (line.partition(": ") for line in lines[1:])
    return lines, {name.lower(): value for name, _, value in fields}


def _text(head: list[str]) -> bytes:
    return "\r\n".join([*head, "Connection: close", "", ""]).encode("latin-1")
