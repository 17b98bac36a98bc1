"""The fast path on a real uvicorn: what is handed over, what is not, and how streams end."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

import alimi.uvicorn
from alimi.sinks import AsgiSink, TransportSink
from tests.fast.site import FAST, SERVERS, TLS, Send, Server, site

#: What uvicorn and we make for a connection or a request.
MADE = ("Stream", "Position", "TransportSink", "Protocol", "Cycle", "Handover", "FlowControl")


def made() -> Counter[str]:
    """How many of each are there, garbage that nobody has collected among them."""
    names = (type(each).__name__ for each in gc.get_objects())
    return Counter(name for name in names if name in MADE)


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


async def test_a_stream_is_handed_over_and_costs_no_task(tmp_path: Path) -> None:
    """Ten open streams: ten transport sinks and not one task more."""
    async with site(tmp_path) as here:
        first = await here.open()
        before = len(asyncio.all_tasks())
        clients = [await here.open() for _ in range(9)]
        assert [type(sink) for sink in here.sinks()] == [TransportSink] * 10
        assert len(asyncio.all_tasks()) <= before  # one of the start may have ended
        for client in (first, *clients):
            await here.told(client)


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
        await here.told(client)


async def test_an_encoded_response_stays_with_asgi(tmp_path: Path) -> None:
    """A middleware that rewrites the body must not be bypassed."""
    async with site(tmp_path, app=compressing) as here:
        client = await here.open()
        assert [type(sink) for sink in here.sinks()] == [AsgiSink]
        await here.told(client)


@pytest.mark.parametrize("secure", [FAST, TLS], ids=["plain", "tls"])
async def test_streams_are_all_that_is_held_and_leave_nothing(
    tmp_path: Path, secure: Server
) -> None:
    """Nothing of uvicorn lives as long as a stream, and no collector is needed after one."""
    async with site(tmp_path, server=secure, max_streams_per_recipient=100) as here:
        (await here.open()).writer.close()
        await here.forgotten()
        gc.collect()
        gc.disable()
        try:
            before = made()
            clients = [await here.open() for _ in range(60)]
            held = made() - before
            # Places are plain values: the collector does not even know them.
            assert held == {"Stream": 60, "TransportSink": 60}
            for client in clients:
                client.writer.close()
            await here.forgotten()
            await asyncio.sleep(0)
            assert made() - before == {}
        finally:
            gc.enable()


async def test_a_short_request_leaves_nothing_either(tmp_path: Path) -> None:
    """The offer that each GET bears makes no circle of references."""
    async with site(tmp_path) as here:
        client = await here.connect()
        client.say("GET /short HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.until(b"short")
        gc.collect()
        gc.disable()
        try:
            before = made()
            for count in range(2, 30):
                client.say("GET /short HTTP/1.1\r\nHost: x\r\n\r\n")
                while client.complete < count:
                    await client.more()
            await asyncio.sleep(0)
            assert made() - before == {}
        finally:
            gc.enable()


@pytest.mark.parametrize("server", [each for each in SERVERS if each.fast], ids=lambda it: it.name)
async def test_sockets_are_prepared(server: Server, tmp_path: Path) -> None:
    """No 40 ms of Nagle on a listener whose protocol is not named, and little in the kernel."""
    async with site(tmp_path, server=server) as here:
        await here.open()
        (sink,) = here.sinks()
        sock = sink._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 4 * 65_536
        if not server.unix:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


async def test_an_aborted_sink_writes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G7: its descriptor may be another reader's by then."""
    async with site(tmp_path) as here:
        await here.open()
        (sink,) = here.sinks()
        written: list[bytes] = []

        def write(_: int, data: bytes) -> int:
            written.append(data)
            return len(data)

        sink.close(abort=True)
        monkeypatch.setattr("alimi.sinks.os.write", write)
        sink.write(b"data: {}\n\n")
        monkeypatch.undo()
        assert written == []


def test_this_uvicorn_has_what_the_fast_path_needs() -> None:
    """The private attributes are there; when they go, this says so before users do."""
    assert alimi.uvicorn.missing() == []
