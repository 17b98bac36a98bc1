"""SIGTERM with thousands of streams open: each is told, the process ends soon, and ends well."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import an_app

STREAMS = 5_000
RECIPIENTS = 100
#: How many connections are being opened at a time.
ABREAST = 200
#: Seconds from SIGTERM to the end of the process, and what a busy machine may add.
STOPS, SLACK = 5, 10
END = b"0\r\n\r\n"


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many files as this machine lets us open; the server's process inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = STREAMS + 500
    assert hard == resource.RLIM_INFINITY or hard >= wanted, f"ulimit -Hn is below {wanted}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Listener(asyncio.Protocol):
    """A reader that keeps all it hears; thousands of them are cheap."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.heard = bytearray()
        self.began: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[Exception | None] = loop.create_future()
        self._user = number % RECIPIENTS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        request = f"GET /alimi/v1/inbox/stream HTTP/1.1\r\nHost: x\r\nCookie: user={self._user}\r\n"
        transport.write(request.encode() + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if b"event: hello" in self.heard and not self.began.done():
            self.began.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


async def crowd(port: int) -> list[Listener]:
    """Open them all."""
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    for first in range(0, STREAMS, ABREAST):
        made = [Listener(first + number) for number in range(ABREAST)]
        await asyncio.gather(
            *(loop.create_connection(lambda it=it: it, "127.0.0.1", port) for it in made)  # type: ignore[misc]
        )
        await asyncio.gather(*(each.began for each in made))
        listeners += made
    return listeners


async def test_five_thousand_streams_end_well(tmp_path: Path, many_descriptors: None) -> None:
    """G8: bye, a delay of its own and a proper end for each, within a bound, and a sane status."""
    settings = {"max_streams_per_recipient": STREAMS}
    with an_app(tmp_path, server="uvicorn-fast", settings=settings) as app:
        listeners = await crowd(app.port)
        assert await asyncio.to_thread(app.metric, "alimi_streams") == STREAMS
        seconds = await asyncio.to_thread(app.terminate)  # demands 0 or the signal's own status
        ends = await asyncio.gather(*(each.ended for each in listeners))
        assert seconds < STOPS + SLACK
        assert set(ends) == {None}
        assert all(each.heard.endswith(END) for each in listeners)
        assert all(b'event: bye\ndata: {"reason":"drain"}' in each.heard for each in listeners)
        delays = [each.heard.rpartition(b"retry: ")[2].partition(b"\n")[0] for each in listeners]
        assert len({bytes(each) for each in delays}) > 1_000
        assert "ERROR" not in app.log()
        assert "Traceback" not in app.log()
