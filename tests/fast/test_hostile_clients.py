"""What clients do that they should not, or seldom do, on every sink."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from pathlib import Path

import pytest

from alimi.sinks import MAX_UNASKED, AsgiSink, TransportSink
from tests.fast.site import GET, SERVERS, Server, Site, site

SHORT = "GET /short HTTP/1.1\r\nHost: x\r\n\r\n"


def lines(*headers: str) -> str:
    """A GET of the stream with more headers."""
    return "\r\n".join(["GET / HTTP/1.1", "Host: x", *headers, "", ""])


@pytest.fixture(autouse=True)
def no_errors(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Whatever a client does, it is no error of ours: tests ask `clean` at their end."""
    caplog.set_level(logging.WARNING)
    return caplog


def clean(caplog: pytest.LogCaptureFixture) -> bool:
    """Nobody has logged an error."""
    return [each for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_bytes_after_the_request_are_not_answered(server: Server, tmp_path: Path) -> None:
    """G8: a second request on a stream's connection waits for ever, and the stream goes on."""
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        client.say(SHORT)
        await here.told(client)
        client.say("no HTTP at all" if server.fast else "")
        await here.told(client)
        assert client.data.count(b"HTTP/1.1 200") == 1


async def test_a_flood_is_cut_or_not_read(server: Server, tmp_path: Path) -> None:
    """G8: who talks much on the fast path is cut; uvicorn's own protocols stop reading."""
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        if server.fast:
            client.writer.write(b"x" * (MAX_UNASKED + 1))
            await client.cut()
            await here.forgotten()
        else:
            client.say(SHORT * 1_000)
            await here.told(client)


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
async def test_a_reader_that_leaves_is_forgotten(server: Server, tmp_path: Path, how: str) -> None:
    """However it goes, its stream is gone from the hub and its connection from the server."""
    if how == "half-close" and server.tls:
        how = "close"  # TLS has no half of it
    async with site(tmp_path, server=server) as here:
        client = await here.open()
        if how == "half-close":
            client.writer.write_eof()
        elif how == "reset":
            sock = client.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.writer.transport.abort()
        else:
            client.writer.close()
        await here.forgotten()


async def test_a_reset_in_the_middle_of_news(
    server: Server, tmp_path: Path, no_errors: pytest.LogCaptureFixture
) -> None:
    """A reader that goes while it is written to disturbs nobody, and logs no error."""
    async with site(tmp_path, server=server, backlog_bytes=4_000) as here:
        stays = await here.open()
        leaves = await here.open(receive_buffer=4_096, limit=512)
        streams = {stream.sink for stream in here.streams()}
        await here.notify(100, filler=600)
        sock = leaves.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaves.writer.transport.abort()
        await here.notify(100, filler=600)
        assert len(set(await stays.shown(200))) == 200
        while len(here.sinks()) > 1:
            await here.told(stays)
        assert set(here.sinks()) < streams
        assert clean(no_errors)


async def test_two_requests_at_once(server: Server, tmp_path: Path) -> None:
    """A pipelined request makes the socket stay where it is; the stream is the same."""
    async with site(tmp_path, server=server) as here:
        client = await here.open(GET + SHORT)
        assert [type(sink) for sink in here.sinks()] == [AsgiSink]
        await here.told(client)
        await here.alimi.end_streams(2)
        await client.until(b"short")
        assert client.complete == 2


async def test_a_stream_after_another_request(server: Server, tmp_path: Path) -> None:
    """A connection that was kept alive is handed over as well, and no timer ends it."""
    async with site(tmp_path, server=server) as here:
        client = await here.connect()
        for count in (1, 2):
            client.say(SHORT)
            while client.complete < count:
                await client.more()
        client.say(GET)
        await client.until(b"event: hello")
        assert [type(sink) for sink in here.sinks()] == [TransportSink if server.fast else AsgiSink]
        await here.told(client)


async def test_http_1_0_gets_no_chunks(server: Server, tmp_path: Path) -> None:
    """An old proxy reads plain bytes until the end; uvicorn's own httptools sends it chunks."""
    async with site(tmp_path, server=server) as here:
        client = await here.open("GET / HTTP/1.0\r\n\r\n")
        await here.told(client)
        head, _, body = client.data.partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        if server.name != "httptools":
            assert b"transfer-encoding" not in head.lower()
            assert body.startswith(b"retry: ")
        await here.alimi.end_streams(2)
        await client.end()
        assert client.page.said_bye == "hangup"


async def test_http_1_0_with_a_body_that_comes_late(
    server: Server, tmp_path: Path, no_errors: pytest.LogCaptureFixture
) -> None:
    """What can be neither handed over nor sent without chunks is ended, and is no error."""
    async with site(tmp_path, server=server) as here:
        client = await here.connect()
        client.say("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n")
        if server.fast:
            await client.cut()
        else:
            await client.until(b"event: hello")
            client.writer.close()
        await here.forgotten()
        assert clean(no_errors)


async def test_connection_close(server: Server, tmp_path: Path) -> None:
    """A client that wants no second request gets its stream and a clean end."""
    async with site(tmp_path, server=server) as here:
        client = await here.open(lines("Connection: close"))
        assert b"connection: close" in client.data.lower()
        await here.told(client)
        await here.alimi.end_streams(2)
        await client.end()
        assert client.complete == 1


async def test_head(server: Server, tmp_path: Path) -> None:
    """Headers and no stream; the connection can be used again."""
    async with site(tmp_path, server=server) as here:
        client = await here.connect()
        client.say("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 15)
        assert b"text/event-stream" in head
        assert here.streams() == []
        client.say(GET)
        await client.until(b"event: hello")
        assert client.data.startswith(b"HTTP/1.1 200")


async def test_expect_100_continue(server: Server, tmp_path: Path) -> None:
    """No interim answer stands in the middle of a stream."""
    async with site(tmp_path, server=server) as here:
        client = await here.open(lines("Expect: 100-continue", "Content-Length: 5"))
        client.say("abcde")
        await here.told(client)
        assert client.data.partition(b"\r\n\r\n")[2].count(b"HTTP/1.1") <= 1
        body = client.data[client.data.index(b"retry: ") :]
        assert b"HTTP/1.1" not in body


async def test_a_body_with_the_request(server: Server, tmp_path: Path) -> None:
    """A GET may have a body; complete, it is no obstacle."""
    async with site(tmp_path, server=server) as here:
        client = await here.open(lines("Content-Length: 5") + "abcde")
        assert [type(sink) for sink in here.sinks()] == [TransportSink if server.fast else AsgiSink]
        await here.told(client)


@pytest.mark.parametrize("how", ["length", "chunks"])
async def test_a_body_that_comes_late(server: Server, tmp_path: Path, how: str) -> None:
    """What is not yet a whole request stays with uvicorn, and its rest is not taken for another."""
    header = "Content-Length: 5" if how == "length" else "Transfer-Encoding: chunked"
    async with site(tmp_path, server=server) as here:
        client = await here.open(lines(header))
        assert [type(sink) for sink in here.sinks()] == [AsgiSink]
        client.say("abcde" if how == "length" else "5\r\nabcde\r\n0\r\n\r\n")
        await here.told(client)
        await here.alimi.end_streams(2)
        client.say(SHORT)
        await client.until(b"short")
        assert client.complete == 2


async def test_an_upgrade_to_http_2_is_not_taken(server: Server, tmp_path: Path) -> None:
    """Java's client offers h2c with every request; it gets HTTP/1.1."""
    async with site(tmp_path, server=server) as here:
        headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAQA")
        client = await here.open(lines(*headers))
        await here.told(client)
        assert client.data.startswith(b"HTTP/1.1 200")


ON_THE_FAST_PATH = pytest.mark.parametrize(
    "server", [each for each in SERVERS if each.fast], ids=lambda each: each.name
)
HALF = "GET /short HTTP/1.1\r\nHost: x\r\n"
#: A deadline that no test waits for twice; what follows it waits for its event.
SHORTLY = 0.3


def closed(here: Site) -> dict[str, float]:
    """How often connections were closed, by reason."""
    told = here.alimi.metrics.connections_closed
    name = f"{told.name}_total"
    found = here.alimi.metrics.registry.get_sample_value
    counts = {each: found(name, {"reason": each}) or 0 for each in told.values}
    return {reason: count for reason, count in counts.items() if count}


@ON_THE_FAST_PATH
@pytest.mark.parametrize("said", ["", "\r\n", HALF], ids=["nothing", "a blank line", "half a head"])
async def test_g8_who_sends_no_whole_head_in_time_is_closed(
    server: Server, tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a connection without a request ends; a stream that is open is left alone."""
    monkeypatch.setattr("alimi.uvicorn.HEAD_SECONDS", SHORTLY)
    async with site(tmp_path, server=server) as here:
        stream = await here.open()
        client = await here.connect()
        client.say(said)
        answer = await client.end()
        assert answer.startswith(b"HTTP/1.1 408 ") if said == HALF else answer == b""
        assert closed(here) == {"head": 1}
        await here.told(stream)


@ON_THE_FAST_PATH
async def test_g8_bytes_that_dribble_in_do_not_lengthen_the_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a head has one deadline, however often something of it comes."""
    monkeypatch.setattr("alimi.uvicorn.HEAD_SECONDS", SHORTLY)
    async with site(tmp_path, server=server) as here:
        client = await here.connect()
        client.say(HALF)
        ended = asyncio.create_task(client.cut())
        while not ended.done():
            client.say("X-More: x\r\n")
            await asyncio.wait([ended], timeout=SHORTLY / 10)
        assert closed(here) == {"head": 1}


@ON_THE_FAST_PATH
@pytest.mark.parametrize("said", ["\r\n", HALF], ids=["a blank line", "half a head"])
async def test_g8_a_kept_connection_has_no_longer_for_its_next_head(
    server: Server, tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: any byte ends uvicorn's time for keeping a connection, so ours begins."""
    monkeypatch.setattr("alimi.uvicorn.HEAD_SECONDS", SHORTLY)
    async with site(tmp_path, server=server) as here:
        client = await here.connect()
        client.say(SHORT)
        await client.until(b"short")
        client.say(said)
        await client.end()
        assert closed(here) == {"head": 1}


@ON_THE_FAST_PATH
async def test_g8_a_late_body_is_not_the_heads_business(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a request whose head is here is not cut, and its application says how long it waits."""
    monkeypatch.setattr("alimi.uvicorn.HEAD_SECONDS", SHORTLY)
    async with site(tmp_path, server=server) as here:
        slow, silent = await here.connect(), await here.connect()
        slow.say("POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        await silent.end()
        slow.say("cde")
        assert b"abcde" in await slow.until(b"abcde")
        assert closed(here) == {"head": 1}


@ON_THE_FAST_PATH
async def test_g8_who_has_waited_longest_makes_room(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: silent connections have a bound, and at the bound they do not keep others out."""
    monkeypatch.setattr("alimi.uvicorn.MAX_WAITING", 3)
    async with site(tmp_path, server=server) as here:
        silent = [await here.connect() for _ in range(3)]
        stream = await here.open()
        await silent[0].cut()
        assert closed(here) == {"room": 1}
        another = await here.connect()
        another.say(SHORT)
        await another.until(b"short")
        silent[1].say(SHORT)
        await silent[1].until(b"short")
        await here.told(stream)
        assert closed(here) == {"room": 1}


@ON_THE_FAST_PATH
async def test_g8_without_descriptors_newcomers_are_turned_away(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_errors: pytest.LogCaptureFixture,
) -> None:
    """G8: near the limit of open files whoever is served is served on, and the log says it once."""
    async with site(tmp_path, server=server) as here:
        stream = await here.open()
        monkeypatch.setattr("alimi.uvicorn._descriptors", lambda: 4)
        for count in (1, 2):
            client = await here.connect()
            await client.cut()
            assert closed(here) == {"full": count}
        assert sum("no room" in each.message for each in no_errors.records) == 1
        monkeypatch.undo()
        await here.told(stream)
        await here.open()
