"""The fast path on a real uvicorn: what is handed over, what is not, and how streams end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import alimi.uvicorn
from alimi import Alimi, Settings
from alimi.sinks import MAX_UNASKED, AsgiSink, TransportSink
from tests.support.reader import Reader

Send = Callable[[Any], Awaitable[None]]


class Slowly(BaseHTTPMiddleware):
    """A middleware that passes everything through tasks of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-passed"] = "yes"
        return response


def compressing(app: Any) -> Any:
    """A middleware that says it compresses, as some do for every type."""

    async def wrapped(scope: Any, receive: Any, send: Send) -> None:
        async def encoded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-encoding", b"identity")]
            await send(message)

        await app(scope, receive, encoded)

    return wrapped


class Site:
    """An application on a uvicorn in this process."""

    def __init__(self, alimi: Alimi, server: uvicorn.Server, port: int) -> None:
        self.alimi = alimi
        self.server = server
        self.port = port
        self.clients: list[Client] = []

    def sinks(self) -> list[Any]:
        """The sinks of all open streams."""
        (started,) = self.alimi._runtimes.values()
        return [s.sink for group in started.result().hub._streams.values() for s in group]

    async def open(self, head: str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", **socks: int) -> Client:
        """Connect and read until `hello`."""
        client = await Client.connect(self.port, **socks)
        self.clients.append(client)
        client.writer.write(head.encode())
        await client.until(b"event: hello")
        return client


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.data = b""

    @classmethod
    async def connect(cls, port: int, receive_buffer: int = 0) -> Client:
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=sock))

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(10):
            while mark not in self.data:
                more = await self.reader.read(65_536)
                assert more, self.data
                self.data += more
        return self.data

    async def end(self) -> bytes:
        async with asyncio.timeout(20):
            self.data += await self.reader.read()
        return self.data


@contextmanager
def own_signals() -> Iterator[None]:
    """uvicorn installs no handlers outside its own run()."""
    yield


@asynccontextmanager
async def site(
    folder: Path, *middleware: Any, app: Any = None, **settings: Any
) -> AsyncIterator[Site]:
    """Serve one stream route at /."""
    alimi = Alimi(folder / "alimi.db", settings=Settings(**settings))

    async def stream(request: Request) -> Any:
        return alimi.stream(request, request.query_params.get("u", "2"))

    inner: Any = Starlette(routes=[Route("/", stream)], middleware=list(middleware))
    config = uvicorn.Config(
        app(inner) if app else inner, port=0, http=alimi_protocol(), log_level="warning",
        lifespan="off", timeout_graceful_shutdown=10,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = own_signals  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    here = Site(alimi, server, port)
    try:
        await alimi.start()
        yield here
    finally:
        for client in here.clients:
            client.writer.transport.abort()
        await alimi.drain()
        server.should_exit = True
        await serving
        await alimi.close()


def alimi_protocol() -> Any:
    return alimi.uvicorn.Protocol


async def told(client: Client, site: Site) -> None:
    """The stream works: something live reaches the reader."""
    kind = site.alimi.kind("k", category="c", text={"en": "Hello {object.id}"})
    await kind.notify(to=2, object=12)
    assert b"Hello 12" in await client.until(b"Hello 12")


async def test_a_stream_is_handed_over_and_costs_no_task(tmp_path: Path) -> None:
    """Ten open streams: ten transport sinks and not one task more."""
    async with site(tmp_path) as here:
        first = await here.open()
        before = len(asyncio.all_tasks())
        clients = [await here.open() for _ in range(9)]
        assert [type(sink) for sink in here.sinks()] == [TransportSink] * 10
        assert len(asyncio.all_tasks()) == before
        for client in (first, *clients):
            await told(client, here)


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        (Middleware(GZipMiddleware, minimum_size=1), b"text/event-stream"),
        (
            Middleware(CORSMiddleware, allow_origins=["https://a.example"], allow_credentials=True),
            b"access-control-allow-origin: https://a.example",
        ),
        (Middleware(Slowly), b"x-passed: yes"),
    ],
    ids=["gzip", "cors", "base"],
)
async def test_middlewares_have_their_say(
    tmp_path: Path, middleware: Middleware, expected: bytes
) -> None:
    """What they add to the headers reaches the reader; the socket is handed over all the same."""
    head = "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nOrigin: https://a.example\r\n\r\n"
    async with site(tmp_path, middleware) as here:
        client = await here.open(head)
        assert [type(sink) for sink in here.sinks()] == [TransportSink]
        head_bytes = client.data.partition(b"\r\n\r\n")[0].lower()
        assert expected in head_bytes
        assert b"content-encoding" not in head_bytes
        await told(client, here)


