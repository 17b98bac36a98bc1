"""Cards are put away and come back."""

from __future__ import annotations

from playwright.async_api import expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.axe import axe
from tests.browser.board.visit import visit
from tests.browser.conftest import OpenContext


async def test_archive_and_undo(served: Hosted, new_context: OpenContext) -> None:
    """An archived card leaves both boards; undo brings it back to both."""
    emma = await visit(served, new_context, EMMA, "/cards/9")
    jiwoo = await visit(served, new_context, JIWOO)
    await emma.dialog.get_by_role("button", name="Archive").click()
    await expect(emma.card(9)).to_have_count(0)
    await expect(jiwoo.card(9)).to_have_count(0)
    await emma.page.locator("#note").get_by_role("button", name="Undo").click()
    await expect(emma.card(9)).to_be_visible()
    await expect(jiwoo.card(9)).to_be_visible()


async def test_the_archive(served: Hosted, new_context: OpenContext) -> None:
    """From the menu: what was put away, by whom it may; opened from there, restored from there."""
    with served.browser(EMMA) as client:
        for card in (3, 9, 13):
            client.patch(f"/api/cards/{card}", json={"archived": True}).raise_for_status()
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    await emma.page.locator(".account").click()
    await emma.page.get_by_role("button", name="Archived cards").click()
    rows = emma.dialog.locator(".archive li")
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("Review")
    assert await axe(emma.page) == []
    await rows.first.get_by_role("button").click()
    await expect(rows).to_have_count(2)
    await expect(rows.first.get_by_role("button")).to_be_focused()
    await expect(jiwoo.card(13)).to_be_visible()
    await rows.first.get_by_role("link").click()
    await expect(emma.dialog.locator(".archived")).to_be_visible()
    await emma.dialog.get_by_role("button", name="Restore").click()
    await expect(emma.card(9)).to_have_count(1)
    await emma.page.keyboard.press("Escape")
    await expect(emma.card(9)).to_be_focused()


async def test_the_archive_goes_on(served: Hosted, new_context: OpenContext) -> None:
    """More than a page: a button brings the next, and the focus goes on with it."""
    with served.browser(EMMA) as client:
        for number in range(52):
            wanted = {"list_id": 1, "title": f"Card {number}"}
            card = client.post("/api/cards", json=wanted).json()["id"]
            client.patch(f"/api/cards/{card}", json={"archived": True}).raise_for_status()
    emma = await visit(served, new_context, EMMA)
    await emma.page.locator(".account").click()
    await emma.page.get_by_role("button", name="Archived cards").click()
    rows = emma.dialog.locator(".archive li")
    await expect(rows).to_have_count(50)
    await emma.dialog.get_by_role("button", name="Show more").press("Enter")
    await expect(rows).to_have_count(52)
    await expect(rows.nth(50).get_by_role("link")).to_be_focused()
    await emma.page.keyboard.press("Escape")
    await expect(emma.page.locator(".account")).to_be_focused()
