"""As it is seen and read: axe-core, Korean, a phone, right to left, before the script."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, ViewportSize, expect

from tests.browser.axe import axe, axe_in_both_schemes
from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    OpenVisitor,
    Visitor,
    fill,
    focused,
    page_text,
    person,
    rows,
)
from tests.support.processes import ROOT


async def test_axe_finds_nothing(server: FakeAlimi, visitor: Visitor) -> None:
    """axe-core has no complaint: closed with a toast, open with rows, an undo line, and empty."""
    fill(server, 3)
    server.inbox("2").mark({"action": "read", "ids": ["ntag21"]})
    server.pages["/"] = page_text(attributes='all-href="/all" settings-href="/settings"')
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    server.notify("2", "You are now the assignee of a card.", actor=person("Jamie"), url="/cards/9")
    await expect(page.locator("alimi-bell .toast")).to_have_count(1)
    assert await axe_in_both_schemes(page) == []
    await page.locator("alimi-bell .bell").click()
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert await axe_in_both_schemes(page) == []
    server.inbox("2").rows.clear()
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.locator("alimi-bell .empty p")).to_be_visible()
    assert await axe_in_both_schemes(page) == []


async def test_in_korean(server: FakeAlimi, visitor: Visitor) -> None:
    """A Korean page has a Korean bell: names, times, day and counts."""
    server.pages["/"] = page_text("ko")
    fill(server, 3)
    page = await visitor.open()
    bell = page.locator("alimi-bell .bell")
    await expect(bell).to_have_attribute("aria-label", "알림, 새 알림 3개")
    await bell.click()
    await expect(page.get_by_role("heading", name="알림", exact=True)).to_be_visible()
    await expect(page.get_by_role("heading", name="오늘")).to_be_visible()
    await expect(page.get_by_role("tab", name="읽지 않음 3")).to_be_visible()
    await expect(rows(page).first.locator("time")).to_have_text("1분 전")
    assert await axe(page) == []
    await page.evaluate("document.querySelector('alimi-bell').lang = 'en'")
    await expect(page.get_by_role("heading", name="Today")).to_be_visible()


async def test_on_a_phone_it_is_a_sheet(server: FakeAlimi, open_visitor: OpenVisitor) -> None:
    """On a phone the panel is a sheet at the bottom, and its actions show without hovering."""
    fill(server, 3)
    size = ViewportSize(width=390, height=760)
    page = await (await open_visitor(viewport=size, has_touch=True, is_mobile=True)).open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").tap()
    await expect(rows(page)).to_have_count(3)
    box = await page.locator("alimi-bell .panel").bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, 390)
    assert 60 < box["y"] < 380
    assert abs(box["y"] + box["height"] - 760) < 1
    archive = rows(page).first.get_by_role("button", name="Archive")
    assert await archive.evaluate("e => getComputedStyle(e.parentElement).opacity") == "1"
    assert await axe(page) == []
    await archive.tap()
    await expect(rows(page)).to_have_count(2)


@pytest.mark.parametrize("width", [1280, 390])
async def test_links_in_the_foot_stay_whole(
    server: FakeAlimi, open_visitor: OpenVisitor, width: int
) -> None:
    """All that the foot can offer at once: each on one line of its own letters, none broken."""
    attributes = 'all-href="/all" settings-href="/settings" system-notifications'
    server.pages["/"] = page_text(attributes=attributes)
    page = await (await open_visitor(viewport=ViewportSize(width=width, height=800))).open()
    await page.evaluate(
        "void Object.defineProperty(Notification, 'permission', {value: 'default'})"
    )
    await page.locator("alimi-bell .bell").click()
    links = page.locator("alimi-bell .footer .action")
    await expect(links).to_have_count(3)
    assert await links.evaluate_all(
        """all => all.map((each) => {
            const range = document.createRange();
            range.selectNodeContents(each);
            return range.getClientRects().length;
        })"""
    ) == [1, 1, 1]


async def test_at_400_percent(server: FakeAlimi, open_visitor: OpenVisitor) -> None:
    """320 by 256 CSS pixels: one toast, all of it; in the panel each row can be read and used."""
    fill(server, 3)
    page = await (await open_visitor(viewport=ViewportSize(width=320, height=256))).open()
    for number in range(3):
        server.notify("2", f"You are now the assignee of card {number}.", object=person("A card"))
    toast = page.locator("alimi-bell .toast")
    await expect(toast).to_contain_text("card 2")
    await expect(toast).to_have_count(1)
    await expect(toast).to_be_in_viewport(ratio=1)
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(6)
    for each in (rows(page).first, rows(page).last):
        await each.get_by_role("button", name="Archive").scroll_into_view_if_needed()
        await expect(each.locator(".body")).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    assert await axe(page) == []


async def test_from_right_to_left(server: FakeAlimi, visitor: Visitor) -> None:
    """In a right-to-left page the panel opens from the other side and arrows turn round."""
    server.pages["/"] = page_text().replace('lang="en"', 'lang="en" dir="rtl"')
    fill(server, 1)
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").click()
    box = await page.locator("alimi-bell .panel").bounding_box()
    assert box
    assert 0 <= box["x"] < 300
    await page.get_by_role("tab", name="All").focus()
    await page.keyboard.press("ArrowLeft")
    assert await focused(page) == "unread"


async def test_before_the_script_it_is_a_plain_link(
    server: FakeAlimi, open_visitor: OpenVisitor
) -> None:
    """Without JavaScript the element shows the link that the page put into it."""
    visitor = await open_visitor(java_script_enabled=False)
    page = await visitor.context.new_page()
    await page.goto(server.origin + "/")
    await expect(page.get_by_role("link", name="Notifications")).to_be_visible()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("size", ["40px", "28px"])
async def test_the_badge_does_not_widen_the_page(
    server: FakeAlimi, visitor: Visitor, direction: str, size: str
) -> None:
    """A badge of three signs ends where the button ends, at the page's very edge too."""
    server.pages["/page.css"] += f"alimi-bell{{--alimi-size:{size}}}"
    server.pages["/"] = page_text().replace('lang="en"', f'lang="en" dir="{direction}"')
    fill(server, 120)
    page = await visitor.open()
    await expect(page.locator("alimi-bell .badge")).to_have_text("99+")
    bell = await page.locator("alimi-bell .bell").bounding_box()
    badge = await page.locator("alimi-bell .badge").bounding_box()
    assert bell
    assert badge
    if direction == "ltr":
        assert badge["x"] + badge["width"] <= bell["x"] + bell["width"]
    else:
        assert badge["x"] >= bell["x"]
    assert await page.evaluate(
        "document.documentElement.scrollWidth === document.documentElement.clientWidth"
    )


