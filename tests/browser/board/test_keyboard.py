"""The board without a pointer, and where the focus is."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import CARD, ZOOMED, focused_card, visit
from tests.browser.conftest import PHONE, OpenContext


async def focused(page: Page) -> str:
    """What has the focus, through shadow roots: its tag, class and part."""
    found: str = await page.evaluate("""() => {
        let at = document.activeElement;
        while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return [at.localName, at.id, at.className].join(" ");
    }""")
    return found


async def test_everything_by_keyboard(served: Hosted, new_context: OpenContext) -> None:
    """No mouse: go to a card, move it, hear where it is, open it, give it away, come back."""
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    press, status = emma.page.keyboard.press, emma.page.locator("#status")
    await press("Tab")
    await press("Enter")  # skip to the board
    while await focused_card(emma.page) is None:
        await press("Tab")
    assert await focused_card(emma.page) == "1"
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        await press(key)
    assert await focused_card(emma.page) == "9"
    await press("Space")
    await expect(status).to_contain_text("Picked up")
    await press("ArrowRight")
    await expect(status).to_have_text("Review, place 2 of 3.")
    await press("ArrowUp")
    await press("Space")
    await expect(status).to_contain_text("Dropped.")
    await expect(jiwoo.listed(4).first).to_have_attribute("data-card", "9")
    assert await emma.order(4) == [9, 12, 13]
    await expect(emma.card(9)).to_be_focused()
    await press("Enter")
    await expect(emma.dialog).to_be_visible()
    button = emma.dialog.get_by_role("button", name="박도현", exact=True)
    while not await button.evaluate("(element) => element === document.activeElement"):
        await press("Tab")
    await press("Enter")
    await expect(status).to_have_text("Changed the assignee of card 9 to user 3.")
    await press("Escape")
    await expect(emma.card(9)).to_be_focused()


async def test_escape_puts_a_card_back(served: Hosted, new_context: OpenContext) -> None:
    """What was picked up and not dropped has not moved, here or anywhere."""
    emma = await visit(served, new_context, EMMA)
    before = await emma.order(3)
    await emma.card(9).focus()
    for key in ("Space", "ArrowLeft", "ArrowUp", "Escape"):
        await emma.page.keyboard.press(key)
    await expect(emma.page.locator("#status")).to_contain_text("Put back.")
    assert await emma.order(3) == before
    await emma.page.reload()
    await expect(emma.card(9)).to_be_visible()
    assert await emma.order(3) == before


@pytest.mark.parametrize("viewport", [None, PHONE, ZOOMED], ids=["desktop", "phone", "zoomed"])
async def test_the_bell_works_over_an_open_card(
    served: Hosted, new_context: OpenContext, viewport: Any
) -> None:
    """By mouse and by Tab the bell is in reach; its panel leads from one card to another."""
    options = {"viewport": viewport} if viewport else {}
    emma = await visit(served, new_context, EMMA, "/cards/8", **options)
    await expect(emma.dialog).to_be_visible()
    with served.browser(JIWOO) as jiwoo:
        path = "/api/cards/12/comments"
        jiwoo.post(path, json={"text": "@Emma Reid look"}).raise_for_status()
    await expect(emma.badge).to_have_text("1")
    bell = emma.page.locator("alimi-bell .bell")
    for _ in range(40):
        await emma.page.keyboard.press("Tab")
        if (await focused(emma.page)).startswith("button  bell"):
            break
    await expect(bell).to_be_focused()
    await bell.click()
    await expect(emma.badge).to_be_hidden()
    await emma.page.keyboard.press("Escape")
    await expect(emma.dialog).to_be_visible()
    await bell.click()
    await emma.page.locator("alimi-bell .panel").get_by_role("link", name=CARD).click()
    await expect(emma.dialog.get_by_label("Title")).to_have_value(CARD)
    await expect(emma.page).to_have_url(f"{served.address}/cards/12")


async def test_under_a_card_nothing_else_is_reached(
    served: Hosted, new_context: OpenContext
) -> None:
    """Tab goes through the card and the bell only; the click beside it closes it."""
    emma = await visit(served, new_context, EMMA, "/cards/8")
    inside = """() => document.activeElement === document.body
        || !!document.activeElement.closest("dialog[open], alimi-bell")"""
    for _ in range(40):
        await emma.page.keyboard.press("Tab")
        assert await emma.page.evaluate(inside)
    await emma.page.mouse.click(30, 700)
    await expect(emma.dialog).to_have_count(0)
    await expect(emma.card(8)).to_be_focused()
    await emma.card(3).click()
    await expect(emma.dialog).to_be_visible()


async def test_escape_leaves_the_field_first(served: Hosted, new_context: OpenContext) -> None:
    """Once out of the field, twice out of the card; what was written is there again."""
    emma = await visit(served, new_context, EMMA, "/cards/8")
    field = emma.dialog.get_by_label("Write a comment")
    await field.fill("half a thought")
    await emma.page.keyboard.press("Escape")
    await expect(emma.dialog).to_be_focused()
    await emma.page.keyboard.press("Escape")
    await expect(emma.dialog).to_have_count(0)
    await emma.card(8).click()
    await expect(field).to_have_value("half a thought")


async def test_the_focus_never_drops(served: Hosted, new_context: OpenContext) -> None:
    """Archived, undone, moved or taken away by somebody else: the focus is on what is nearest."""
    emma = await visit(served, new_context, EMMA)
    await emma.card(9).click()
    await emma.dialog.get_by_role("button", name="Archive").press("Enter")
    await expect(emma.dialog).to_have_count(0)
    await expect(emma.card(10)).to_be_focused()
    await emma.page.locator("#note").get_by_role("button", name="Undo").press("Enter")
    await expect(emma.card(9)).to_be_focused()
    with served.browser(JIWOO) as jiwoo:
        jiwoo.patch("/api/cards/9", json={"list_id": 1, "position": 0}).raise_for_status()
        await expect(emma.listed(1).first).to_have_attribute("data-card", "9")
        await expect(emma.card(9)).to_be_focused()
        jiwoo.patch("/api/cards/9", json={"archived": True}).raise_for_status()
        await expect(emma.card(9)).to_have_count(0)
        await expect(emma.card(1)).to_be_focused()
        for card in (12, 13):
            await emma.card(card).focus()
            jiwoo.patch(f"/api/cards/{card}", json={"archived": True}).raise_for_status()
            await expect(emma.card(card)).to_have_count(0)
    add = emma.page.locator('[data-list="4"] .add')
    await expect(add).to_be_focused()


async def test_inside_a_card_the_focus_stays_in_it(
    served: Hosted, new_context: OpenContext
) -> None:
    """A button that goes with its work hands the focus on: titles, edits of comments."""
    emma = await visit(served, new_context, EMMA, "/cards/8")
    await emma.dialog.get_by_label("Title").fill("Another title")
    await emma.page.keyboard.press("Enter")
    await expect(emma.dialog).to_be_focused()
    edit = emma.dialog.locator(".comments").get_by_role("button", name="Edit")
    await edit.press("Enter")
    await emma.dialog.locator(".comments textarea").fill("Said better.")
    await emma.dialog.locator(".comments").get_by_role("button", name="Save").press("Enter")
    await expect(emma.dialog.locator(".comments li").last).to_contain_text("Said better.")
    await expect(edit).to_be_focused()
