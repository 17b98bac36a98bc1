"""How an open page keeps up with what others do."""

from __future__ import annotations

from playwright.async_api import Response, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import Visit, visit
from tests.browser.conftest import OpenContext


def looks(visited: Visit) -> list[int]:
    """The page's own requests for the board from now on."""
    seen: list[int] = []

    def note(answer: Response) -> None:
        if answer.url.endswith("/api/board"):
            seen.append(answer.status)

    visited.page.on("response", note)
    return seen


async def test_a_comment_that_is_read_at_once_needs_no_toast(
    served: Hosted, new_context: OpenContext
) -> None:
    """On the card that is open it appears and is spoken; on another card it is a toast."""
    emma = await visit(served, new_context, EMMA, "/cards/12")
    jiwoo = await visit(served, new_context, JIWOO, "/cards/12")
    await jiwoo.dialog.get_by_label("댓글을 입력하세요").fill("보고 있어요")
    await jiwoo.page.keyboard.press("Control+Enter")
    await expect(emma.page.locator("#status")).to_contain_text("commented: 보고 있어요")
    await expect(emma.dialog.locator(".comments li").last).to_contain_text("보고 있어요")
    await expect(emma.badge).to_have_text("1")
    await expect(emma.toast).to_have_count(0)
    await emma.page.keyboard.press("Escape")
    await jiwoo.dialog.get_by_label("댓글을 입력하세요").fill("아직 있나요?")
    await jiwoo.page.keyboard.press("Control+Enter")
    await expect(emma.toast).to_contain_text("아직 있나요?")


async def test_many_changes_are_few_looks(served: Hosted, new_context: OpenContext) -> None:
    """Twenty changes in a row: a few loads, and the last change is shown."""
    jiwoo = await visit(served, new_context, JIWOO)
    seen = looks(jiwoo)
    with served.browser(EMMA) as emma:
        for number in range(20):
            emma.patch("/api/cards/3", json={"title": f"Title {number}"}).raise_for_status()
    await expect(jiwoo.card(3)).to_contain_text("Title 19")
    assert len(seen) <= 5


async def test_what_is_known_is_not_sent_again(served: Hosted, new_context: OpenContext) -> None:
    """Back on the stream the page looks, and is told that nothing has changed."""
    jiwoo = await visit(served, new_context, JIWOO)
    async with jiwoo.page.expect_response("**/api/board") as waiting:
        await jiwoo.page.evaluate("document.dispatchEvent(new Event('alimi-hello'))")
    assert (await waiting.value).status == 304
    await expect(jiwoo.card(3)).to_be_visible()


async def test_a_hidden_page_looks_when_it_is_seen(
    served: Hosted, new_context: OpenContext
) -> None:
    """While nobody sees it, it asks for nothing; seen again, it shows what has changed."""
    hidden = await visit(served, new_context, JIWOO)
    shown = await visit(served, new_context, JIWOO)
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await hidden.page.evaluate(hide, True)
    seen = looks(hidden)
    with served.browser(EMMA) as emma:
        for title in ("Unseen", "Unseen, too"):
            emma.patch("/api/cards/3", json={"title": title}).raise_for_status()
            await expect(shown.card(3)).to_contain_text(title)
    assert seen == []
    await hidden.page.evaluate(hide, False)
    await expect(hidden.card(3)).to_contain_text("Unseen, too")
