"""The bell while the page has a modal dialog open."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    fill,
    page_text,
    rows,
)


async def told(page: Page, expression: str) -> dict[str, Any]:
    """What the browser tells a screen reader of an element."""
    cdp = await page.context.new_cdp_session(page)
    made = await cdp.send("Runtime.evaluate", {"expression": expression})
    tree = await cdp.send(
        "Accessibility.getPartialAXTree",
        {"objectId": made["result"]["objectId"], "fetchRelatives": False},
    )
    node: dict[str, Any] = tree["nodes"][0]
    return node


async def heard(page: Page) -> bool:
    """Whether the live region is in the accessibility tree: what is inert is not."""
    return not (await told(page, "document.querySelector('alimi-bell').status"))["ignored"]


async def modal(page: Page) -> bool:
    """Whether a screen reader is told that there is nothing but the panel."""
    node = await told(page, "document.querySelector('alimi-bell').panel.element")
    return bool(next(p["value"]["value"] for p in node["properties"] if p["name"] == "modal"))


async def test_the_panel_is_not_modal(server: FakeAlimi, visitor: Visitor) -> None:
    """The page stays in reach of who listens, unless the page has a modal dialog open itself."""
    server.pages["/"] = page_text(body="<dialog><p>Sure?</p></dialog>")
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    assert not await modal(page)
    await page.keyboard.press("Escape")
    await page.evaluate("document.querySelector('main dialog').showModal()")
    await page.evaluate("document.querySelector('alimi-bell').open()")
    await expect(rows(page)).to_have_count(1)
    assert await modal(page)


async def test_over_a_modal_dialog(server: FakeAlimi, visitor: Visitor) -> None:
    """While the page has a modal dialog open, the panel still opens above it and is usable."""
    server.pages["/"] = page_text(body="<dialog><p>Sure?</p><button>Yes</button></dialog>")
    fill(server, 2)
    page = await visitor.open()
    await page.evaluate("document.querySelector('dialog').showModal()")
    await page.evaluate("document.querySelector('alimi-bell').open()")
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(rows(page)).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    await expect(page.get_by_text("Sure?")).to_be_visible()


async def test_news_under_a_modal_dialog(server: FakeAlimi, visitor: Visitor) -> None:
    """While the page has a modal dialog open, toasts can be used and news is heard."""
    server.pages["/"] = page_text(body="<dialog><p>Sure?</p><button>Yes</button></dialog>")
    page = await visitor.open()
    toast = page.locator(".toast")
    server.notify("2", "Before it", url="/cards/1")
    await expect(toast).to_have_count(1)
    await page.evaluate("document.querySelector('dialog').showModal()")
    await toast.get_by_role("button", name="Close").click()
    await expect(toast).to_have_count(0)
    server.notify("2", "Above it all")
    await expect(page.get_by_role("status")).to_contain_text("Above it all")
    assert await heard(page)
    close = toast.get_by_role("button", name="Close")
    await close.focus()
    await page.keyboard.press("Escape")
    await expect(toast).to_have_count(0)
    await expect(page.get_by_text("Sure?")).to_be_visible()
    server.notify("2", "And after it")
    await expect(toast).to_have_count(1)
    await page.get_by_role("button", name="Yes").evaluate("e => e.closest('dialog').close()")
    await expect(page.locator("alimi-toasts")).to_have_count(0)
    await expect(page.locator("alimi-bell .toast")).to_be_visible()
    assert await heard(page)
    await page.locator("alimi-bell .toast").get_by_role("button", name="Close").click()
    await expect(toast).to_have_count(0)
    # The panel, too, is a modal dialog while one is open.
    await page.evaluate("document.querySelector('dialog').showModal()")
    await page.evaluate("document.querySelector('alimi-bell').open()")
    await expect(page.locator("alimi-bell .panel")).to_be_visible()
    assert await heard(page)
