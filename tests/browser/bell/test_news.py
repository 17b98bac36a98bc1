"""What comes in while the page is open: rung, spoken, toasted, held back, withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    badge,
    fill,
    focused,
    page_text,
    rows,
)


async def test_news_does_not_move_the_list_under_the_reader(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """While the focus is in the list, news waits behind a pill; the pill brings it."""
    fill(server, 3)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    server.notify("2", "At the top")
    await expect(rows(page)).to_have_count(4)
    await page.keyboard.press("ArrowDown")
    server.notify("2", "Held")
    await expect(page.locator("alimi-bell .pill")).to_have_text("1 new")
    await expect(rows(page)).to_have_count(4)
    await page.locator("alimi-bell .pill").click()
    await expect(rows(page).first).to_contain_text("Held")
    assert "Held" in await focused(page)
    await server.until(lambda: server.inbox("2").counts()["unseen"] == 0)


async def test_what_is_withdrawn_goes_everywhere(server: FakeAlimi, visitor: Visitor) -> None:
    """Deleted or read elsewhere, a row loses its toast, its words and its place in the pill.

    A quiet row is not counted by the pill either.
    """
    fill(server, 3)
    await visitor.context.clock.install()
    page = await visitor.open()
    # What is to be spoken waits for a moment, which here is as long as it takes.
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=20))
    toasts = page.locator("alimi-bell .toast")
    withdrawn = server.notify("2", "Withdrawn")
    server.retract("2", withdrawn)
    read = server.notify("2", "Read elsewhere")
    server.notify("2", "Stays")
    await expect(toasts).to_have_count(2)
    await page.evaluate(
        """id => fetch("/alimi/v1/inbox/mark", {method: "POST",
            body: JSON.stringify({action: "read", ids: [id]})})""",
        read["id"],
    )
    await expect(toasts).to_have_count(1)
    await expect(toasts).to_contain_text("Stays")
    await page.clock.run_for(1_000)
    await expect(page.locator("alimi-bell [role=status]")).to_have_text("1 new. Stays")
    await page.clock.resume()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(5)
    await page.keyboard.press("ArrowDown")
    pill = page.locator("alimi-bell .pill")
    held = [server.notify("2", f"Held {number}") for number in range(2)]
    server.notify("2", "Hush", data={"quiet": True})
    await expect(pill).to_have_text("2 new")
    server.retract("2", held[0])
    await expect(pill).to_have_text("1 new")
    server.retract("2", held[1])
    await expect(pill).to_be_hidden()
    await expect(rows(page)).to_have_count(5)
    await page.keyboard.press("Control+Home")
    server.notify("2", "Loud")
    await expect(rows(page)).to_have_count(7)


async def test_news_is_spoken_and_toasted_once(server: FakeAlimi, visitor: Visitor) -> None:
    """News is said in one polite region that was there before; toasts stay few, and go on click."""
    page = await visitor.open()
    status = page.locator("alimi-bell [role=status]")
    await expect(status).to_have_count(1)
    for number in range(5):
        server.notify("2", f"News {number}", url="/cards/1")
    await expect(status).to_have_text("5 new. News 4")
    await expect(page.locator("alimi-bell .toast")).to_have_count(3)
    await page.locator("alimi-bell .toast").first.get_by_role("button").click()
    await expect(page.locator("alimi-bell .toast")).to_have_count(2)
    await page.locator("alimi-bell .bell").click()
    await expect(page.locator("alimi-bell .toast")).to_have_count(0)


async def test_a_toast_goes_by_itself(server: FakeAlimi, visitor: Visitor) -> None:
    """After the time to read it; as long as the pointer is on one, all of them stay."""
    await visitor.context.clock.install()
    page = await visitor.open()
    toasts = page.locator("alimi-bell .toast")
    for number in range(2):
        server.notify("2", f"News {number}")
    await expect(toasts).to_have_count(2)
    await toasts.first.hover()
    await page.clock.run_for(30_000)
    await expect(toasts).to_have_count(2)
    await page.mouse.move(10, 10)
    await page.clock.run_for(4_000)
    await expect(toasts).to_have_count(2)
    await page.clock.run_for(4_000)
    await expect(toasts).to_have_count(0)


async def test_a_toast_that_goes_gives_the_focus_back(server: FakeAlimi, visitor: Visitor) -> None:
    """Escape on a toast, and its cross, bring the focus to the bell; in a dialog, back to it."""
    server.pages["/"] = page_text(body="<dialog><button id=yes>Yes</button></dialog>")
    page = await visitor.open()
    close = page.locator(".toast").get_by_role("button", name="Close")
    for key in ("Escape", "Enter"):
        server.notify("2", "News")
        await close.focus()
        await page.keyboard.press(key)
        await expect(close).to_have_count(0)
        assert (await focused(page)).startswith("Notifications")
    await page.evaluate("document.querySelector('dialog').showModal()")
    server.notify("2", "News")
    await page.locator(".toast .link").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    assert await focused(page) == "Close"
    await page.keyboard.press("Escape")
    await expect(close).to_have_count(0)
    assert await focused(page) == "yes"


async def test_the_title_badge_leaves_the_title_as_it_was(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Opt-in: the count stands before the title, follows the application's changes, and goes.

    An installed application's icon has it, too.
    """
    await visitor.context.add_init_script(
        "navigator.setAppBadge = async (n) => { window.app = n; }"
    )
    server.pages["/"] = page_text(attributes="title-badge")
    server.notify("2", "One")
    page = await visitor.open()
    await expect(page).to_have_title("(1) Board")
    assert await page.evaluate("app") == 1
    await page.evaluate("document.title = 'Card 12'")
    await expect(page).to_have_title("(1) Card 12")
    await page.locator("alimi-bell .bell").click()
    await expect(page).to_have_title("Card 12")
    assert await page.evaluate("app") == 0


async def test_pages_hear_what_the_stream_says(server: FakeAlimi, visitor: Visitor) -> None:
    """Signals, hello and notifications reach the page as events that bubble."""
    page = await visitor.open()
    await page.evaluate(
        """() => {
            window.heard = [];
            for (const type of ["signal", "notification", "counts", "hello", "reset", "state"])
                document.addEventListener("alimi-" + type, (e) => heard.push([type, e.detail]));
        }"""
    )
    server.signal("2", "board.changed", {"card": 12})
    server.notify("2", "One")
    await expect(badge(page)).to_have_text("1")
    heard = await page.evaluate("heard")
    assert heard[0] == ["signal", {"name": "board.changed", "data": {"card": 12}}]
    assert [kind for kind, _ in heard] == ["signal", "notification", "counts"]
    assert heard[1][1]["message"] == "One"
    server.hang_up("2")
    await page.wait_for_function("() => heard.some(([type]) => type === 'hello')")


async def test_a_page_may_keep_news_from_ringing(server: FakeAlimi, visitor: Visitor) -> None:
    """preventDefault() on `alimi-notification`: no toast, no word, no ring; counted and listed."""
    page = await visitor.open()
    await page.evaluate(
        """() => document.addEventListener("alimi-notification", (event) => {
            if (event.detail.message === "Not here") event.preventDefault();
        })"""
    )
    server.notify("2", "Not here")
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("alimi-bell .ring")).to_have_count(0)
    server.notify("2", "Here")
    await expect(page.locator("alimi-bell [role=status]")).to_have_text("1 new. Here")
    await expect(page.locator("alimi-bell .toast")).to_have_count(1)
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(2)