async def test_an_encoded_response_stays_with_asgi(tmp_path: Path) -> None:
    """A middleware that rewrites the body must not be bypassed."""
    async with site(tmp_path, app=compressing) as here:
        client = await here.open()
        assert [type(sink) for sink in here.sinks()] == [AsgiSink]
        await told(client, here)


async def test_http_1_0_gets_no_chunks(tmp_path: Path) -> None:
    """An old proxy reads plain bytes until the end."""
    async with site(tmp_path) as here:
        client = await here.open("GET / HTTP/1.0\r\n\r\n")
        await told(client, here)
        head, _, body = client.data.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert b"connection: close" in head.lower()
        reader = Reader()
        reader.connect()
        reader.feed(body)
        assert len(reader.shown) == 1


async def test_a_reader_that_talks_is_ignored_and_then_cut(tmp_path: Path) -> None:
    """G8: a second request on the connection is not answered; a flood ends it."""
    async with site(tmp_path) as here:
        client = await here.open()
        client.writer.write(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        await told(client, here)
        assert client.data.count(b"HTTP/1.1 200") == 1
        client.writer.write(b"x" * (MAX_UNASKED + 1))
        with pytest.raises((ConnectionResetError, AssertionError)):
            await client.until(b"never")
        assert here.sinks() == []


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
async def test_a_reader_that_leaves_is_forgotten(tmp_path: Path, how: str) -> None:
    """However it goes, its stream is gone from the hub and from the server."""
    async with site(tmp_path) as here:
        client = await here.open()
        (sink,) = here.sinks()
        gone = asyncio.Event()
        ended = sink._ended

        def note(it: TransportSink) -> None:
            ended(it)
            gone.set()

        sink._ended = note
        if how == "half-close":
            client.writer.write_eof()
        elif how == "reset":
            client.writer.transport.abort()
        else:
            client.writer.close()
        async with asyncio.timeout(10):
            await gone.wait()
        assert here.sinks() == []
        assert sink not in here.server.server_state.connections


async def test_a_reader_that_never_reads_is_bounded(tmp_path: Path) -> None:
    """G8: the process holds one cap of bytes for it, and it catches up when it reads again."""
    async with site(tmp_path, backlog_bytes=20_000) as here:
        client = await here.open(receive_buffer=4_096)
        (sink,) = here.sinks()
        kind = here.alimi.kind("k", category="c", text={"en": "Hello {object.id}"})
        for first in range(0, 2_000, 100):
            await here.alimi.append(
                [
                    kind.kind.event(to=2, object=first + n, data={"filler": "x" * 400})
                    for n in range(100)
                ]
            )
            await here.alimi.flush()
            assert sink.backlog < 20_000 + 256 * 1_024
        assert b"Hello 1999" in await client.until(b"Hello 1999")
        numbers = [f'Hello {n}"'.encode() for n in range(2_000)]
        assert all(client.data.count(each) == 1 for each in numbers)


async def test_a_stopping_server_says_bye_to_each(tmp_path: Path) -> None:
    """uvicorn's own shutdown reaches every stream: bye, a delay of its own, a clean end."""
    async with site(tmp_path) as here:
        clients = [await here.open() for _ in range(50)]
        here.server.should_exit = True
        answers = [await client.end() for client in clients]
        assert all(b"event: bye" in answer for answer in answers)
        assert all(answer.endswith(b"0\r\n\r\n") for answer in answers)
        delays = {answer.rpartition(b"retry: ")[2].split(b"\n")[0] for answer in answers}
        assert len(delays) > 20


def test_this_uvicorn_has_what_the_fast_path_needs() -> None:
    """The private attributes are there; when they go, this says so before users do."""
    assert alimi.uvicorn.missing() == []
