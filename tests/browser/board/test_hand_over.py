"""The way from a click to the other's bell, and from the bell to the card."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Request, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted, Served
from tests.browser.board.visit import CARD, Visit, hand_over, visit
from tests.browser.conftest import Console, OpenContext


@pytest_asyncio.fixture(loop_scope="session")
async def process(tmp_path: Path) -> AsyncIterator[Served]:
    """A board with its demo, as a process of its own."""
    served = Served(tmp_path / "board.db")
    await asyncio.to_thread(served.start)
    yield served
    await asyncio.to_thread(served.stop)


async def test_a_card_changes_hands_and_the_bell_rings(
    served: Hosted, new_context: OpenContext
) -> None:
    """The main job: Emma gives a card away; 지우's bell rings, in Korean, and her board agrees."""
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    await expect(jiwoo.badge).to_be_hidden()
    await emma.give(12, "김지우")
    await expect(jiwoo.toast).to_contain_text("카드의 담당자가 사용자님으로 변경되었습니다.")
    await expect(jiwoo.toast).to_contain_text(CARD)
    await expect(jiwoo.badge).to_have_text("1")
    await expect(jiwoo.card(12)).to_contain_text("담당자: 김지우")
    await expect(emma.badge).to_be_hidden()


async def test_a_page_that_only_knows_event_source(
    served: Hosted, new_context: OpenContext
) -> None:
    """`new EventSource("/sse/2")` and `JSON.parse(event.data).message` are all it needs."""
    jiwoo = await visit(served, new_context, JIWOO)
    await jiwoo.page.evaluate("""() => new Promise((opened) => {
        const source = new EventSource("/sse/2");
        source.onopen = opened;
        source.onmessage = (event) => { window.told = JSON.parse(event.data).message; };
    }).then(() => {})""")
    await asyncio.to_thread(hand_over, served, 12, JIWOO)
    told = await jiwoo.page.wait_for_function("() => window.told")
    assert await told.json_value() == "카드의 담당자가 사용자님으로 변경되었습니다."


async def test_losing_a_card_is_told_quietly(served: Hosted, new_context: OpenContext) -> None:
    """Who lost a card finds it in the bell and on the badge; nothing pops up for it."""
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    await emma.give(9, "박도현")
    await expect(jiwoo.badge).to_have_text("1")
    await expect(jiwoo.toast).to_have_count(0)
    await jiwoo.page.locator("alimi-bell .bell").click()
    row = jiwoo.page.locator("alimi-bell [part~=row]")
    await expect(row).to_contain_text("더 이상 카드의 담당자가 아닙니다.")


async def test_the_bell_leads_to_the_card_without_a_new_page(
    served: Hosted, new_context: OpenContext
) -> None:
    """A click on the notification opens the card here and has its address; back closes it."""
    jiwoo = await visit(served, new_context, JIWOO)
    loads: list[str] = []

    def note(request: Request) -> None:
        if request.is_navigation_request():
            loads.append(request.url)

    jiwoo.page.on("request", note)
    await asyncio.to_thread(hand_over, served, 12, JIWOO)
    await expect(jiwoo.badge).to_have_text("1")
    await jiwoo.page.locator("alimi-bell .bell").click()
    await jiwoo.page.locator("alimi-bell .panel").get_by_role("link", name=CARD).click()
    await expect(jiwoo.dialog.get_by_label("제목")).to_have_value(CARD)
    await expect(jiwoo.page).to_have_url(f"{served.address}/cards/12")
    await jiwoo.page.go_back()
    await expect(jiwoo.dialog).to_have_count(0)
    assert loads == []


async def test_a_deep_link_opens_the_card_after_the_login(
    served: Hosted, new_context: OpenContext
) -> None:
    """From a mail or another program: log in, and there it is; closed, the board remains."""
    context = await new_context(locale="ko-KR")
    jiwoo = Visit(served, context, await context.new_page())
    await jiwoo.page.goto(f"{served.address}/cards/8")
    await jiwoo.page.locator(f'[data-user="{JIWOO}"]').click()
    await expect(jiwoo.page).to_have_url(f"{served.address}/cards/8")
    await expect(jiwoo.dialog.locator(".mention").first).to_have_text("@Emma Reid")
    await jiwoo.page.keyboard.press("Escape")
    await expect(jiwoo.page).to_have_url(f"{served.address}/")
    await expect(jiwoo.card(8)).to_be_focused()


async def test_the_server_dies_under_an_open_page(
    process: Served, new_context: OpenContext, console: Console
) -> None:
    """G1: kill -9 and a new start: the open page, never reloaded, shows all there was to hear."""
    console.allow("ERR_|Failed to load resource")
    jiwoo = await visit(process, new_context, JIWOO)
    await jiwoo.page.evaluate("window.kept = true")
    await asyncio.to_thread(hand_over, process, 12, JIWOO)
    await expect(jiwoo.badge).to_have_text("1")
    await asyncio.to_thread(hand_over, process, 6, JIWOO)
    await asyncio.to_thread(process.kill)
    await expect(jiwoo.page.locator("#offline")).to_be_visible(timeout=15_000)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(hand_over, process, 8, JIWOO)
    await expect(jiwoo.badge).to_have_text("3", timeout=30_000)
    await expect(jiwoo.page.locator("#offline")).to_be_hidden()
    for card in (12, 6, 8):
        await expect(jiwoo.card(card)).to_contain_text("담당자: 김지우")
    await jiwoo.page.locator("alimi-bell .bell").click()
    await expect(jiwoo.page.locator("alimi-bell [part~=row]")).to_have_count(3)
    assert await jiwoo.page.evaluate("window.kept")


async def test_what_was_not_done_is_not_shown(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """Without the server an assignment goes back, on card and board, and a note says so."""
    console.allow("ERR_|Failed to load resource")
    emma = await visit(served, new_context, EMMA, "/cards/12")
    await emma.context.set_offline(True)
    button = emma.dialog.get_by_role("button", name="박도현", exact=True)
    await button.click()
    await expect(emma.page.locator("#note")).to_contain_text("Check your connection")
    await expect(button).to_have_attribute("aria-pressed", "false")
    await expect(emma.card(12)).to_contain_text("Assigned to Emma Reid")
