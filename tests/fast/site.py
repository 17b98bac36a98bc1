"""A stream route on a uvicorn in this process, and raw clients that read it strictly."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import alimi.uvicorn
from alimi import Alimi, Settings
from alimi.hub import Hub
from tests.support.reader import Reader

#: Key and certificate of nobody, for `localhost`; good until 2126.
CERTIFICATE = Path(__file__).with_name("test_only_certificate.pem")
SOON = 15
GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Server:
    """How uvicorn is started."""

    name: str
    http: Any
    tls: bool = False
    unix: bool = False

    @property
    def fast(self) -> bool:
        """Whether it hands sockets over."""
        return self.http is alimi.uvicorn.Protocol


FAST = Server("fast", alimi.uvicorn.Protocol)
TLS = Server("fast-tls", alimi.uvicorn.Protocol, tls=True)
SERVERS = (
    FAST,
    TLS,
    Server("fast-unix", alimi.uvicorn.Protocol, unix=True),
    Server("httptools", "httptools"),
    Server("h11", "h11"),
)


class Client:
    """One connection: what came as bytes, as HTTP, and as a stream that a strict reader read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.data = b""
        self.page = Reader()
        self.page.connect()
        #: Answers that have ended as HTTP says an answer ends.
        self.complete = 0
        self._parser = httptools.HttpResponseParser(self)

    def on_body(self, body: bytes) -> None:
        self.page.feed(body)

    def on_message_complete(self) -> None:
        self.complete += 1

    def say(self, text: str) -> None:
        """Send something."""
        self.writer.write(text.encode())

    async def more(self, size: int = 65_536) -> bytes:
        """The next bytes; none when the server has ended the connection."""
        async with asyncio.timeout(SOON):
            data = await self.reader.read(size)
        self.data += data
        self._parser.feed_data(data)
        assert not self.page.complaints
        return data

    async def until(self, mark: bytes) -> bytes:
        """Read until this has come."""
        while mark not in self.data:
            assert await self.more(), self.data
        return self.data

    async def shown(self, count: int) -> list[str]:
        """Read until so many notifications have come."""
        while len(self.page.shown) < count:
            assert await self.more(), self.data[-500:]
        return self.page.shown

    async def end(self) -> bytes:
        """Read to the end of the connection."""
        while await self.more():
            pass
        return self.data

    async def cut(self) -> None:
        """Read until the server has ended the connection, politely or not."""
        try:
            await self.end()
        except OSError:
            return


class Site:
    """An application on a uvicorn in this process."""

    def __init__(self, alimi: Alimi, served: Served, server: Server) -> None:
        self.alimi = alimi
        self.served = served
        self.server = server
        self.address = served.servers[0].sockets[0].getsockname()
        self.clients: list[Client] = []
        self.kind = alimi.kind("k", category="c", text={"en": "Hello {object.id}"})
        self._sent = 0

    @property
    def hub(self) -> Hub:
        (runtime,) = self.alimi._runtimes.started()
        return runtime.hub

    def streams(self) -> list[Any]:
        """All open streams."""
        return [stream for group in self.hub._streams.values() for stream in group]

    def sinks(self) -> list[Any]:
        """The sinks of all open streams."""
        return [stream.sink for stream in self.streams()]

    async def connect(self, receive_buffer: int = 0, limit: int = 65_536) -> Client:
        """A connection that has said nothing yet; `limit` is what its end reads ahead, halved."""
        sock = socket.socket(socket.AF_UNIX if self.server.unix else socket.AF_INET)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        tls: dict[str, Any] = {}
        if self.server.tls:
            context = ssl.create_default_context(cafile=CERTIFICATE)
            tls = {"ssl": context, "server_hostname": "localhost"}
        client = Client(*await asyncio.open_connection(sock=sock, limit=limit, **tls))
        self.clients.append(client)
        return client

    async def open(self, head: str = GET, **socks: int) -> Client:
        """Connect and read until `hello`."""
        client = await self.connect(**socks)
        client.say(head)
        await client.until(b"event: hello")
        return client

    async def resume(self, cursor: str | None) -> Client:
        """Come back with a cursor."""
        return await self.open(f"GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {cursor}\r\n\r\n")

    async def notify(self, count: int = 1, filler: int = 0, to: object = 2) -> None:
        """Put some more numbered notifications into an inbox."""
        first, self._sent = self._sent, self._sent + count
        data = {"filler": "x" * filler}
        await self.alimi.append(
            [self.kind.kind.event(to=to, object=first + n, data=data) for n in range(count)]
        )
        await self.alimi.flush()

    async def told(self, client: Client) -> None:
        """The stream works: something live reaches the reader."""
        before = len(client.page.shown)
        await self.notify()
        await client.shown(before + 1)

    async def forgotten(self) -> None:
        """Wait until no stream is open, here or at the server."""
        async with asyncio.timeout(SOON):
            while self.sinks() or self.served.server_state.connections:
                await self.served.something_ends()

    def later(self, seconds: float) -> None:
        """Let the hub's clock be later, and what became due by it happen."""
        clock = self.hub._clock
        self.hub._clock = lambda: clock() + seconds
        self.hub.turn_wheel()

    async def stop(self) -> None:
        """Tell the server to stop; plain ASGI has to be told by the application."""
        self.served.should_exit = True
        self.served.stopping.set()
        if not self.server.fast:
            await self.alimi.drain()


