"""What lies over the board: an opened card, the archive; the bell, focus and drafts with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Response, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Served
from tests.browser.conftest import PHONE, Console, OpenContext
from tests.browser.test_board import CARD, Visit, axe, hand_over, visit

ZOOMED = {"width": 320, "height": 256}


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """A board with its demo, as a process of its own."""
    served = Served(tmp_path / "board.db")
    await asyncio.to_thread(served.start)
    yield served
    await asyncio.to_thread(served.stop)


async def focused(page: Page) -> str:
    """What has the focus, through shadow roots: its tag, class and part."""
    found: str = await page.evaluate("""() => {
        let at = document.activeElement;
        while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        return [at.localName, at.id, at.className].join(" ");
    }""")
    return found


@pytest.mark.parametrize("viewport", [None, PHONE, ZOOMED], ids=["desktop", "phone", "zoomed"])
async def test_the_bell_works_over_an_open_card(
    served: Served, new_context: OpenContext, viewport: Any
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
    served: Served, new_context: OpenContext
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


async def test_escape_leaves_the_field_first(served: Served, new_context: OpenContext) -> None:
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


async def test_drafts_survive_a_reload(served: Served, new_context: OpenContext) -> None:
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
    served: Served, new_context: OpenContext, console: Console
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
    served: Served, new_context: OpenContext, console: Console
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


async def test_the_archive(served: Served, new_context: OpenContext) -> None:
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


async def test_the_archive_goes_on(served: Served, new_context: OpenContext) -> None:
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


async def test_the_focus_never_drops(served: Served, new_context: OpenContext) -> None:
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
    served: Served, new_context: OpenContext
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


async def test_a_comment_that_is_read_at_once_needs_no_toast(
    served: Served, new_context: OpenContext
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


async def test_everything_at_400_percent(served: Served, new_context: OpenContext) -> None:
    """320 CSS pixels wide, little height: nothing is cut off, every card can be reached."""
    emma = await visit(served, new_context, EMMA, viewport=ZOOMED)
    width = "document.documentElement.scrollWidth"
    assert await emma.page.evaluate(width) == 320
    last = emma.card(11)
    await last.scroll_into_view_if_needed()
    await expect(last).to_be_in_viewport(ratio=0.9)
    for card in (11, 8):
        await emma.card(card).click()
        await expect(emma.dialog).to_be_visible()
        out = await emma.page.evaluate("""[...document.querySelectorAll("dialog[open] *")]
            .filter((each) => each.checkVisibility() && !each.closest(".sr, svg"))
            .map((each) => [each.className, each.getBoundingClientRect()])
            .filter(([, { left, right }]) => left < 0 || right > 320.5)""")
        assert out == []
        assert await emma.page.evaluate(width) == 320
        await expect(emma.dialog.get_by_label("Write a comment")).to_be_visible()
        await emma.page.keyboard.press("Escape")
    assert await axe(emma.page) == []


@pytest.mark.parametrize("user", [EMMA, JIWOO], ids=["English", "Korean"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_in_sheets(
    served: Served, new_context: OpenContext, user: int, scheme: str, viewport: Any
) -> None:
    """Archive, open card with the bell's panel over it, an unknown address: no complaint."""
    options = {"color_scheme": scheme, "reduced_motion": "reduce"}
    options |= {"viewport": viewport} if viewport else {}
    await asyncio.to_thread(hand_over, served, 13, user)
    person = await visit(served, new_context, user, "/cards/12", **options)
    await expect(person.dialog).to_be_visible()
    await person.page.locator("alimi-bell .bell").click()
    await expect(person.page.locator("alimi-bell .panel")).to_be_visible()
    assert await axe(person.page) == []
    await person.page.keyboard.press("Escape")
    await person.dialog.locator(".card-actions button").last.click()
    await expect(person.dialog).to_have_count(0)
    await person.page.locator(".account").click()
    await person.page.locator("#open-archive").click()
    await expect(person.dialog.locator(".archive li")).to_have_count(1)
    assert await axe(person.page) == []


async def test_an_unknown_address(
    served: Served, new_context: OpenContext, console: Console
) -> None:
    """A calm page that leads back, without a complaint of axe-core."""
    console.allow("404")
    page = await (await new_context(locale="ko-KR")).new_page()
    await page.goto(f"{served.address}/nope")
    assert await axe(page) == []
    await page.get_by_role("link", name="보드로 가기").click()
    await expect(page.locator(".people")).to_be_visible()


def looks(visited: Visit) -> list[int]:
    """The page's own requests for the board from now on."""
    seen: list[int] = []

    def note(answer: Response) -> None:
        if answer.url.endswith("/api/board"):
            seen.append(answer.status)

    visited.page.on("response", note)
    return seen


async def test_many_changes_are_few_looks(served: Served, new_context: OpenContext) -> None:
    """Twenty changes in a row: a few loads, and the last change is shown."""
    jiwoo = await visit(served, new_context, JIWOO)
    seen = looks(jiwoo)
    with served.browser(EMMA) as emma:
        for number in range(20):
            emma.patch("/api/cards/3", json={"title": f"Title {number}"}).raise_for_status()
    await expect(jiwoo.card(3)).to_contain_text("Title 19")
    assert len(seen) <= 5


async def test_what_is_known_is_not_sent_again(served: Served, new_context: OpenContext) -> None:
    """Back on the stream the page looks, and is told that nothing has changed."""
    jiwoo = await visit(served, new_context, JIWOO)
    async with jiwoo.page.expect_response("**/api/board") as waiting:
        await jiwoo.page.evaluate("document.dispatchEvent(new Event('alimi-hello'))")
    assert (await waiting.value).status == 304
    await expect(jiwoo.card(3)).to_be_visible()


async def test_a_hidden_page_looks_when_it_is_seen(
    served: Served, new_context: OpenContext
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
