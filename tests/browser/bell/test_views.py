"""The panel's views: which there are, what they hold, and that a reader's choice is kept."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.axe import axe
from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import Visitor, fill, focused, page_text, rows


async def chosen(page: Page, name: str) -> None:
    """Waits until the view of this name is the chosen one."""
    await expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


async def test_the_view_is_remembered_for_each_reader(server: FakeAlimi, visitor: Visitor) -> None:
    """On the next page, and after somebody else has used the same browser."""
    fill(server, 2, "2")
    server.inbox("2").mark({"action": "read", "ids": ["ntag21"]})
    page = await visitor.open()
    bell = page.locator("alimi-bell .bell")
    await bell.click()
    await page.get_by_role("tab", name="Unread").click()
    await expect(rows(page)).to_have_count(1)
    await page.reload()
    await bell.click()
    await chosen(page, "Unread")
    await expect(rows(page)).to_have_count(1)
    await visitor.log_in("3")
    server.hang_up("2")
    await chosen(page, "All")
    await visitor.log_in("2")
    server.hang_up("3")
    await chosen(page, "Unread")


async def test_the_archive_does_not_hide_news(server: FakeAlimi, visitor: Visitor) -> None:
    """Left in the archive it opens there again, unless the badge promises something new."""
    fill(server, 1)
    page = await visitor.open()
    bell = page.locator("alimi-bell .bell")
    await bell.click()
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.get_by_role("button", name="Mark all as read")).to_be_hidden()
    await page.keyboard.press("Escape")
    await bell.click()
    await chosen(page, "Archived")
    await page.keyboard.press("Escape")
    server.notify("2", "New")
    await expect(page.locator("alimi-bell .badge")).to_have_text("1")
    await bell.click()
    await chosen(page, "All")
    await expect(rows(page)).to_have_count(2)


async def test_categories_are_views(server: FakeAlimi, visitor: Visitor) -> None:
    """Named by the page, in its words; each holds its own, also of what comes in."""
    server.pages["/words.js"] = (
        'import { addCatalogue } from "/alimi/bell.js";'
        'addCatalogue("en", {"category:mentions": "For you"});'
    )
    words = '<script type="module" src="/words.js"></script>'
    server.pages["/"] = page_text(attributes='categories="mentions cards"', body=words)
    fill(server, 2)
    server.inbox("2").add("You were mentioned", category="mentions")
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    names = await page.get_by_role("tab").all_inner_texts()
    assert names == ["All", "Unread 3", "For you", "cards", "Archived"]
    await page.get_by_role("tab", name="For you").click()
    await expect(rows(page)).to_have_count(1)
    await expect(page.get_by_role("button", name="Mark all as read")).to_be_hidden()
    server.notify("2", "A card")
    server.notify("2", "Another mention", category="mentions")
    await expect(rows(page).first).to_contain_text("Another mention")
    await expect(rows(page)).to_have_count(2)
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name="Undo").click()
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("tab", name="For you").press("ArrowRight")
    assert await focused(page) == "category:cards"
    await expect(rows(page)).to_have_count(3)
    await page.keyboard.press("End")
    assert await focused(page) == "archived"
    await page.keyboard.press("ArrowRight")
    assert await focused(page) == "all"
    assert await axe(page) == []


async def test_the_list_says_that_it_ends(server: FakeAlimi, visitor: Visitor) -> None:
    """Where there is more it offers that, and at the last row it says so."""
    fill(server, 22)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(20)
    await expect(page.get_by_text("That’s all.")).to_be_hidden()
    await page.locator("alimi-bell .list").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    await expect(rows(page)).to_have_count(22)
    await expect(page.get_by_text("That’s all.")).to_be_visible()


ROWS = """
document.addEventListener("alimi-row", ({ detail: { element, extra, notification } }) => {
  element.querySelector("[part=avatar]").textContent = notification.kind[0];
  const open = document.createElement("button");
  open.textContent = "Accept " + notification.message;
  open.className = "action";
  extra.replaceChildren(open);
});
"""


async def test_a_page_may_add_to_rows(server: FakeAlimi, visitor: Visitor) -> None:
    """`alimi-row` hands out each row that is painted; the Tab key finds what the page adds."""
    server.pages["/rows.js"] = ROWS
    server.pages["/"] = page_text(script='<script src="/rows.js"></script>')
    fill(server, 3)
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").click()
    await expect(page.get_by_role("button", name="Accept Message 3")).to_be_visible()
    await expect(rows(page).first.locator(".avatar")).to_have_text("c")
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await server.until(lambda: bool(server.inbox("2").rows["ntag23"]["read_at"]))
    await expect(rows(page).first.get_by_role("button", name="Mark as unread")).to_have_count(1)
    await expect(page.locator("alimi-bell").get_by_role("tab", name="Unread 2")).to_be_visible()
    await expect(page.get_by_role("button", name="Accept Message 3")).to_have_count(1)
    # Only the current row's buttons are stops of the Tab key.
    await page.keyboard.press("Home")
    assert "Message 3" in await focused(page)
    await page.keyboard.press("Tab")
    assert await focused(page) == "Accept Message 3"
    for _ in range(3):
        await page.keyboard.press("Tab")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "after"
    await page.locator("alimi-bell .bell").click()
    assert await axe(page) == []


async def test_keys_in_what_the_page_put_in(server: FakeAlimi, visitor: Visitor) -> None:
    """A field in a slot keeps its keys, all but Escape; `u` undoes wherever the focus is."""
    field = "<input slot=header aria-label=Search>"
    text = page_text(attributes="shortcuts")
    server.pages["/"] = text.replace("</alimi-bell>", field + "</alimi-bell>")
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("e")
    await expect(rows(page)).to_have_count(0)
    assert await focused(page) == "title"
    await page.get_by_label("Search").fill("ab")
    await page.keyboard.press("u")
    await page.keyboard.press("Home")
    await page.keyboard.press("r")
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_label("Search")).to_have_value("rabu")
    await expect(page.get_by_label("Search")).to_be_focused()
    await page.get_by_role("tab", name="All").focus()
    await page.keyboard.press("u")
    await expect(rows(page)).to_have_count(1)
    await page.get_by_label("Search").focus()
    await page.keyboard.press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "Notifications"


async def test_a_badge_without_a_number(server: FakeAlimi, visitor: Visitor) -> None:
    """A dot, or nothing at all; the button's name says the number to those who listen."""
    fill(server, 120)
    page = await visitor.open()
    mark = page.locator("alimi-bell .badge")
    await expect(mark).to_have_text("99+")
    wide = await mark.bounding_box()
    await page.evaluate("document.querySelector('alimi-bell').setAttribute('badge', 'dot')")
    dot = await mark.bounding_box()
    assert wide
    assert dot
    assert wide["width"] > 20
    assert (dot["width"], dot["height"]) == (10, 10)
    await page.evaluate("document.querySelector('alimi-bell').setAttribute('badge', 'off')")
    await expect(mark).to_be_hidden()
    name = await page.locator("alimi-bell .bell").get_attribute("aria-label")
    assert name == "Notifications, 120 new"
