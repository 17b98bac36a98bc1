"""What a page makes its own: words, looks, and the system's notifications."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import Visitor, badge, fill, page_text, rows

GERMAN = """
import { addCatalogue } from "/alimi/bell.js";
addCatalogue("de", {
  title: "Mitteilungen",
  badge: (n) => (n === 1 ? "Eine neue Mitteilung" : "{n} neue Mitteilungen"),
});
document.querySelector("alimi-bell").lang = "de";
"""
LOOKS = """
alimi-bell { --alimi-badge: rgb(0, 0, 255); }
alimi-bell::part(row-unread) { border-top: 3px solid rgb(255, 0, 0); }
"""
FILLED = """
for (const slot of ["icon", "header", "empty", "footer"]) {
  const own = document.createElement("b");
  Object.assign(own, { slot, textContent: "own " + slot });
  document.querySelector("alimi-bell").append(own);
}
"""
#: A system that lets itself be asked, and keeps what it was given to show.
SYSTEM = """
window.shown = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (Notification.permission = "granted"); }
  constructor(title, { body, tag }) { shown.push([title, body, tag]); window.last = this; }
};
"""


async def test_a_language_can_be_added(server: FakeAlimi, visitor: Visitor) -> None:
    """With plural forms; what it lacks is English."""
    fill(server, 1)
    server.pages["/german.js"] = GERMAN
    server.pages["/"] = page_text(body='<script type="module" src="/german.js"></script>')
    page = await visitor.open()
    bell = page.locator("alimi-bell .bell")
    await expect(bell).to_have_attribute("aria-label", "Eine neue Mitteilung")
    server.notify("2", "One more")
    await expect(bell).to_have_attribute("aria-label", "2 neue Mitteilungen")
    await bell.click()
    await expect(page.get_by_role("heading", name="Mitteilungen")).to_be_visible()
    await expect(page.get_by_role("tab", name="Archived")).to_be_visible()


async def test_looks_come_from_the_page(server: FakeAlimi, visitor: Visitor) -> None:
    """Custom properties, parts and slots reach the bell and its panel."""
    fill(server, 1)
    server.pages["/page.css"] += LOOKS
    server.pages["/slots.js"] = FILLED
    server.pages["/"] = page_text(body='<script type="module" src="/slots.js"></script>')
    page = await visitor.open()
    await expect(badge(page)).to_have_css("background-color", "rgb(0, 0, 255)")
    await expect(page.get_by_text("own icon")).to_be_visible()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_css("border-top-width", "3px")
    for slot in ("header", "footer"):
        await expect(page.get_by_text(f"own {slot}")).to_be_visible()
    await page.get_by_role("tab", name="Archived").click()
    await expect(page.get_by_text("own empty")).to_be_visible()


async def test_nothing_moves_for_who_wants_no_motion(server: FakeAlimi, visitor: Visitor) -> None:
    """With reduced motion neither bell nor toast nor panel slides; without it they do."""
    page = await visitor.open()
    moving = """() => document.querySelector("alimi-bell").shadowRoot.getAnimations()
        .map((each) => each.animationName).sort()"""
    await page.emulate_media(reduced_motion="reduce")
    server.notify("2", "Still")
    await expect(page.locator("alimi-bell .toast")).to_have_count(1)
    assert await page.evaluate(moving) == []
    await page.emulate_media(reduced_motion="no-preference")
    server.notify("2", "Moving")
    await expect(page.locator("alimi-bell .toast")).to_have_count(2)
    assert "rise" in await page.evaluate(moving)


async def test_more_contrast_for_who_asks(server: FakeAlimi, visitor: Visitor) -> None:
    """Then nothing is faint, and lines are to be seen."""
    fill(server, 1)
    page = await visitor.open()
    await page.emulate_media(contrast="more")
    await page.locator("alimi-bell .bell").click()
    text = await page.locator("alimi-bell .panel").evaluate("e => getComputedStyle(e).color")
    for part in (".time", ".tab >> nth=1"):
        await expect(page.locator(f"alimi-bell {part}").first).to_have_css("color", text)
    await expect(page.locator("alimi-bell .footer, alimi-bell .panel").last).to_have_css(
        "border-top-color", text
    )


async def test_forced_colours_keep_their_signs(server: FakeAlimi, visitor: Visitor) -> None:
    """Where backgrounds are the system's, badge and unread rows are still told apart."""
    fill(server, 1)
    page = await visitor.open()
    await page.emulate_media(forced_colors="active")
    await expect(badge(page)).to_have_css("border-top-width", "1px")
    await page.locator("alimi-bell .bell").click()
    dot = page.locator("alimi-bell .row-unread .dot")
    assert await dot.evaluate("e => getComputedStyle(e).backgroundColor") != "rgba(0, 0, 0, 0)"
    await expect(rows(page).first).to_contain_text("Unread. ")


async def test_the_system_tells_when_the_page_is_hidden(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Opt-in: asked by a click in the panel, shown to nobody who looks, a click opens the row."""
    await visitor.context.add_init_script(SYSTEM)
    server.pages["/"] = page_text(attributes="system-notifications")
    server.pages["/cards/7"] = "<!doctype html><title>Card 7</title>"
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await page.get_by_role("button", name="Desktop notifications").press("Enter")
    await expect(page.get_by_role("button", name="Desktop notifications")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    server.notify("2", "Seen by the reader")
    await expect(badge(page)).to_have_text("1")
    await page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    )
    row = server.notify("2", "Seen by the system", url="/cards/7")
    await expect(badge(page)).to_have_text("2")
    assert await page.evaluate("shown") == [["Seen by the system", "", row["id"]]]
    async with page.expect_navigation(url="**/cards/7"):
        await page.evaluate("last.onclick()")
    await server.until(lambda: bool(server.inbox("2").rows[row["id"]]["read_at"]))
