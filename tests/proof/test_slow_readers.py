"""G8: memory stays flat while 1,000 stalled readers are fed, live and in a replay.

Each of them may hold what is unsent at its cap, one more write, and uvicorn's own copy of both; the
bound below says five times `backlog_bytes`.  Without any bound this feed is 4 GB, twice.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub.test_streams import read
from tests.support.node import a_node
from tests.support.processes import AppProcess, an_app
from tests.support.processes_wire import Page

READERS = 1_000
BACKLOG = 65_536
BOUND = READERS * 5 * BACKLOG
#: What one reader is fed: 16 times 16 notifications of 15 kB.
ROUNDS, EVENTS, SIZE = 16, 16, 15_000
#: How soon a healthy reader has an event among the stalled ones, on a busy machine.
PROMPT = 3
CUT = 'alimi_streams_ended_total{reason="stalled"}'
SERVERS = ("uvicorn-fast", "uvicorn-httptools")


def stalled(port: int, cursor: str | None) -> socket.socket:
    """A reader that asks and never reads, and whose kernel takes little for it."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader.connect(("127.0.0.1", port))
    resume = f"Last-Event-ID: {cursor}\r\n" if cursor else ""
    request = f"GET /alimi/v1/inbox/stream HTTP/1.1\r\nHost: x\r\nCookie: user=2\r\n{resume}\r\n"
    reader.sendall(request.encode())
    return reader


def crowd(app: AppProcess, cursor: str | None = None) -> list[socket.socket]:
    """A thousand of them, once the server has served each, or cut it already."""
    wanted = served(app) + READERS
    readers = [stalled(app.port, cursor) for _ in range(READERS)]
    app.wait_until(lambda: served(app) == wanted, f"{READERS} streams to be opened")
    return readers


def served(app: AppProcess) -> float:
    """Streams that are open, or were and stalled."""
    return app.metric("alimi_streams") + app.metric(CUT)


def leave(readers: list[socket.socket]) -> None:
    for reader in readers:
        reader.close()


async def feed(app: AppProcess, page: Page, number: int) -> float:
    """Some events for everybody; answers how long the healthy page waited for the last."""
    names = [f"{number}-{each}" for each in range(EVENTS)]
    wanted = len(page.reader.shown) + EVENTS
    started = time.monotonic()
    await asyncio.to_thread(app.post, "/append", names=names, to=["2"], size=SIZE)
    await page.until(lambda reader: len(reader.shown) == wanted)
    return time.monotonic() - started


@pytest.mark.timeout(120)
@pytest.mark.parametrize("server", SERVERS)
async def test_memory_stays_flat_while_stalled_readers_are_fed(
    tmp_path: Path, server: str, tell: Callable[[str], None]
) -> None:
    """G8: live or in a replay a stalled reader costs a bounded share, and delays nobody."""
    settings = {
        "max_streams_per_recipient": 2 * READERS,
        "backlog_bytes": BACKLOG,
        "stall_seconds": 3,
        "ping_seconds": 1,
        "synchronous": "NORMAL",
    }
    with an_app(tmp_path, server=server, send_buffer=16_384, settings=settings) as app:
        page = Page(app.port, "2")
        await page.open()
        start = page.reader.cursor
        readers = await asyncio.to_thread(crowd, app)
        idle = app.resident()
        waits = [await feed(app, page, number) for number in range(ROUNDS)]
        live = app.peak() - idle
        await asyncio.to_thread(app.wait_metric, "alimi_streams", 1)
        leave(readers)
        idle = app.resident()
        readers = await asyncio.to_thread(crowd, app, start)
        waits.append(await feed(app, page, ROUNDS))
        replay = app.peak() - idle
        await asyncio.to_thread(app.wait_metric, "alimi_streams", 1)
        leave(readers)
        cut = await asyncio.to_thread(app.metric, CUT)
        await page.close()
    tell(
        f"{server}: {READERS} stalled readers held {live / 1e6:.0f} MB live and "
        f"{replay / 1e6:.0f} MB more in a replay, of at most {BOUND / 1e6:.0f}; "
        f"a healthy one waited at most {max(waits):.2f} s"
    )
    assert live < BOUND
    assert replay < BOUND
    assert max(waits) < PROMPT
    assert cut == 2 * READERS
    assert not page.reader.complaints


async def test_one_write_is_bounded_in_bytes(tmp_path: Path) -> None:
    """G8: a read bounded in rows may be large; a slow reader still gets it in bounded pieces."""
    cap, filling = 10_000, {"filling": "x" * 1_000}
    async with a_node(tmp_path, backlog_bytes=cap) as node:
        _, sink = await node.open()
        cursor = read(sink.take()).cursor
        missed = await node.notify("2", count=100, data=filling)
        stream, slow = await node.open(cursor=cursor, slow=True)
        most, parts = 0, bytearray()
        while slow.backlog:
            most = max(most, slow.backlog)
            slow.drain()
            parts += slow.take()
            await node.hub.settled()
        assert most <= 2 * cap
        reader = read(bytes(parts))
        assert reader.shown == missed
        assert not stream.closed
        assert read(sink.take(), reader).shown == missed * 2
