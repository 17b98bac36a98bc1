"""The bell on a page of the real server: one connection for all tabs, by the server's own count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Console, OpenContext
from tests.support.processes import AppProcess
from tests.support.withholding import WithholdingProxy

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>
<script type="module" src="/alimi/bell.js"></script><alimi-bell></alimi-bell></html>"""


@pytest_asyncio.fixture(loop_scope="session")
async def app(tmp_path: Path) -> AsyncIterator[AppProcess]:
    """An application with Alimi, as a process of its own."""
    app = AppProcess(tmp_path / "app.db")
    app.start()
    await asyncio.to_thread(app.wait_ready)
    yield app
    app.kill()


async def visit(app: AppProcess, new_context: OpenContext, user: str) -> BrowserContext:
    """A browser in which somebody is logged in."""
    context = await new_context(base_url=app.address)
    await context.add_cookies([{"name": "user", "value": user, "url": app.address}])

    async def page(route: Route) -> None:
        await route.fulfill(content_type="text/html", body=PAGE)

    await context.route("**/a-page", page)
    return context


async def tab(context: BrowserContext) -> Page:
    """A tab whose bell is live."""
    page = await context.new_page()
    await page.goto("/a-page")
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "live")
    return page


async def post(app: AppProcess, **event: Any) -> None:
    await asyncio.to_thread(app.post, "/notify", **event)


async def test_all_tabs_share_one_connection(app: AppProcess, new_context: OpenContext) -> None:
    """Three tabs are one stream to the server; each rings, and seen in one is seen in all (G6)."""
    context = await visit(app, new_context, "2")
    tabs = [await tab(context) for _ in range(3)]
    await asyncio.to_thread(app.wait_metric, "alimi_streams", 1)
    other = await tab(await visit(app, new_context, "3"))
    await asyncio.to_thread(app.wait_metric, "alimi_streams", 2)
    for number in range(2):
        await post(app, name=f"card-{number}", to="2")
    for each in tabs:
        await expect(each.locator("alimi-bell .badge")).to_have_text("2")
    await expect(other.locator("alimi-bell .badge")).to_be_hidden()
    await tabs[0].locator("alimi-bell .bell").click()
    for each in tabs:
        await expect(each.locator("alimi-bell .badge")).to_be_hidden()
    await expect(tabs[0].locator("alimi-bell .row")).to_have_count(2)


async def test_offline_and_back(
    app: AppProcess, new_context: OpenContext, console: Console
) -> None:
    """What came while the browser was away is there when it is back, once (G4, G5)."""
    console.allow("ERR_INTERNET_DISCONNECTED")
    context = await visit(app, new_context, "2")
    page = await tab(context)
    await post(app, name="before", to="2")
    await expect(page.locator("alimi-bell .badge")).to_have_text("1")
    await context.set_offline(True)
    for number in range(3):
        await post(app, name=f"meanwhile-{number}", to="2")
    await context.set_offline(False)
    await expect(page.locator("alimi-bell .badge")).to_have_text("4")
    await page.locator("alimi-bell .bell").click()
    await expect(page.locator("alimi-bell .row")).to_have_count(4)


@pytest.mark.timeout(150)
async def test_behind_a_proxy_that_holds_streams_back(
    app: AppProcess, new_context: OpenContext
) -> None:
    """Badge and list follow, a mark arrives, and the stream takes over when it gets through."""
    context = await visit(app, new_context, "2")
    async with WithholdingProxy(app.port) as proxy:
        page = await context.new_page()
        await context.add_cookies([{"name": "user", "value": "2", "url": proxy.origin}])
        await page.goto(proxy.origin + "/a-page")
        bell = page.locator("alimi-bell")
        await expect(bell).to_have_attribute("state", "polling", timeout=30_000)
        await post(app, name="held-back", to="2")
        await expect(page.locator("alimi-bell .badge")).to_have_text("1", timeout=30_000)
        await expect(page.locator("alimi-bell .toast")).to_have_count(1)
        await page.locator("alimi-bell .bell").click()
        await page.locator("alimi-bell").get_by_role("button", name="Mark all as read").click()
        await expect(page.locator("alimi-bell .row-unread")).to_have_count(0)
        proxy.let_through()
        await expect(bell).to_have_attribute("state", "live", timeout=30_000)
        await post(app, name="streamed", to="2")
        await expect(page.locator("alimi-bell .row")).to_have_count(2)
        await expect(page.locator("alimi-bell .row-unread")).to_have_count(1)
        await page.close()


async def test_an_undo_on_the_real_server(app: AppProcess, new_context: OpenContext) -> None:
    """Mark all read, then take it back: another device agrees at each step (G6)."""
    page = await tab(await visit(app, new_context, "2"))
    phone = await tab(await visit(app, new_context, "2"))
    for number in range(3):
        await post(app, name=f"card-{number}", to="2")
    await page.locator("alimi-bell .bell").click()
    await phone.locator("alimi-bell .bell").click()
    unread = phone.locator("alimi-bell .row-unread")
    await expect(unread).to_have_count(3)
    await page.locator("alimi-bell").get_by_role("button", name="Mark all as read").click()
    await expect(unread).to_have_count(0)
    await page.locator("alimi-bell").get_by_role("button", name="Undo").click()
    await expect(unread).to_have_count(3)
    assert await asyncio.to_thread(app.metric, "alimi_resets_total") == 0
