"""The rows of the panel: marks and undo, links, views, and the list's end."""

from __future__ import annotations

import asyncio

from playwright.async_api import Route, expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    fill,
    rows,
)

READ = "2026-01-01T00:00:00.000Z"


async def test_reading_and_archiving_with_undo(server: FakeAlimi, visitor: Visitor) -> None:
    """A row is archived at once and undone exactly; mark-all is undone for what it changed."""
    fill(server, 3)
    server.inbox("2").rows["ntag21"]["read_at"] = READ
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await rows(page).nth(1).hover()
    await rows(page).nth(1).get_by_role("button", name="Archive").click()
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("button", name="Undo").click()
    await expect(rows(page)).to_have_count(3)
    await expect(rows(page).nth(1)).to_contain_text("Message 2")
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(0)
    await expect(page.get_by_role("button", name="Mark all as read")).to_be_disabled()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(2)
    marks = server.asked("/alimi/v1/inbox/mark")
    assert [(m or {})["action"] for m in marks if (m or {}).get("at")] == ["unarchive", "unread"]


async def test_rows_are_real_links(server: FakeAlimi, visitor: Visitor) -> None:
    """A click follows the link and marks it read; an application may take the click over."""
    fill(server, 2)
    server.pages["/cards/1"] = "<!doctype html><title>Card 1</title>"
    server.notify("2", "No way", url="javascript:alert(1)")
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page).nth(1).locator("a")).to_have_attribute("href", "/cards/2")
    await expect(rows(page).nth(0).locator("a")).to_have_count(0)
    await page.evaluate(
        """() => document.addEventListener("alimi-open", (event) => {
            event.preventDefault();
            document.title = event.detail.notification.url;
        }, {once: true})"""
    )
    await rows(page).nth(1).locator("a").click()
    await expect(page).to_have_title("/cards/2")
    assert page.url == server.origin + "/"
    await server.until(lambda: bool(server.inbox("2").rows["ntag22"]["read_at"]))
    await page.locator("alimi-bell .bell").click()
    async with page.expect_navigation(url="**/cards/1"):
        await rows(page).nth(2).locator("a").click()
    await server.until(lambda: bool(server.inbox("2").rows["ntag21"]["read_at"]))


async def test_the_views_and_endless_scroll(server: FakeAlimi, visitor: Visitor) -> None:
    """Unread and archived are views of their own; a long list goes on as it is scrolled."""
    fill(server, 45)
    inbox = server.inbox("2")
    inbox.mark({"action": "archive", "ids": ["ntag245"]})
    inbox.mark({"action": "read", "upto": 40})
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(20)
    await page.locator("alimi-bell .list").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    await expect(rows(page)).to_have_count(40)
    await page.locator("alimi-bell .list").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    await expect(rows(page)).to_have_count(44)
    await page.get_by_role("tab", name="Unread 4").click()
    await expect(rows(page)).to_have_count(4)
    await page.get_by_role("tab", name="Archived").click()
    await expect(rows(page)).to_have_count(1)
    await rows(page).first.hover()
    await page.get_by_role("button", name="Move back").click()
    await expect(page.locator("alimi-bell .empty")).to_contain_text("Nothing here.")


async def test_the_end_has_a_real_button(server: FakeAlimi, visitor: Visitor) -> None:
    """Who does not scroll gets the next page by a button; a failure there can be tried again."""
    fill(server, 45)
    await visitor.context.add_init_script("window.IntersectionObserver = class { observe() {} }")
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await page.get_by_role("button", name="Load more").click()
    await expect(rows(page)).to_have_count(40)
    server.refuse = 500
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator("alimi-bell .more")).to_contain_text("Could not load")
    server.refuse = None
    await page.get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(45)


async def test_loading_and_error_states(server: FakeAlimi, visitor: Visitor) -> None:
    """A list on its way is busy; one that does not come says so and offers another try."""
    fill(server, 2)
    page = await visitor.open()
    arrive = asyncio.Event()

    async def hold(route: Route) -> None:
        await arrive.wait()
        await route.continue_()

    await page.route("**/v1/inbox?*", hold)
    await page.locator("alimi-bell .bell").click()
    await expect(page.locator("alimi-bell .list")).to_have_attribute("aria-busy", "true")
    await expect(page.locator("alimi-bell .bones")).to_be_visible()
    server.refuse = 500
    arrive.set()
    await expect(page.locator("alimi-bell .empty")).to_contain_text("Could not load")
    await expect(page.locator("alimi-bell .list")).to_have_attribute("aria-busy", "false")
    server.refuse = None
    await page.locator("alimi-bell .empty").get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(2)
