"""The wire read by clients that are not ours: curl, httpx-sse, npm's eventsource, and Chromium."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from alimi import Alimi
from tests.support.chromium import launched
from tests.support.processes import AppProcess, an_app
from tests.support.processes_foreign import Curl, Foreign, HttpxSse, NodeEventSource
from tests.support.server_app import TEXT

CLIENTS = (Curl, HttpxSse, NodeEventSource)
STREAM = "/alimi/v1/inbox/stream"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One server for all clients; each has a recipient of its own."""
    settings = {"retry_ms": [300, 500], "synchronous": "NORMAL"}
    with an_app(tmp_path_factory.mktemp("foreign"), settings=settings) as app:
        yield app


@pytest.fixture
def app(server: AppProcess) -> AppProcess:
    """The same, alive."""
    if not server.alive:
        server.start()
        server.wait_ready()
    return server


def korean(name: str) -> str:
    return f"{name} 카드를 맡으셨어요 🔔"


async def restart(app: AppProcess, user: str, *names: str) -> None:
    """Killed, and started anew; meanwhile another process of the application records something."""
    app.kill()
    alimi = Alimi(app.database)
    kind = alimi.kind("card.assigned", category="cards", text=TEXT)
    with closing(sqlite3.connect(app.database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for name in names:
            kind.record(to=user, object=name, within=db)
        db.execute("COMMIT")
    app.start()
    await asyncio.to_thread(app.wait_ready)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_foreign_client_follows_through_a_restart(
    app: AppProcess, client: type[Foreign]
) -> None:
    """G5: hello, live news in Korean; killed and started anew, all that was missed and once."""
    user = client.__name__
    async with client(f"{app.address}{STREAM}", user) as reader:
        await reader.until(lambda: bool(reader.heard))
        event, place, data = reader.heard[0]
        assert (event, place, data["unread"]) == ("hello", data["cursor"], 0)

        await asyncio.to_thread(app.post, "/notify", name="배포하기", to=[user])
        await reader.until(lambda: len(reader.texts()) == 1)
        assert reader.heard[1][1] == reader.last_id

        place = reader.last_id
        await restart(app, user, "둘", "셋")
        await asyncio.to_thread(app.post, "/notify", name="넷", to=[user])
        await reader.until(lambda: len(reader.texts()) == 4)
        assert reader.texts() == list(map(korean, ["배포하기", "둘", "셋", "넷"]))
        hellos = [each for event, each, _ in reader.heard if event == "hello"]
        assert hellos[-1] == place
        assert "reset" not in [event for event, _, _ in reader.heard]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_foreign_client_without_a_login_hears_that_it_has_none(
    app: AppProcess, client: type[Foreign]
) -> None:
    """G7: nobody is nobody: 401, and not a byte of a stream."""
    async with client(f"{app.address}{STREAM}", "") as reader:
        await reader.until(lambda: bool(reader.refused))
        assert reader.refused == ["401"]
        assert reader.heard == []


async def test_a_page_that_only_knows_eventsource_survives_a_restart(app: AppProcess) -> None:
    """`new EventSource`, `onmessage` and `.message` are enough; Chromium comes back by itself."""
    async with launched() as browser:
        context = await browser.new_context(locale="ko-KR")
        await context.add_cookies([{"name": "user", "value": "page", "url": app.address}])
        page = await context.new_page()
        async with page.expect_response("**/sse") as opened:
            await page.goto(f"{app.address}/page")
        assert (await opened.value).headers["content-type"] == "text/event-stream"
        await asyncio.to_thread(app.wait_metric, "alimi_streams", 1)

        await asyncio.to_thread(app.post, "/notify", name="배포하기", to=["page"])
        await page.locator("li").nth(0).wait_for()
        await restart(app, "page", "둘", "셋")
        await asyncio.to_thread(app.post, "/notify", name="넷", to=["page"])
        await page.locator("li").nth(3).wait_for()
        texts = await page.locator("li").all_text_contents()
        assert texts == list(map(korean, ["배포하기", "둘", "셋", "넷"]))
        await context.close()
