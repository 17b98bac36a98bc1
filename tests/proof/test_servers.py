"""The same stream on every server we name: it begins, it is live, it ends, and the server can stop.

Only uvicorn lets an application see that it is about to stop; there readers hear `bye`.  hypercorn
cuts its connections after its graceful timeout (3 s), granian's main process kills a worker that
still serves after `workers_kill_timeout`: their readers see a cut and come back with their cursor.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.processes import AppProcess, an_app
from tests.support.processes_wire import Page

SERVERS = ("uvicorn-fast", "uvicorn-httptools", "uvicorn-h11", "hypercorn", "granian")
#: Seconds until a server with open streams has ended after SIGTERM.
UVICORN_STOPS = 3
CUT_AT = {"hypercorn": 3, "granian": 2}
#: What a busy machine may add.
SLACK = 4


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The application on one server."""
    with an_app(tmp_path_factory.mktemp("app"), server=request.param) as app:
        yield app


@pytest.fixture
def app(server: AppProcess) -> AppProcess:
    """The same, ready, whatever the test before has done to it."""
    if not server.alive:
        server.start()
        server.wait_ready()
    return server


async def test_a_stream_begins_lives_and_its_end_is_noticed(app: AppProcess) -> None:
    """Headers and `hello` come at once, news by itself, and a reader who leaves is forgotten."""
    first, second = Page(app.port, "2"), Page(app.port, "2")
    await first.open()
    await second.open()
    assert first.status == 200
    assert first.answer.headers["content-type"] == "text/event-stream"
    assert first.answer.headers["cache-control"] == "no-cache, no-transform"
    assert first.answer.headers["x-accel-buffering"] == "no"
    assert "connection" not in first.answer.headers
    await asyncio.to_thread(app.wait_metric, "alimi_streams", 2)

    await asyncio.to_thread(app.post, "/notify", name="12", to=["2"])
    for page in (first, second):
        await page.until(lambda reader: len(reader.shown) == 1)
        assert page.news[0][1]["message"] == "You are now the assignee of 12."

    await second.close()
    await asyncio.to_thread(app.wait_metric, "alimi_streams", 1)
    await asyncio.to_thread(app.post, "/notify", name="13", to=["2"])
    await first.until(lambda reader: len(reader.shown) == 2)
    assert not first.reader.complaints
    await first.close()


async def test_head_answers_with_headers_only(app: AppProcess) -> None:
    """A HEAD ends at once and opens no stream."""
    async with httpx.AsyncClient(base_url=app.address, cookies={"user": "2"}) as client:
        answer = await client.head("/alimi/v1/inbox/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content == b""
    assert await asyncio.to_thread(app.metric, "alimi_streams") == 0


async def test_a_server_stops_with_streams_open(app: AppProcess) -> None:
    """SIGTERM ends the process in bounded time; after a restart the page has everything."""
    page = Page(app.port, "3")
    await page.open()
    await asyncio.to_thread(app.post, "/notify", name="12", to=["3"])
    await page.until(lambda reader: len(reader.shown) == 1)

    seconds = await asyncio.to_thread(app.terminate)
    assert seconds < CUT_AT.get(app.server, UVICORN_STOPS) + SLACK
    if app.server.startswith("uvicorn"):
        assert ("bye", {"reason": "drain"}) in [event[:2] for event in page.reader.events]
        assert page.ended_well[0]

    app.start()
    await asyncio.to_thread(app.wait_ready)
    await asyncio.to_thread(app.post, "/notify", name="13", to=["3"])
    await page.until(lambda reader: len(reader.rows) == 2)
    assert page.reader.resets == 0
    assert not page.reader.complaints
    await page.close()
