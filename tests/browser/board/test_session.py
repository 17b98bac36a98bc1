"""Who the page belongs to, in all tabs of a browser."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import Visit, hand_over, visit
from tests.browser.conftest import Console, OpenContext


async def log_out_with_another_tab(jiwoo: Visit) -> Page:
    """Answers that tab; the first has not been touched."""
    tab = await jiwoo.another_tab()
    await expect(tab.locator("alimi-bell")).to_have_attribute("state", "live")
    await tab.locator(".account").click()
    await tab.get_by_role("button", name="로그아웃").click()
    return tab


async def test_logging_out_takes_all_tabs_along(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """G7: the other tab shows the login as well, and nothing of the board."""
    console.allow("401")
    jiwoo = await visit(served, new_context, JIWOO)
    tab = await log_out_with_another_tab(jiwoo)
    for page in (tab, jiwoo.page):
        await expect(page.locator(".people")).to_be_visible()


async def test_somebody_else_logs_in_with_another_tab(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """G7: the first tab becomes the other's, with their language and inbox."""
    console.allow("401|409")  # a load of the board that comes between is refused, too
    jiwoo = await visit(served, new_context, JIWOO)
    await asyncio.to_thread(hand_over, served, 12, JIWOO)
    await expect(jiwoo.badge).to_have_text("1")
    wanted = {"user_id": EMMA, "password": "demo"}
    await jiwoo.context.request.post(f"{served.address}/api/session", data=wanted)
    await expect(jiwoo.page.locator("html")).to_have_attribute("lang", "en", timeout=20_000)
    await expect(jiwoo.badge).to_be_hidden()


async def test_a_tab_left_open_acts_for_nobody_else(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """G7: the session is somebody else's meanwhile: a click changes nothing, and that shows."""
    console.allow("409|401")
    jiwoo = await visit(served, new_context, JIWOO, "/cards/12")
    with served.browser(EMMA) as emma:
        token = emma.cookies["board_session"]
        await jiwoo.context.add_cookies(
            [{"name": "board_session", "value": token, "url": served.address}]
        )
        await jiwoo.dialog.get_by_role("button", name="박도현", exact=True).click()
        await expect(jiwoo.page.locator("html")).to_have_attribute("lang", "en")
        assert emma.get("/api/cards/12").json()["assignee_id"] == EMMA


async def test_other_tabs_follow_at_once(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """G7: logged in as somebody else with one tab, all become theirs, login pages included."""
    console.allow("401|409")
    jiwoo = await visit(served, new_context, JIWOO)
    tab = await log_out_with_another_tab(jiwoo)
    await expect(jiwoo.page.locator(".people")).to_be_visible()
    await tab.locator(f'[data-user="{EMMA}"]').click()
    for page in (tab, jiwoo.page):
        await expect(page.locator("alimi-bell")).to_have_attribute("lang", "en")