#: The rule that the manual gives.
DOCUMENTED = re.search(
    r"alimi-bell:not\(:defined\) \{.*?\}", (ROOT / "docs" / "bell.md").read_text(), re.DOTALL
)
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) shifted += value;
}).observe({ type: "layout-shift", buffered: true });
"""
PLACES = """() => [...document.querySelectorAll("alimi-bell, a, h1, b, #after")]
    .filter((e) => !e.closest("alimi-bell > *"))
    .map((e) => e.tagName + " " + Object.values(e.getBoundingClientRect().toJSON()).join())"""


@pytest.mark.parametrize("size", ["40px", "28px"])
async def test_nothing_moves_when_the_script_comes(
    server: FakeAlimi, visitor: Visitor, size: str
) -> None:
    """With the documented rule the link before the script takes exactly the place of the bell."""
    assert DOCUMENTED
    server.pages["/page.css"] += f"alimi-bell{{--alimi-size:{size}}}" + DOCUMENTED[0]
    text = page_text().replace(
        "</alimi-bell>", "</alimi-bell> <b>Jamie</b> <a href=/out>Log out</a>"
    )
    server.pages["/"] = text
    arrive = asyncio.Event()

    async def hold(route: Route) -> None:
        await arrive.wait()
        await route.continue_()

    await visitor.context.route("**/bell.js", hold)
    await visitor.context.add_init_script(SHIFTS)
    page = await visitor.context.new_page()
    await page.goto(server.origin + "/", wait_until="commit")
    await expect(page.get_by_role("link", name="Log out")).to_be_visible()
    before = await page.evaluate(PLACES)
    arrive.set()
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "live")
    server.notify("2", "One")
    await expect(page.locator("alimi-bell .badge")).to_have_text("1")
    assert await page.evaluate(PLACES) == before
    assert await page.evaluate("shifted") == 0
