"""A page that holds a stream over a raw socket, and comes back with its cursor when it is cut."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools

from tests.support.reader import Reader

#: How soon a page knocks again while nobody answers.
KNOCK = 0.02
#: So many of the places where a page has been are kept.
OLD_PLACES = 50
#: How long anything may take that is bound to come.
SOON = 15


class Answer:
    """One HTTP answer as it arrives: its parts for httptools' parser."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.headers: dict[str, str] = {}
        self.complete = False
        self._take = take

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._take(body)

    def on_message_complete(self) -> None:
        self.complete = True


class Page:
    """One recipient's page: a strict reader over as many connections as it takes."""

    def __init__(
        self,
        port: int | Callable[[], int],
        recipient: str,
        *,
        path: str = "/alimi/v1/inbox/stream",
    ) -> None:
        self.recipient = recipient
        self.reader = Reader()
        self.connections = 0
        #: Everything that came as new, with the number of its connection.
        self.news: list[tuple[int, dict[str, Any]]] = []
        #: Each way a connection ended: `True` is the server's proper end of the answer.
        self.ended_well: list[bool] = []
        #: Where it has been, newest last: places that it may come back to.
        self.places: deque[str] = deque(maxlen=OLD_PLACES)
        #: It keeps no record of each event: for rounds of very many.
        self.is_forgetful = False
        #: Set with all that came as new; several pages may share one.
        self.has_news = asyncio.Event()
        #: This connection was told where it begins.
        self.greeted = False
        self.answer = Answer(self._feed)
        self.status = 0
        #: Asked for each connection: a balancer may send it anywhere.
        self._port = port if callable(port) else lambda: port
        self._path = path
        self._asked: str | None = None
        self._back_to: str | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading = asyncio.Event()
        self._reading.set()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin, and wait for `hello`."""
        self._task = asyncio.create_task(self._keep())
        await self.until(lambda reader: reader.cursor is not None)

    async def close(self) -> None:
        """Leave."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def cut(self, back_to: str | None = None) -> None:
        """Lose the connection; come back, also to an older place than the last."""
        self._back_to = back_to
        if self._writer is not None:
            self._writer.transport.abort()

    async def move(self, port: int, back_to: str | None, seconds: float = SOON) -> None:
        """Leave for another server, and an older place; answers when that one has spoken."""
        await self.until(lambda _: self.greeted, seconds)
        self._port = lambda: port
        connections = self.connections
        self.cut(back_to)
        await self.until(lambda _: self.greeted and self.connections > connections, seconds)

    def stall(self) -> None:
        """Read nothing more, and stay."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    async def until(self, holds: Callable[[Reader], bool], seconds: float | None = SOON) -> None:
        """Wait for what the reader is to show; for ever with None."""
        async with asyncio.timeout(seconds), self._news:
            while not holds(self.reader):
                if self._task is not None and self._task.done():
                    self._task.result()
                await self._news.wait()

    async def _keep(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port())
            except OSError:
                await asyncio.sleep(KNOCK)
                continue
            self._writer = writer
            try:
                await self._read(reader, writer)
            except OSError:
                self.ended_well.append(False)
            finally:
                self._writer, self.greeted = None, False
                writer.close()
            async with self._news:
                self._news.notify_all()
            await asyncio.sleep(KNOCK)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._asked, self._back_to = self._back_to or self.reader.cursor, None
        writer.write(self._request())
        self.answer = Answer(self._feed)
        parser = httptools.HttpResponseParser(self.answer)
        self.connections += 1
        self.reader.connect()
        while data := await reader.read(65_536):
            parser.feed_data(data)
            self.status = parser.get_status_code()
            async with self._news:
                self._news.notify_all()
            if self.answer.complete:
                break
            await self._reading.wait()
        self.ended_well.append(self.answer.complete)

    def _request(self) -> bytes:
        lines = [
            f"GET {self._path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Cookie: user={self.recipient}",
            "Accept: text/event-stream",
        ]
        if self._asked is not None:
            lines.append(f"Last-Event-ID: {self._asked}")
        return "\r\n".join([*lines, "", ""]).encode()

    def _feed(self, body: bytes) -> None:
        known = len(self.reader.events)
        self.reader.feed(body)
        for name, data, place in self.reader.events[known:]:
            if name == "message":
                self.news.append((self.connections, data))
                self.has_news.set()
            elif name == "reset":
                self._asked = None
            elif name == "hello" and self._asked not in {None, place}:
                what = f"G5: hello begins at {place}, the page was at {self._asked}"
                self.reader.own_complaints.append(what)
            self.greeted |= name in {"hello", "reset"}
            if place:
                self.places.append(place)
        if self.is_forgetful:
            self.reader.events.clear()
            self.reader.shown.clear()
