"""Without a connection, and back: nothing is missed, no mark is lost."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    badge,
    fill,
    rows,
)


async def test_a_lost_connection_is_said(server: FakeAlimi, visitor: Visitor) -> None:
    """With the panel open, the live region says that the connection is lost."""
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await server.stop()
    status = page.locator("alimi-bell [role=status]")
    await expect(status).to_have_text("Not connected. Trying again…")
    await server.start()


async def test_restart_of_the_server_under_an_open_page(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """The server goes and comes back: the page says so, resumes and misses nothing (G5)."""
    page = await visitor.open()
    await server.stop()
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "retry")
    server.inbox("2").add("While it was away", url="/cards/1")
    await server.start()
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("alimi-bell .toast")).to_contain_text("While it was away")
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "live")


async def test_a_page_in_the_back_forward_cache_resumes(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Leaving the page ends its stream; coming back catches up with what came meanwhile (G5)."""
    server.pages["/other"] = "<!doctype html><title>Other</title><p>Other</p>"
    page = await visitor.open()
    await page.goto(server.origin + "/other")
    await server.until(lambda: not server.of("2"))
    server.notify("2", "Meanwhile")
    await page.go_back()
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("alimi-bell .toast")).to_contain_text("Meanwhile")


async def test_marks_made_offline_are_sent_later(server: FakeAlimi, visitor: Visitor) -> None:
    """A mark made without a network shows at once, outlives a reload, and arrives in the end."""
    fill(server, 2)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(2)
    await visitor.context.set_offline(True)
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(1)
    kept = await page.evaluate("Object.keys(localStorage).join()")
    assert "tag2" in kept
    assert not server.inbox("2").rows["ntag22"]["read_at"]
    await visitor.context.set_offline(False)
    await page.reload()
    await server.until(lambda: bool(server.inbox("2").rows["ntag22"]["read_at"]))
    await page.wait_for_function("() => localStorage.length === 0")


async def test_a_mark_that_failed_under_a_live_stream_is_sent_again(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """A 503 on one mark while the stream lives on: it is sent again without a reload."""
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    await server.until(lambda: not server.inbox("2").counts()["unseen"])
    server.refuse = 503
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await server.until(lambda: len(server.asked("/alimi/v1/inbox/mark")) == 2)
    server.refuse = None
    await server.until(lambda: bool(server.inbox("2").rows["ntag21"]["read_at"]))
    assert len(server.asked("/alimi/v1/inbox/stream")) == 1
    await page.wait_for_function("() => localStorage.length === 0")


async def test_a_refused_mark_is_taken_back_and_told(server: FakeAlimi, visitor: Visitor) -> None:
    """The server says no: the row is as it was, and a sentence says so, for the ear too."""
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    server.refuse = 422
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(page.locator("alimi-bell [role=status]")).to_contain_text("taken back")
    await expect(rows(page)).to_have_count(1)
