"""The tutorial, typed in as it stands."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from alimi.contrib.sqlalchemy import holds_write_transaction
from alimi.errors import ConfigurationError, WithinMissing
from tests.docs import pages
from tests.docs.running import stream_of, uvicorn
from tests.support import chromium

TUTORIAL = pages.DOCS / "tutorial.md"
CHECKS = pages.checks(TUTORIAL)
PATIENCE = 20


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a reader has typed so far."""
    for name, content in pages.files(TUTORIAL).items():
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def logged_in(address: str, user: int) -> Iterator[httpx.Client]:
    """A browser of one person."""
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        client.post(f"/login/{user}").raise_for_status()
        yield client


def give_card(ada: httpx.Client) -> None:
    """The commands of "Try it"."""
    card = ada.post("/cards", params={"title": "Ship it"}).raise_for_status().json()["id"]
    ada.patch(f"/cards/{card}/assignee/2").raise_for_status()


def test_the_bell_rings_and_a_kill_loses_nothing(folder: Path) -> None:
    """G1, G2: what is assigned arrives on the stream in the reader's language, and stays."""
    with uvicorn(folder) as (process, address), logged_in(address, 1) as ada:
        with logged_in(address, 2) as other, stream_of(other) as events:
            assert next(events).event == "hello"
            give_card(ada)
            assert json.loads(next(events).data)["message"] == "Ada님이 카드를 맡겼습니다."
        process.kill()
        process.wait()
    with uvicorn(folder) as (_, address), logged_in(address, 2) as other:
        inbox = other.get("/alimi/v1/inbox").json()
        card = other.get(inbox["items"][0]["url"]).json()
    assert card == {"id": 1, "title": "Ship it", "assignee": 2}
    assert [item["url"] for item in inbox["items"]] == ["/cards/1"]
    assert inbox["unread"] == inbox["unseen"] == 1


def test_the_server_stops_under_open_streams(folder: Path) -> None:
    """G8: a page that is open does not hold up a reload; it is told to come back."""
    with uvicorn(folder) as (process, address), logged_in(address, 2) as other:
        with stream_of(other) as events:
            assert next(events).event == "hello"
            process.terminate()
            assert [(event.event, event.data) for event in events] == [
                ("bye", '{"reason":"drain"}')
            ]
        process.wait(PATIENCE)


async def test_the_page_shows_the_bell_under_its_policy(folder: Path) -> None:
    """Nothing of the bell is forbidden by the policy that the tutorial gives."""
    complaints: list[str] = []
    with uvicorn(folder) as (_, address):
        with logged_in(address, 1) as ada:
            give_card(ada)
        async with chromium.launched() as browser:
            page = await browser.new_page()
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.request.post(f"{address}/login/2")
            await page.goto(address)
            await expect(page.get_by_role("button", name="Notifications, 1 new")).to_be_visible()
    assert [each for each in complaints if "favicon" not in each and "404" not in each] == []


def test_its_own_tests_pass(folder: Path) -> None:
    """The test file that it shows is right about TestClient, the portal and `flush`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py"]
    # Its tests need none of the plugins that ours do, and those take seconds to load.
    plain = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=folder, env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert not (folder / "app.db").exists()  # the reader's own database


# What trips newcomers


@pytest.fixture
def app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the reader's app.py."""
    return pages.load(folder / "app.py", monkeypatch)


def compiled(name: str) -> CodeType:
    """A block that may say `await` at its top."""
    code: CodeType = compile(CHECKS[name], name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


async def run(name: str, names: dict[str, Any]) -> None:
    """Run a block with these names."""
    waiting = eval(compiled(name), names)
    if waiting is not None:
        await waiting


@contextmanager
def disposing(names: dict[str, Any], *engines: str) -> Iterator[None]:
    try:
        yield
    finally:
        for engine in engines:
            names[engine].dispose()


async def test_every_trap_is_as_it_says(app: dict[str, Any]) -> None:
    """Preparing, reading, forgetting `within`, a dependency as `who`, a synchronous session."""
    site = app["app"]
    async with site.router.lifespan_context(site):
        async with app["sessions"]() as session, session.begin():
            session.add(app["Card"](title="Ship it"))
        with pytest.raises(WithinMissing):
            await run("within missing", app)
        with pytest.raises(ConfigurationError, match="not by your framework"):
            await run("who refused", app)
        await run("readers", app)
        async with app["readers"]() as session:
            await session.get(app["Card"], 1)
            assert not holds_write_transaction(app["engine"])
        await run("prepare", app)
        with disposing(app, "reports"), app["reports"].begin():
            assert holds_write_transaction(app["reports"])
        await run("sync", app)
        with disposing(app, "sync_engine"):
            await run("sync route", app)
            # In a thread, as the framework would: a second card, so a second row.
            async with app["sessions"]() as session, session.begin():
                session.add(app["Card"](title="Ship it twice"))
            await asyncio.to_thread(app["assign_in_a_thread"], 2, 2, 1)
            await app["alimi"].flush()
        page = await app["alimi"].inbox(2).page()
    assert [row.url for row in page.items] == ["/cards/2", "/cards/1"]
    assert {row.texts["en"] for row in page.items} == {"Ada gave you a card."}


def test_every_check_of_the_page_is_run() -> None:
    """A block that somebody adds is not forgotten here."""
    assert CHECKS.keys() == {
        "prepare",
        "readers",
        "within missing",
        "who refused",
        "sync",
        "sync route",
    }
