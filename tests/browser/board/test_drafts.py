"""What was begun and not sent."""

from __future__ import annotations

from playwright.async_api import expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import visit
from tests.browser.conftest import Console, OpenContext


async def test_drafts_survive_a_reload(served: Hosted, new_context: OpenContext) -> None:
    """A comment, a description, an edited comment, a new card: kept until sent or cancelled."""
    emma = await visit(served, new_context, EMMA)
    adder = emma.page.locator('[data-list="1"]')
    await adder.get_by_role("button", name="Add a card").click()
    await adder.get_by_label("Title of the new card").fill("A new idea")
    await emma.card(8).click()
    comment = emma.dialog.get_by_label("Write a comment")
    description = emma.dialog.get_by_label("Description").last
    edited = emma.dialog.locator(".comments textarea")
    await comment.fill("a comment")
    await emma.dialog.locator(".section-head").get_by_role("button", name="Edit").click()
    await description.fill("a description")
    await emma.dialog.locator(".comments").get_by_role("button", name="Edit").click()
    await edited.fill("said better")
    await emma.page.reload()
    await expect(comment).to_have_value("a comment")
    await expect(description).to_have_value("a description")
    await expect(edited).to_have_value("said better")
    await expect(adder.get_by_label("Title of the new card")).to_have_value("A new idea")
    await emma.dialog.get_by_role("button", name="Comment", exact=True).click()
    await expect(emma.dialog.locator(".comments li")).to_have_count(3)
    await emma.dialog.get_by_role("button", name="Save").first.click()
    await expect(emma.dialog.locator(".prose").first).to_have_text("a description")
    await emma.dialog.locator(".comments").get_by_role("button", name="Cancel").click()
    kept = await emma.page.evaluate("Object.keys(sessionStorage).filter((k) => /draft/.test(k))")
    assert [each.split(" ", 2)[2] for each in kept] == ["new-card 1"]


async def test_nobody_sees_anothers_drafts(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """G7: logged out and in as somebody else in the same tab, nothing of them is left."""
    console.allow("401")
    emma = await visit(served, new_context, EMMA, "/cards/8")
    await emma.dialog.get_by_label("Write a comment").fill("private")
    await emma.page.keyboard.press("Escape")
    await emma.page.keyboard.press("Escape")
    wanted = {"user_id": JIWOO, "password": "demo"}
    await emma.context.request.post(f"{served.address}/api/session", data=wanted)
    await emma.page.goto(f"{served.address}/cards/8")
    await expect(emma.dialog.get_by_label("댓글을 입력하세요")).to_have_value("")
    assert "private" not in await emma.page.evaluate("JSON.stringify(sessionStorage)")


async def test_a_draft_knows_what_it_was_written_over(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """Changed by somebody else between closing and coming back: theirs is shown before saving."""
    console.allow("412")
    emma = await visit(served, new_context, EMMA, "/cards/9")
    await emma.dialog.locator(".section-head").get_by_role("button", name="Edit").click()
    await emma.dialog.get_by_label("Description").last.fill("Emma's words")
    await emma.dialog.get_by_role("button", name="Close").click()
    with served.browser(JIWOO) as jiwoo:
        jiwoo.patch("/api/cards/9", json={"description": "지우의 글"}).raise_for_status()
    await emma.card(9).click()
    await emma.dialog.get_by_role("button", name="Save").click()
    await expect(emma.dialog.locator("section .theirs")).to_contain_text("지우의 글")
