"""What people write on a card, and what others write meanwhile."""

from __future__ import annotations

from playwright.async_api import expect

from tests.board.harness import DOHYUN, EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import visit
from tests.browser.conftest import Console, OpenContext


async def test_a_mention_is_completed_and_heard(served: Hosted, new_context: OpenContext) -> None:
    """An @ offers people; who is chosen hears of it, and the open card shows the comment."""
    emma = await visit(served, new_context, EMMA, "/cards/12")
    dohyun = await visit(served, new_context, DOHYUN)
    await dohyun.card(12).click()
    field = emma.dialog.get_by_label("Write a comment")
    await field.press_sequentially("Would you look? @박")
    await expect(emma.dialog.locator(".mentions:visible")).to_contain_text("박도현")
    await field.press("Enter")
    await expect(field).to_have_value("Would you look? @박도현 ")
    await field.press("Control+Enter")
    await expect(dohyun.toast).to_contain_text("Emma Reid님이 사용자님을 언급했습니다")
    last = dohyun.dialog.locator(".comments li").last
    await expect(last).to_contain_text("Would you look? @박도현")


async def test_nobody_overwrites_anothers_words(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """Saved in the meantime by somebody else: one sees theirs, and keeps one's own text."""
    console.allow("412")
    emma = await visit(served, new_context, EMMA, "/cards/9")
    jiwoo = await visit(served, new_context, JIWOO, "/cards/9")
    for person, word in ((emma, "Edit"), (jiwoo, "수정")):
        heading = person.dialog.locator(".section-head")
        await heading.get_by_role("button", name=word).click()
    await emma.dialog.get_by_label("Description").last.fill("Emma's words")
    await jiwoo.dialog.get_by_label("설명").last.fill("지우의 글")
    await jiwoo.dialog.get_by_role("button", name="저장").click()
    await expect(jiwoo.dialog.locator(".prose").first).to_have_text("지우의 글")
    await emma.dialog.get_by_role("button", name="Save").click()
    await expect(emma.dialog.locator("section .theirs")).to_contain_text("지우의 글")
    await expect(emma.dialog.get_by_label("Description").last).to_have_value("Emma's words")
    await emma.dialog.get_by_role("button", name="Save").click()
    await expect(jiwoo.dialog.locator(".prose").first).to_have_text("Emma's words")


async def test_nobody_overwrites_anothers_title(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """Moved meanwhile: saved all the same.  Renamed meanwhile: theirs is shown, one's own kept."""
    console.allow("412")
    emma = await visit(served, new_context, EMMA, "/cards/9")
    title = emma.dialog.get_by_label("Title")
    renamed = emma.dialog.locator(".title-theirs")
    with served.browser(JIWOO) as jiwoo:
        await title.fill("Mine")
        jiwoo.patch("/api/cards/9", json={"list_id": 4}).raise_for_status()
        await title.press("Enter")
        await expect(emma.card(9)).to_contain_text("Mine")
        await title.fill("Mine again")
        jiwoo.patch("/api/cards/9", json={"title": "Theirs"}).raise_for_status()
        await title.press("Enter")
        await expect(renamed).to_contain_text("Theirs")
        await expect(title).to_have_value("Mine again")
        assert jiwoo.get("/api/cards/9").json()["title"] == "Theirs"
        await renamed.get_by_role("button", name="Save").click()
        await expect(emma.card(9)).to_contain_text("Mine again")
        await expect(renamed).to_be_hidden()