class Noticed(set[Any]):
    """uvicorn's connections, or its requests' tasks: tells when one has ended."""

    def __init__(self, ended: asyncio.Event) -> None:
        super().__init__()
        self._ended = ended

    def discard(self, element: Any) -> None:
        super().discard(element)
        self._ended.set()


class Served(uvicorn.Server):
    """uvicorn that need not be waited for: it looks ten times a second whether it is to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = asyncio.Event()
        self.stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self.server_state.connections = Noticed(self._ended)
        self.server_state.tasks = Noticed(self._ended)

    async def something_ends(self) -> None:
        """Wait until a connection or a request does."""
        self._ended.clear()
        await self._ended.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals of this process are pytest's."""
        yield

    async def main_loop(self) -> None:
        """Serve."""
        await self.on_tick(0)
        self.serves.set()
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does when that is what a test is about; else at once."""
        if self.should_exit:
            await super().shutdown(sockets)
            return
        for listener in self.servers:
            listener.close()
        async with asyncio.timeout(SOON):
            while self.server_state.connections:
                self._ended.clear()
                for connection in tuple(self.server_state.connections):
                    connection.shutdown()
                await self._ended.wait()


def configuration(server: Server, app: Any, folder: Path) -> uvicorn.Config:
    """As a command line would say it."""
    return uvicorn.Config(
        app,
        port=0,
        http=server.http,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=10,
        ssl_certfile=CERTIFICATE if server.tls else None,
        ssl_keyfile=CERTIFICATE if server.tls else None,
        uds=str(folder / "socket") if server.unix else None,
    )


def unnamed(server: Server) -> list[socket.socket] | None:
    """A listener as uvicorn makes it for --workers and --reload: its protocol is not named."""
    return None if server.unix else [socket.create_server(("127.0.0.1", 0))]


@asynccontextmanager
async def site(
    folder: Path, *middleware: Any, server: Server = FAST, app: Any = None, **settings: Any
) -> AsyncIterator[Site]:
    """Serve one stream route at /, and something short at /short."""
    made = Alimi(folder / "alimi.db", settings=Settings(**settings))

    async def stream(request: Request) -> Any:
        async def who() -> str:
            return request.query_params.get("u", "2")

        return made.stream(request, await who(), ask_again=who)

    async def short(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await request.body()).decode() or "short")

    routes = [Route("/", stream), Route("/short", short, methods=["GET", "POST"])]
    inner: Any = Starlette(routes=routes, middleware=list(middleware))
    served = Served(configuration(server, app(inner) if app else inner, folder))
    serving = asyncio.create_task(served.serve(sockets=unnamed(server)))
    await served.serves.wait()
    here = Site(made, served, server)
    try:
        await made.start()
        yield here
    finally:
        for client in here.clients:
            client.writer.transport.abort()
        await made.drain()
        served.stopping.set()
        await serving
        await made.close()
