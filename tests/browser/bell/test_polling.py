"""Behind a proxy that holds event streams back, a reader still learns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.axe import axe
from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import Visitor, badge, fill, page_text, rows
from tests.support.withholding import WithholdingProxy

#: The feed is then in the page, whose clock a test can set.
OWN_STREAM = """
delete window.SharedWorker;
Object.defineProperty(navigator, 'locks', {value: undefined});
"""
HIDDEN = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""
#: Ten seconds without a stream, five until the page's next look, and what a slow machine needs.
SOON = 30_000


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(server: FakeAlimi) -> AsyncIterator[WithholdingProxy]:
    """A proxy before the fake server that passes no body of a stream on."""
    async with WithholdingProxy(server.port) as proxy:
        yield proxy


async def visit(visitor: Visitor, proxy: WithholdingProxy) -> Page:
    """The page as it comes through the proxy."""
    page = await visitor.context.new_page()
    await page.goto(proxy.origin + "/")
    return page


def questions(proxy: WithholdingProxy) -> int:
    """How often the counts were asked for."""
    return sum(path.endswith("/counts") for path in proxy.asked)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("sharing", ["worker", "lock"])
async def test_news_comes_without_a_stream(
    server: FakeAlimi, visitor: Visitor, proxy: WithholdingProxy, sharing: str
) -> None:
    """In real time: badge and toast by the asking of one tab, also where a hidden one leads.

    When the proxy lets streams through, the stream takes over.
    """
    if sharing == "lock":
        await visitor.context.add_init_script("delete window.SharedWorker")
    first = await visit(visitor, proxy)
    await first.evaluate(HIDDEN, True)
    second = await visit(visitor, proxy)
    for page in (first, second):
        await expect(page.locator("alimi-bell")).to_have_attribute("state", "polling", timeout=SOON)
        assert await page.evaluate("document.querySelector('alimi-bell').client.sharing") == sharing
    server.notify("2", "Through the proxy", url="/cards/1")
    before = questions(proxy)
    for page in (first, second):
        await expect(badge(page)).to_have_text("1", timeout=SOON)
    await expect(second.locator("alimi-bell .toast")).to_contain_text("Through the proxy")
    assert 1 <= questions(proxy) - before <= 2
    proxy.let_through()
    for page in (first, second):
        await expect(page.locator("alimi-bell")).to_have_attribute("state", "live", timeout=SOON)
    server.notify("2", "Over the stream")
    for page in (first, second):
        await expect(badge(page)).to_have_text("2")
    await expect(second.locator("alimi-bell .toast")).to_have_count(2)


async def test_only_a_page_that_is_looked_at_asks(
    server: FakeAlimi, visitor: Visitor, proxy: WithholdingProxy
) -> None:
    """A hidden page is silent for an hour; shown again it asks at once, and says so honestly."""
    await visitor.context.add_init_script(OWN_STREAM)
    await visitor.context.clock.install()
    page = await visit(visitor, proxy)
    await page.emulate_media(reduced_motion="reduce")
    await page.clock.run_for(20_000)
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "polling")
    await page.evaluate(HIDDEN, True)
    before = questions(proxy)
    await page.clock.run_for(60_000)
    # From now on no clock of the page makes it ask.
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=110))
    assert questions(proxy) == before
    server.notify("2", "Meanwhile")
    await page.evaluate(HIDDEN, False)
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("alimi-bell .toast")).to_contain_text("Meanwhile")
    await page.clock.resume()
    await page.locator("alimi-bell .bell").click()
    note = page.locator("alimi-bell .note").first
    await expect(note).to_contain_text("No live connection. Looking for news every few seconds.")
    await page.clock.run_for(2_000)
    await expect(page.locator("alimi-bell [role=status]")).to_contain_text("No live connection.")
    assert await axe(page) == []


async def test_an_open_list_follows(
    server: FakeAlimi, visitor: Visitor, proxy: WithholdingProxy
) -> None:
    """News comes to the list, what was dealt with elsewhere goes, marks arrive; nothing jumps."""
    await visitor.context.add_init_script(OWN_STREAM)
    await visitor.context.clock.install()
    fill(server, 3)
    server.pages["/hear.js"] = (
        "addEventListener('alimi-hello', () => (hellos = window.hellos + 1 || 1))"
    )
    server.pages["/"] = page_text(script='<script src="/hear.js"></script>')
    page = await visit(visitor, proxy)
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await page.clock.run_for(20_000)
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "polling")
    # What signals would keep fresh is read again with each answer.
    assert await page.evaluate("hellos") >= 1
    asked = [path for path in proxy.asked if "inbox?" in path]
    top = server.notify("2", "At the top")
    await page.clock.run_for(11_000)
    await expect(rows(page)).to_have_count(4)
    await expect(rows(page).first).to_contain_text("At the top")
    # For the news, and not for the list again.
    assert [path for path in proxy.asked if "inbox?" in path] == [
        *asked,
        "/alimi/v1/inbox?limit=20",
    ]
    await page.keyboard.press("ArrowDown")
    server.notify("2", "Held")
    await page.clock.run_for(11_000)
    await expect(page.locator("alimi-bell .pill")).to_have_text("1 new")
    await expect(rows(page)).to_have_count(4)
    server.inbox("2").mark({"action": "archive", "ids": ["ntag21"]})
    await page.clock.run_for(11_000)
    await expect(rows(page)).to_have_count(3)
    await page.keyboard.press("Home")
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await server.until(lambda: bool(server.inbox("2").rows[top["id"]]["read_at"]))
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(2)


async def test_signed_out_without_a_stream(
    server: FakeAlimi, visitor: Visitor, proxy: WithholdingProxy
) -> None:
    """The question finds out what the stream cannot: nobody is logged in any more (G7)."""
    await visitor.context.add_init_script(OWN_STREAM)
    await visitor.context.clock.install()
    page = await visit(visitor, proxy)
    await page.clock.run_for(20_000)
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "polling")
    await visitor.context.clear_cookies()
    await page.clock.run_for(11_000)
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "out")
