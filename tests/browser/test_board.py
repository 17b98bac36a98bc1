"""The board as two people see it in two browsers: the way from a click to the other's bell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, Request, expect

from tests.board.harness import DOHYUN, EMMA, JIWOO
from tests.board.served import Served
from tests.browser.conftest import PHONE, Console, OpenContext

AXE = Path(__file__).parents[1] / "client" / "node_modules" / "axe-core" / "axe.min.js"
CARD = "Checkout remembers the delivery address"


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """A board with its demo, as a process of its own."""
    served = Served(tmp_path / "board.db")
    await asyncio.to_thread(served.start)
    yield served
    await asyncio.to_thread(served.stop)


class Visit:
    """Somebody's browser with the board open in it."""

    def __init__(self, served: Served, context: BrowserContext, page: Page) -> None:
        self.served = served
        self.context = context
        self.page = page

    def card(self, number: int) -> Locator:
        """A card on the board."""
        return self.page.locator(f'.board [data-card="{number}"]')

    def listed(self, number: int) -> Locator:
        """The cards of a list."""
        return self.page.locator(f'[data-list="{number}"] [data-card]')

    async def order(self, number: int) -> list[int]:
        """Their numbers, from top to bottom."""
        return [
            int(str(await each.get_attribute("data-card")))
            for each in await self.listed(number).all()
        ]

    @property
    def dialog(self) -> Locator:
        """The opened card."""
        return self.page.locator("dialog[open]")

    @property
    def badge(self) -> Locator:
        """The number on the bell."""
        return self.page.locator("alimi-bell .badge")

    @property
    def toast(self) -> Locator:
        """What has just come in."""
        return self.page.locator(".toast")

    async def give(self, number: int, name: str) -> None:
        """Open a card and hand it to somebody."""
        await self.card(number).click()
        button = self.dialog.get_by_role("button", name=name, exact=True)
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true")

    async def is_live(self) -> None:
        """Wait for the stream."""
        await expect(self.page.locator("alimi-bell")).to_have_attribute("state", "live")

    async def another_tab(self, path: str = "/") -> Page:
        """One more page in the same browser."""
        page = await self.context.new_page()
        await page.goto(self.served.address + path)
        return page


async def visit(
    served: Served, new_context: OpenContext, user: int, path: str = "/", **options: Any
) -> Visit:
    """Log in by the demo's page, and wait until the board and its stream are there."""
    locale = "en-GB" if user == EMMA else "ko-KR"
    context = await new_context(**{"locale": locale, **options})
    page = await context.new_page()
    await page.goto(served.address + path)
    await page.locator(f'[data-user="{user}"]').click()
    found = Visit(served, context, page)
    await expect(found.card(1)).to_be_visible()
    await found.is_live()
    return found


def hand_over(served: Served, card: int, user: int) -> None:
    """Emma gives a card to somebody, from a browser that is not looked at."""
    with served.browser(EMMA) as emma:
        path = f"/api/cards/{card}/assignee"
        emma.patch(path, json={"user_id": user}).raise_for_status()


async def focused_card(page: Page) -> str | None:
    """The number of the card that has the focus."""
    number: str | None = await page.evaluate("document.activeElement.dataset.card")
    return number


async def axe(page: Page) -> list[str]:
    """The rules that axe-core sees broken; evaluated apart from the page's policy."""
    await page.evaluate(AXE.read_text() + ";0")
    found = await page.evaluate("axe.run().then(r => r.violations)")
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]


