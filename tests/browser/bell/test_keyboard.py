"""The bell without a pointer."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    fill,
    focused,
    page_text,
    rows,
)


async def test_by_keyboard_alone(server: FakeAlimi, visitor: Visitor) -> None:
    """Open, walk, read, archive, undo, switch views and leave without a pointer."""
    fill(server, 4)
    server.pages["/"] = page_text(attributes='shortcuts all-href="/all"')
    page = await visitor.open()
    press = page.keyboard.press
    await page.locator("alimi-bell .bell").focus()
    await press("Enter")
    await expect(rows(page)).to_have_count(4)
    assert await focused(page) == "title"
    await press("ArrowDown")
    assert "Message 4" in await focused(page)
    await press("PageDown")
    assert "Message 3" in await focused(page)
    await press("End")
    assert "Message 1" in await focused(page)
    await press("Home")
    await press("r")
    await expect(rows(page).first.get_by_role("button", name="Mark as unread")).to_have_count(1)
    await press("e")
    await expect(rows(page)).to_have_count(3)
    assert "Message 3" in await focused(page)
    await press("u")
    await expect(rows(page)).to_have_count(4)
    await press("Tab")
    assert await focused(page) == "Mark as read"
    await press("Tab")
    await press("Tab")
    assert await focused(page) == "All notifications"
    await press("ArrowUp")
    await press("Control+Home")
    assert await focused(page) == "all"
    await press("ArrowRight")
    assert await focused(page) == "unread"
    await press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "Notifications"
    await press("Enter")
    await expect(rows(page)).not_to_have_count(0)
    await page.get_by_role("link", name="All notifications").focus()
    await press("Tab")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "after"


async def test_the_focus_is_never_under_the_day(server: FakeAlimi, visitor: Visitor) -> None:
    """Walking up the list, the focused row stands below the heading that sticks, and the pill."""
    fill(server, 15)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(15)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("End")
    server.notify("2", "Held")
    pill = page.locator("alimi-bell .pill")
    await expect(pill).to_be_visible()
    for _ in range(14):
        await page.keyboard.press("ArrowUp")
        link = await page.locator("alimi-bell .link:focus").bounding_box()
        day = await page.locator("alimi-bell .day").first.bounding_box()
        over = await pill.bounding_box()
        assert link
        assert day
        assert over
        assert link["y"] >= day["y"] + day["height"] - 1
        assert link["y"] >= over["y"] + over["height"] - 1


async def test_behind_the_list_without_a_footer(server: FakeAlimi, visitor: Visitor) -> None:
    """Ctrl+End goes to the list's end when nothing is behind it, else to the page's footer."""
    fill(server, 3)
    page = await visitor.open()
    press = page.keyboard.press
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await press("ArrowDown")
    await press("Control+End")
    assert "Message 1" in await focused(page)
    await press("Escape")
    await page.evaluate(
        """() => {
            const own = document.createElement("a");
            Object.assign(own, {slot: "footer", href: "/own", textContent: "Own", id: "own"});
            const bell = document.querySelector("alimi-bell");
            bell.append(own);
            bell.lang = "en-GB";
        }"""
    )
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await press("ArrowDown")
    await press("Control+End")
    assert await focused(page) == "own"


async def test_in_the_panel_the_focus_never_drops(server: FakeAlimi, visitor: Visitor) -> None:
    """A row or button that goes hands the focus to what is nearest; Escape works wherever it is."""
    fill(server, 45)
    await visitor.context.add_init_script("window.IntersectionObserver = class { observe() {} }")
    page = await visitor.open()
    press, panel = page.keyboard.press, page.locator("alimi-bell .panel")
    await page.locator("alimi-bell .bell").press("Enter")
    await page.get_by_role("button", name="Load more").press("Enter")
    assert "Message 26" in await focused(page)
    await expect(rows(page)).to_have_count(40)
    await press("ArrowDown")
    assert "Message 25" in await focused(page)
    server.retract("2", server.inbox("2").rows["ntag225"])
    await expect(rows(page)).to_have_count(39)
    assert "Message 24" in await focused(page)
    await panel.locator(".header").click(position={"x": 100, "y": 3})
    await press("Escape")
    await expect(panel).to_be_hidden()
    assert await focused(page) == "Notifications"


async def test_a_failed_list_keeps_the_focus(server: FakeAlimi, visitor: Visitor) -> None:
    """The button that tries again goes, and the focus stays in the panel."""
    page = await visitor.open()
    server.refuse = 500
    await page.locator("alimi-bell .bell").press("Enter")
    again = page.locator("alimi-bell .empty").get_by_role("button", name="Try again")
    await again.focus()
    server.refuse = None
    await page.keyboard.press("Enter")
    await expect(again).to_be_hidden()
    assert await focused(page) == "title"


async def test_a_row_that_a_router_opens_returns_the_focus(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Where no new page comes the focus is on the bell, unless the page has put it elsewhere."""
    fill(server, 2)
    page = await visitor.open()
    await page.evaluate(
        """() => document.addEventListener("alimi-open", (event) => {
            event.preventDefault();
            if (window.takes) document.getElementById("after").focus();
        })"""
    )
    for takes, there in ((False, "Notifications"), (True, "after")):
        await page.evaluate("takes => { window.takes = takes; }", takes)
        await page.locator("alimi-bell .bell").press("Enter")
        await expect(rows(page)).to_have_count(2)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("alimi-bell .panel")).to_be_hidden()
        assert await focused(page) == there