async def test_a_card_changes_hands_and_the_bell_rings(
    served: Served, new_context: OpenContext
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


async def test_the_bell_leads_to_the_card_without_a_new_page(
    served: Served, new_context: OpenContext
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
    served: Served, new_context: OpenContext
) -> None:
    """From a mail or another program: log in, and there it is; closed, the board remains."""
    jiwoo = await visit(served, new_context, JIWOO, "/cards/8")
    await expect(jiwoo.dialog.locator(".mention").first).to_have_text("@Emma Reid")
    await jiwoo.page.keyboard.press("Escape")
    await expect(jiwoo.page).to_have_url(f"{served.address}/")
    await expect(jiwoo.card(8)).to_be_focused()


async def test_the_server_dies_under_an_open_page(
    served: Served, new_context: OpenContext, console: Console
) -> None:
    """G1: kill -9 and a new start: the open page, never reloaded, shows all there was to hear."""
    console.allow("ERR_|Failed to load resource")
    jiwoo = await visit(served, new_context, JIWOO)
    await jiwoo.page.evaluate("window.kept = true")
    await asyncio.to_thread(hand_over, served, 12, JIWOO)
    await expect(jiwoo.badge).to_have_text("1")
    await asyncio.to_thread(hand_over, served, 6, JIWOO)
    await asyncio.to_thread(served.kill)
    await expect(jiwoo.page.locator("#offline")).to_be_visible(timeout=15_000)
    await asyncio.to_thread(served.start)
    await asyncio.to_thread(hand_over, served, 8, JIWOO)
    await expect(jiwoo.badge).to_have_text("3", timeout=30_000)
    await expect(jiwoo.page.locator("#offline")).to_be_hidden()
    for card in (12, 6, 8):
        await expect(jiwoo.card(card)).to_contain_text("담당자: 김지우")
    await jiwoo.page.locator("alimi-bell .bell").click()
    await expect(jiwoo.page.locator("alimi-bell [part~=row]")).to_have_count(3)
    assert await jiwoo.page.evaluate("window.kept")


async def test_everything_by_keyboard(served: Served, new_context: OpenContext) -> None:
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


async def test_escape_puts_a_card_back(served: Served, new_context: OpenContext) -> None:
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


async def test_a_card_is_dragged(served: Served, new_context: OpenContext) -> None:
    """By mouse into another list; the other's board follows, and no card opens by it."""
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    start, end = await emma.card(3).bounding_box(), await emma.card(5).bounding_box()
    assert start is not None
    assert end is not None
    mouse = emma.page.mouse
    await mouse.move(start["x"] + 40, start["y"] + 15)
    await mouse.down()
    await mouse.move(start["x"] + 60, start["y"] + 25, steps=4)
    await mouse.move(end["x"] + 40, end["y"] + 5, steps=8)
    await mouse.up()
    await expect(jiwoo.listed(2).nth(1)).to_have_attribute("data-card", "3")
    assert await emma.order(2) == [4, 3, 5, 6, 7]
    await expect(emma.dialog).to_have_count(0)


async def test_a_card_moves_under_a_finger(served: Served, new_context: OpenContext) -> None:
    """On a phone a finger that rests on a card lifts it; a quick one only scrolls."""
    emma = await visit(served, new_context, EMMA, viewport=PHONE, has_touch=True, is_mobile=True)
    box = await emma.card(1).bounding_box()
    assert box is not None
    touch = await emma.context.new_cdp_session(emma.page)

    async def send(kind: str, y: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": box["x"] + 60, "y": y}]
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    y = box["y"] + 20
    await send("touchStart", y)
    await expect(emma.page.locator(".ghost")).to_be_visible()
    for step in range(1, 9):
        await send("touchMove", y + step * 16)
    await send("touchEnd", y)
    await expect(emma.page.locator(".ghost")).to_have_count(0)
    assert (await emma.order(1))[0] == 2
    await expect(emma.dialog).to_have_count(0)


async def test_a_mention_is_completed_and_heard(served: Served, new_context: OpenContext) -> None:
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
    served: Served, new_context: OpenContext, console: Console
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
    served: Served, new_context: OpenContext, console: Console
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


async def test_what_was_not_done_is_not_shown(
    served: Served, new_context: OpenContext, console: Console
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


async def test_archive_and_undo(served: Served, new_context: OpenContext) -> None:
    """An archived card leaves both boards; undo brings it back to both."""
    emma = await visit(served, new_context, EMMA, "/cards/9")
    jiwoo = await visit(served, new_context, JIWOO)
    await emma.dialog.get_by_role("button", name="Archive").click()
    await expect(emma.card(9)).to_have_count(0)
    await expect(jiwoo.card(9)).to_have_count(0)
    await emma.page.locator("#note").get_by_role("button", name="Undo").click()
    await expect(emma.card(9)).to_be_visible()
    await expect(jiwoo.card(9)).to_be_visible()


async def test_logging_out_takes_all_tabs_along(
    served: Served, new_context: OpenContext, console: Console
) -> None:
    """G7: the other tab shows the login as well, and nothing of the board."""
    console.allow("401")
    jiwoo = await visit(served, new_context, JIWOO)
    tab = await jiwoo.another_tab()
    await expect(tab.locator("alimi-bell")).to_have_attribute("state", "live")
    await tab.locator(".account").click()
    await tab.get_by_role("button", name="로그아웃").click()
    for page in (tab, jiwoo.page):
        await expect(page.locator(".people")).to_be_visible()


async def test_somebody_else_logs_in_with_another_tab(
    served: Served, new_context: OpenContext, console: Console
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
    served: Served, new_context: OpenContext, console: Console
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
    served: Served, new_context: OpenContext, console: Console
) -> None:
    """G7: logged in as somebody else with one tab, all become theirs, login pages included."""
    console.allow("401|409")
    jiwoo = await visit(served, new_context, JIWOO)
    tab = await jiwoo.another_tab()
    await expect(tab.locator("alimi-bell")).to_have_attribute("state", "live")
    await tab.locator(".account").click()
    await tab.get_by_role("button", name="로그아웃").click()
    await expect(jiwoo.page.locator(".people")).to_be_visible()
    await tab.locator(f'[data-user="{EMMA}"]').click()
    for page in (tab, jiwoo.page):
        await expect(page.locator("alimi-bell")).to_have_attribute("lang", "en")


async def test_at_home_on_a_phone(served: Served, new_context: OpenContext) -> None:
    """One list at a time, a tap from the others; the card fills the screen; nothing sticks out."""
    emma = await visit(served, new_context, EMMA, viewport=PHONE, has_touch=True, is_mobile=True)
    await expect(emma.page.get_by_role("button", name="Ideas", exact=True)).to_have_attribute(
        "aria-current", "true"
    )
    await emma.page.get_by_role("button", name="Review", exact=True).tap()
    await expect(emma.card(12)).to_be_in_viewport(ratio=0.9)
    await emma.card(12).tap()
    await expect(emma.dialog).to_be_in_viewport(ratio=1)
    box = await emma.dialog.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, PHONE["width"])
    assert await emma.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    small = await emma.page.evaluate("""[...document.querySelectorAll("button, select")]
        .filter((each) => each.checkVisibility())
        .map((each) => [each.textContent, each.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24)""")
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(
    served: Served, new_context: OpenContext, scheme: str, viewport: Any
) -> None:
    """axe-core has no complaint about the login, the board, an open card, an edit, a note."""
    options = {"color_scheme": scheme, "reduced_motion": "reduce"}
    options |= {"viewport": viewport} if viewport else {}
    stranger = await (await new_context(**options)).new_page()
    await stranger.goto(served.address + "/login")
    assert await axe(stranger) == []
    emma = await visit(served, new_context, EMMA, **options)
    assert await axe(emma.page) == []
    await emma.card(8).click()
    await expect(emma.dialog.locator(".comments li")).to_have_count(2)
    assert await axe(emma.page) == []
    await emma.dialog.locator(".section-head").get_by_role("button", name="Edit").click()
    await emma.dialog.get_by_label("Description").last.fill("@")
    await expect(emma.dialog.locator(".mentions li").first).to_be_visible()
    assert await axe(emma.page) == []
    await emma.dialog.get_by_label("Description").last.fill("x")
    await emma.dialog.get_by_role("button", name="Archive").click()
    await expect(emma.page.locator("#note")).to_be_visible()
    assert await axe(emma.page) == []


async def test_losing_a_card_is_told_quietly(served: Served, new_context: OpenContext) -> None:
    """Who lost a card finds it in the bell and on the badge; nothing pops up for it."""
    emma = await visit(served, new_context, EMMA)
    jiwoo = await visit(served, new_context, JIWOO)
    await emma.give(9, "박도현")
    await expect(jiwoo.badge).to_have_text("1")
    await expect(jiwoo.toast).to_have_count(0)
    await jiwoo.page.locator("alimi-bell .bell").click()
    row = jiwoo.page.locator("alimi-bell [part~=row]")
    await expect(row).to_contain_text("더 이상 카드의 담당자가 아닙니다.")
