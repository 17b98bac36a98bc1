"""The bell in a real Chromium, against a small fake server: what a person sees, does and hears."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.fake_alimi import FakeAlimi

AXE = Path(__file__).parents[1] / "client" / "node_modules" / "axe-core" / "axe.min.js"
READ = "2026-01-01T00:00:00.000Z"
STYLE = (
    ":root{color-scheme:light dark}header{text-align:end}"
    "body{margin:0;background:light-dark(#fff,#111);font-family:sans-serif}"
)


def page_text(lang: str = "en", attributes: str = "", body: str = "", script: str = "") -> str:
    """A page with a bell between two other stops of the Tab key."""
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Board</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="stylesheet" href="/page.css">{script}'
        '<script type="module" src="/alimi/bell.js"></script></head><body>'
        '<header><a href="/before">Before</a> '
        f'<alimi-bell {attributes}><a href="/all">Notifications</a></alimi-bell></header>'
        f'<main><h1>Board</h1><button id="after">After</button>{body}</main></body></html>'
    )


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[FakeAlimi]:
    """A fresh fake server."""
    fake = FakeAlimi()
    fake.pages = {"/": page_text(), "/page.css": STYLE}
    await fake.start()
    yield fake
    await fake.stop()


class Visitor:
    """A browser profile of one user, and what its pages complained of."""

    def __init__(self, server: FakeAlimi, context: BrowserContext) -> None:
        self.server = server
        self.context = context
        self.complaints: list[str] = []

    async def log_in(self, user: str) -> None:
        await self.context.add_cookies([{"name": "user", "value": user, "url": self.server.origin}])

    async def open(self, state: str = "live") -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self._hear(line.text))
        await page.goto(self.server.origin + "/")
        await expect(page.locator("alimi-bell")).to_have_attribute("state", state, timeout=10_000)
        return page

    def _hear(self, text: str) -> None:
        if re.search(r"Content Security|Trusted|violat|Uncaught", text):
            self.complaints.append(text)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, server: FakeAlimi) -> AsyncIterator[Visitor]:
    """User 2, with a strict CSP and Trusted Types; nothing may be complained of at the end."""
    context = await browser.new_context(viewport={"width": 900, "height": 700}, locale="en-US")
    made = Visitor(server, context)
    await made.log_in("2")
    yield made
    await context.close()
    assert made.complaints == []


def person(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "image": None, "url": None}


def fill(server: FakeAlimi, count: int = 3, user: str = "2") -> None:
    """Some rows, the newest last."""
    for number in range(1, count + 1):
        server.inbox(user).add(
            f"Message {number}",
            timedelta(minutes=count - number + 1),
            url=f"/cards/{number}",
            actor=person("Jamie"),
            object=person(f"Card {number}"),
        )


def badge(page: Page) -> Any:
    return page.locator("alimi-bell .badge")


def rows(page: Page) -> Any:
    return page.locator("alimi-bell .row")


async def focused(page: Page) -> str:
    """What has the focus, looking into the bell."""
    return str(
        await page.evaluate(
            """() => {
                const a = document.activeElement;
                const e = a?.shadowRoot?.activeElement ?? a;
                return e.id || e.getAttribute("aria-label") || e.textContent;
            }"""
        )
    )


async def sharing(page: Page) -> str:
    """How the page came to its stream."""
    return str(await page.evaluate("document.querySelector('alimi-bell').client.sharing"))


async def axe(page: Page) -> list[str]:
    """The rules that axe-core sees broken; evaluated apart from the page's CSP."""
    await page.evaluate(AXE.read_text() + ";0")
    found = await page.evaluate("axe.run().then(r => r.violations)")
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]


async def test_all_tabs_ring_over_one_connection(server: FakeAlimi, visitor: Visitor) -> None:
    """Three tabs, one stream: a notification raises every badge; read in one, it is read in all."""
    pages = [await visitor.open() for _ in range(3)]
    assert len(server.of("2")) == 1
    assert (
        await pages[0].evaluate("document.querySelector('alimi-bell').client.sharing") == "worker"
    )
    row = server.notify("2", "You are now the assignee of a card.", url="/cards/1")
    for page in pages:
        await expect(badge(page)).to_have_text("1")
    await pages[0].locator("alimi-bell .bell").click()
    for page in pages:
        await expect(badge(page)).to_be_hidden()
    assert server.asked("/alimi/v1/inbox/mark") == [{"action": "seen", "upto": "tag2.1"}]
    assert not server.inbox("2").rows[row["id"]]["read_at"], "seen is not read"


async def test_without_shared_workers_one_tab_leads(server: FakeAlimi, visitor: Visitor) -> None:
    """Where SharedWorker is missing, one tab holds the stream for all, then another."""
    await visitor.context.add_init_script("delete window.SharedWorker")
    first, second = await visitor.open(), await visitor.open()
    assert await sharing(second) == "lock"
    assert len(server.of("2")) == 1
    server.notify("2", "One")
    for page in (first, second):
        await expect(badge(page)).to_have_text("1")
    await first.close()
    await server.until(lambda: len(server.asked("/alimi/v1/inbox/stream")) == 2)
    await server.until(lambda: len(server.of("2")) == 1)
    server.notify("2", "Two")
    await expect(badge(second)).to_have_text("2")


async def test_a_frozen_leader_loses_its_lock(server: FakeAlimi, visitor: Visitor) -> None:
    """A tab that holds the lock and gives no sign of life is asked, then relieved."""
    await visitor.context.add_init_script("delete window.SharedWorker")
    server.pages["/frozen"] = "<!doctype html><title>Frozen</title>"
    frozen = await visitor.context.new_page()
    await frozen.goto(server.origin + "/frozen")
    name = f"alimi-1 tag2 {server.origin}/alimi/"
    await frozen.evaluate("n => void navigator.locks.request(n, () => new Promise(() => {}))", name)
    page = await visitor.open("connecting")
    await page.bring_to_front()
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "live", timeout=20_000)
    server.notify("2", "One")
    await expect(badge(page)).to_have_text("1")


async def test_who_joins_late_is_greeted_too(server: FakeAlimi, visitor: Visitor) -> None:
    """A page that joins a running stream gets `alimi-hello`, for signals that it did not hear."""
    await visitor.open()
    server.pages["/hear.js"] = "addEventListener('alimi-hello', () => (window.greeted = true))"
    server.pages["/"] = page_text(script='<script src="/hear.js"></script>')
    second = await visitor.open()
    await second.wait_for_function("() => window.greeted")
    assert len(server.asked("/alimi/v1/inbox/stream")) == 1


async def test_a_broken_worker_file_falls_back(server: FakeAlimi, visitor: Visitor) -> None:
    """A SharedWorker that cannot start leaves the bell working, by the next way."""
    await visitor.context.route("**/worker.js", lambda route: route.abort())
    page = await visitor.open()
    server.notify("2", "One")
    await expect(badge(page)).to_have_text("1")


async def test_a_page_without_any_sharing_has_its_own_stream(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """With neither workers nor locks (an insecure origin) each page keeps a stream of its own."""
    await visitor.context.add_init_script(
        "delete window.SharedWorker; Object.defineProperty(navigator, 'locks', {value: undefined})"
    )
    page = await visitor.open()
    assert await sharing(page) == "own"
    server.notify("2", "One")
    await expect(badge(page)).to_have_text("1")


async def test_reading_and_archiving_with_undo(server: FakeAlimi, visitor: Visitor) -> None:
    """A row is archived at once and undone exactly; mark-all is undone for what it changed."""
    fill(server, 3)
    server.inbox("2").rows["ntag21"]["read_at"] = READ
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await rows(page).nth(1).hover()
    await rows(page).nth(1).get_by_role("button", name="Archive").click()
    await expect(rows(page)).to_have_count(2)
    await page.get_by_role("button", name="Undo").click()
    await expect(rows(page)).to_have_count(3)
    await expect(rows(page).nth(1)).to_contain_text("Message 2")
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(0)
    await expect(page.get_by_role("button", name="Mark all as read")).to_be_disabled()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(2)
    marks = server.asked("/alimi/v1/inbox/mark")
    assert [(m or {})["action"] for m in marks if (m or {}).get("at")] == ["unarchive", "unread"]


async def test_rows_are_real_links(server: FakeAlimi, visitor: Visitor) -> None:
    """A click follows the link and marks it read; an application may take the click over."""
    fill(server, 2)
    server.pages["/cards/1"] = "<!doctype html><title>Card 1</title>"
    server.notify("2", "No way", url="javascript:alert(1)")
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page).nth(1).locator("a")).to_have_attribute("href", "/cards/2")
    await expect(rows(page).nth(0).locator("a")).to_have_count(0)
    await page.evaluate(
        """() => document.addEventListener("alimi-open", (event) => {
            event.preventDefault();
            document.title = event.detail.notification.url;
        }, {once: true})"""
    )
    await rows(page).nth(1).locator("a").click()
    await expect(page).to_have_title("/cards/2")
    assert page.url == server.origin + "/"
    await server.until(lambda: bool(server.inbox("2").rows["ntag22"]["read_at"]))
    await page.locator("alimi-bell .bell").click()
    async with page.expect_navigation(url="**/cards/1"):
        await rows(page).nth(2).locator("a").click()
    await server.until(lambda: bool(server.inbox("2").rows["ntag21"]["read_at"]))


async def test_the_views_and_endless_scroll(server: FakeAlimi, visitor: Visitor) -> None:
    """Unread and archived are views of their own; a long list goes on as it is scrolled."""
    fill(server, 45)
    inbox = server.inbox("2")
    inbox.mark({"action": "archive", "ids": ["ntag245"]})
    inbox.mark({"action": "read", "upto": 40})
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(20)
    await page.locator("alimi-bell .list").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    await expect(rows(page)).to_have_count(40)
    await page.locator("alimi-bell .list").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    await expect(rows(page)).to_have_count(44)
    await page.get_by_role("tab", name="Unread 4").click()
    await expect(rows(page)).to_have_count(4)
    await page.get_by_role("tab", name="Archived").click()
    await expect(rows(page)).to_have_count(1)
    await rows(page).first.hover()
    await page.get_by_role("button", name="Move back").click()
    await expect(page.locator("alimi-bell .empty")).to_contain_text("Nothing here.")


async def test_the_end_has_a_real_button(server: FakeAlimi, visitor: Visitor) -> None:
    """Who does not scroll gets the next page by a button; a failure there can be tried again."""
    fill(server, 45)
    await visitor.context.add_init_script("window.IntersectionObserver = class { observe() {} }")
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await page.get_by_role("button", name="Load more").click()
    await expect(rows(page)).to_have_count(40)
    server.refuse = 500
    await page.get_by_role("button", name="Load more").click()
    await expect(page.locator("alimi-bell .more")).to_contain_text("Could not load")
    server.refuse = None
    await page.get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(45)


async def test_by_keyboard_alone(server: FakeAlimi, visitor: Visitor) -> None:
    """Open, walk, read, archive, undo, switch views and leave without a pointer."""
    fill(server, 4)
    server.pages["/"] = page_text(attributes='shortcuts all-href="/all"')
    page = await visitor.open()
    press = page.keyboard.press
    await page.locator("alimi-bell .bell").focus()
    await press("Enter")
    await expect(rows(page)).to_have_count(4)
    assert await focused(page) == "title"
    await press("ArrowDown")
    assert "Message 4" in await focused(page)
    await press("PageDown")
    assert "Message 3" in await focused(page)
    await press("End")
    assert "Message 1" in await focused(page)
    await press("Home")
    await press("r")
    await expect(rows(page).first.get_by_role("button", name="Mark as unread")).to_have_count(1)
    await press("e")
    await expect(rows(page)).to_have_count(3)
    assert "Message 3" in await focused(page)
    await press("u")
    await expect(rows(page)).to_have_count(4)
    await press("Tab")
    assert await focused(page) == "Mark as read"
    await press("Tab")
    await press("Tab")
    assert await focused(page) == "All notifications"
    await press("ArrowUp")
    await press("Control+Home")
    assert await focused(page) == "all"
    await press("ArrowRight")
    assert await focused(page) == "unread"
    await press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "Notifications"
    await press("Enter")
    await expect(rows(page)).not_to_have_count(0)
    await page.get_by_role("link", name="All notifications").focus()
    await press("Tab")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    assert await focused(page) == "after"


async def test_the_focus_is_never_under_the_day(server: FakeAlimi, visitor: Visitor) -> None:
    """Walking up the list, the focused row stands below the heading that sticks, and the pill."""
    fill(server, 15)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(15)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("End")
    server.notify("2", "Held")
    pill = page.locator("alimi-bell .pill")
    await expect(pill).to_be_visible()
    for _ in range(14):
        await page.keyboard.press("ArrowUp")
        link = await page.locator("alimi-bell .link:focus").bounding_box()
        day = await page.locator("alimi-bell .day").first.bounding_box()
        over = await pill.bounding_box()
        assert link
        assert day
        assert over
        assert link["y"] >= day["y"] + day["height"] - 1
        assert link["y"] >= over["y"] + over["height"] - 1


async def test_behind_the_list_without_a_footer(server: FakeAlimi, visitor: Visitor) -> None:
    """Ctrl+End goes to the list's end when nothing is behind it, else to the page's footer."""
    fill(server, 3)
    page = await visitor.open()
    press = page.keyboard.press
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await press("ArrowDown")
    await press("Control+End")
    assert "Message 1" in await focused(page)
    await press("Escape")
    await page.evaluate(
        """() => {
            const own = document.createElement("a");
            Object.assign(own, {slot: "footer", href: "/own", textContent: "Own", id: "own"});
            const bell = document.querySelector("alimi-bell");
            bell.append(own);
            bell.lang = "en-GB";
        }"""
    )
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(3)
    await press("ArrowDown")
    await press("Control+End")
    assert await focused(page) == "own"


async def test_a_lost_connection_is_said(server: FakeAlimi, visitor: Visitor) -> None:
    """With the panel open, the live region says that the connection is lost."""
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await server.stop()
    status = page.locator("alimi-bell [role=status]")
    await expect(status).to_have_text("Not connected. Trying again…")
    await server.start()


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
    page = await visitor.open()
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
    await expect(page.locator("alimi-bell [role=status]")).to_have_text("1 new. Stays")
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(server: FakeAlimi, visitor: Visitor, scheme: Any) -> None:
    """axe-core has no complaint: closed with a toast, open with rows, an undo line, and empty."""
    fill(server, 3)
    server.inbox("2").mark({"action": "read", "ids": ["ntag21"]})
    server.pages["/"] = page_text(attributes='all-href="/all" settings-href="/settings"')
    page = await visitor.open()
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    server.notify("2", "You are now the assignee of a card.", actor=person("Jamie"), url="/cards/9")
    await expect(page.locator("alimi-bell .toast")).to_have_count(1)
    assert await axe(page) == []
    await page.locator("alimi-bell .bell").click()
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert await axe(page) == []
    server.inbox("2").rows.clear()
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.locator("alimi-bell .empty p")).to_be_visible()
    assert await axe(page) == []


async def test_in_korean(server: FakeAlimi, visitor: Visitor) -> None:
    """A Korean page has a Korean bell: names, times, day and counts."""
    server.pages["/"] = page_text("ko")
    fill(server, 3)
    page = await visitor.open()
    bell = page.locator("alimi-bell .bell")
    await expect(bell).to_have_attribute("aria-label", "알림, 새 알림 3개")
    await bell.click()
    await expect(page.get_by_role("heading", name="알림", exact=True)).to_be_visible()
    await expect(page.get_by_role("heading", name="오늘")).to_be_visible()
    await expect(page.get_by_role("tab", name="읽지 않음 3")).to_be_visible()
    await expect(rows(page).first.locator("time")).to_have_text("1분 전")
    assert await axe(page) == []
    await page.evaluate("document.querySelector('alimi-bell').lang = 'en'")
    await expect(page.get_by_role("heading", name="Today")).to_be_visible()


async def test_over_a_modal_dialog(server: FakeAlimi, visitor: Visitor) -> None:
    """While the page has a modal dialog open, the panel still opens above it and is usable."""
    server.pages["/"] = page_text(body="<dialog><p>Sure?</p><button>Yes</button></dialog>")
    fill(server, 2)
    page = await visitor.open()
    await page.evaluate("document.querySelector('dialog').showModal()")
    await page.evaluate("document.querySelector('alimi-bell').open()")
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(rows(page)).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.locator("alimi-bell .panel")).to_be_hidden()
    await expect(page.get_by_text("Sure?")).to_be_visible()


async def heard(page: Page) -> bool:
    """Whether the live region is in the accessibility tree: what is inert is not."""
    cdp = await page.context.new_cdp_session(page)
    expression = "document.querySelector('alimi-bell').status"
    made = await cdp.send("Runtime.evaluate", {"expression": expression})
    tree = await cdp.send(
        "Accessibility.getPartialAXTree",
        {"objectId": made["result"]["objectId"], "fetchRelatives": False},
    )
    return not tree["nodes"][0]["ignored"]


async def test_news_under_a_modal_dialog(server: FakeAlimi, visitor: Visitor) -> None:
    """While the page has a modal dialog open, toasts can be used and news is heard."""
    server.pages["/"] = page_text(body="<dialog><p>Sure?</p><button>Yes</button></dialog>")
    page = await visitor.open()
    toast = page.locator(".toast")
    server.notify("2", "Before it", url="/cards/1")
    await expect(toast).to_have_count(1)
    await page.evaluate("document.querySelector('dialog').showModal()")
    await toast.get_by_role("button", name="Close").click()
    await expect(toast).to_have_count(0)
    server.notify("2", "Above it all")
    await expect(page.get_by_role("status")).to_contain_text("Above it all", timeout=10_000)
    assert await heard(page)
    close = toast.get_by_role("button", name="Close")
    await close.focus()
    await page.keyboard.press("Escape")
    await expect(toast).to_have_count(0)
    await expect(page.get_by_text("Sure?")).to_be_visible()
    server.notify("2", "And after it")
    await expect(toast).to_have_count(1)
    await page.get_by_role("button", name="Yes").evaluate("e => e.closest('dialog').close()")
    await expect(page.locator("alimi-toasts")).to_have_count(0)
    await expect(page.locator("alimi-bell .toast")).to_be_visible()
    assert await heard(page)
    await page.locator("alimi-bell .toast").get_by_role("button", name="Close").click()
    await expect(toast).to_have_count(0)
    # The panel, too, is a modal dialog while one is open.
    await page.evaluate("document.querySelector('dialog').showModal()")
    await page.evaluate("document.querySelector('alimi-bell').open()")
    await expect(page.locator("alimi-bell .panel")).to_be_visible()
    assert await heard(page)


async def test_on_a_phone_it_is_a_sheet(browser: Browser, server: FakeAlimi) -> None:
    """On a phone the panel is a sheet at the bottom, and its actions show without hovering."""
    fill(server, 3)
    context = await browser.new_context(
        viewport={"width": 390, "height": 760}, has_touch=True, is_mobile=True
    )
    visitor = Visitor(server, context)
    await visitor.log_in("2")
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").tap()
    await expect(rows(page)).to_have_count(3)
    box = await page.locator("alimi-bell .panel").bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, 390)
    assert 60 < box["y"] < 380
    assert abs(box["y"] + box["height"] - 760) < 1
    archive = rows(page).first.get_by_role("button", name="Archive")
    assert await archive.evaluate("e => getComputedStyle(e.parentElement).opacity") == "1"
    assert await axe(page) == []
    await archive.tap()
    await expect(rows(page)).to_have_count(2)
    await context.close()
    assert visitor.complaints == []


async def test_from_right_to_left(server: FakeAlimi, visitor: Visitor) -> None:
    """In a right-to-left page the panel opens from the other side and arrows turn round."""
    server.pages["/"] = page_text().replace('lang="en"', 'lang="en" dir="rtl"')
    fill(server, 1)
    page = await visitor.open()
    await page.emulate_media(reduced_motion="reduce")
    await page.locator("alimi-bell .bell").click()
    box = await page.locator("alimi-bell .panel").bounding_box()
    assert box
    assert 0 <= box["x"] < 300
    await page.get_by_role("tab", name="All").focus()
    await page.keyboard.press("ArrowLeft")
    assert await focused(page) == "unread"


async def test_signed_out_is_shown_and_asks_no_more(server: FakeAlimi, visitor: Visitor) -> None:
    """401 on the stream: a visible signed-out state, nothing kept on show, no loop (G7)."""
    fill(server, 2)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(2)
    await visitor.context.clear_cookies()
    server.hang_up("2")
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "out")
    await expect(page.locator("alimi-bell .note").first).to_contain_text("You are signed out.")
    await expect(rows(page)).to_have_count(0)
    asked = len(server.requests)
    await page.evaluate("new Promise(done => setTimeout(done, 700))")
    assert len(server.requests) == asked
    await visitor.log_in("2")
    await page.get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(2)


async def test_never_signed_in(server: FakeAlimi, visitor: Visitor) -> None:
    """A page without a session says so at once and opens no stream (G7)."""
    await visitor.context.clear_cookies()
    page = await visitor.open("out")
    name = await page.locator("alimi-bell .bell").get_attribute("aria-label")
    assert name == "Notifications. You are signed out."
    assert server.asked("/alimi/v1/inbox/stream") == []


async def test_bearer_pages_lend_fresh_credentials(server: FakeAlimi, visitor: Visitor) -> None:
    """With a hook for credentials the worker's stream, too, gets fresh ones after a 401, once."""
    await visitor.context.clear_cookies()
    server.bearer = {"old": "2"}
    server.pages["/hook.js"] = (
        "addEventListener('DOMContentLoaded', () => {"
        "document.querySelector('alimi-bell').credentials = async () =>"
        " ({Authorization: 'Bearer ' + (window.token || 'old')}); })"
    )
    server.pages["/"] = page_text(script='<script src="/hook.js"></script>')
    page = await visitor.open()
    await server.until(lambda: len(server.of("2")) == 1)
    await page.evaluate("window.token = 'new'")
    server.bearer = {"new": "2"}
    server.hang_up("2")
    await server.until(lambda: len(server.of("2")) == 1)
    server.notify("2", "Still here")
    await expect(badge(page)).to_have_text("1")


HOOK = """
document.querySelector("alimi-bell").credentials = async () => ({Authorization: "Bearer ok"});
"""


@pytest.mark.parametrize("attributes", ["credentials", ""], ids=["waiting", "hook first"])
async def test_no_request_before_the_hook(
    server: FakeAlimi, visitor: Visitor, attributes: str
) -> None:
    """Told `credentials`, the bell waits for a later script; a hook set earlier is used at once."""
    await visitor.context.clear_cookies()
    server.bearer = {"ok": "2"}
    server.pages["/hook.js"] = HOOK
    hook = '<script type="module" src="/hook.js"></script>'
    later, first = (hook, "") if attributes else ("", hook)
    server.pages["/"] = page_text(attributes=attributes, body=later, script=first)
    page = await visitor.open()
    server.notify("2", "For user 2")
    await expect(badge(page)).to_have_text("1")
    asked = zip(server.requests, server.headers, strict=True)
    tokens = {
        headers.get("authorization") for (_, path, _), headers in asked if "/v1/inbox" in path
    }
    assert tokens == {"Bearer ok"}


async def test_another_user_sees_and_sends_nothing_of_the_first(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Two tabs, a log-in as somebody else: both show the new user's inbox only (G7)."""
    fill(server, 3, "2")
    fill(server, 1, "3")
    first, second = await visitor.open(), await visitor.open()
    await first.locator("alimi-bell .bell").click()
    await expect(rows(first)).to_have_count(3)
    server.refuse = 503
    await rows(first).first.hover()
    await rows(first).first.get_by_role("button", name="Archive").click()
    await expect(rows(first)).to_have_count(2)
    await visitor.log_in("3")
    server.refuse = None
    marks = len(server.asked("/alimi/v1/inbox/mark"))
    server.hang_up("2")
    await expect(badge(second)).to_have_text("1")
    await expect(rows(first)).to_have_count(1)
    await server.until(lambda: len(server.of("3")) == 1 and not server.of("2"))
    server.notify("3", "For three")
    await expect(badge(second)).to_have_text("2")
    later = server.asked("/alimi/v1/inbox/mark")[marks:]
    assert all((m or {}).get("action") == "seen" for m in later)
    assert not any(row["archived_at"] for row in server.inbox("2").rows.values())


async def test_restart_of_the_server_under_an_open_page(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """The server goes and comes back: the page says so, resumes and misses nothing (G5)."""
    page = await visitor.open()
    await server.stop()
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "retry")
    server.inbox("2").add("While it was away", url="/cards/1")
    await server.start()
    await expect(badge(page)).to_have_text("1", timeout=10_000)
    await expect(page.locator("alimi-bell .toast")).to_contain_text("While it was away")
    await expect(page.locator("alimi-bell")).to_have_attribute("state", "live")


async def test_marks_made_offline_are_sent_later(server: FakeAlimi, visitor: Visitor) -> None:
    """A mark made without a network shows at once, outlives a reload, and arrives in the end."""
    fill(server, 2)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(2)
    await visitor.context.set_offline(True)
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await expect(page.locator("alimi-bell .row-unread")).to_have_count(1)
    kept = await page.evaluate("Object.keys(localStorage).join()")
    assert "tag2" in kept
    assert not server.inbox("2").rows["ntag22"]["read_at"]
    await visitor.context.set_offline(False)
    await page.reload()
    await server.until(lambda: bool(server.inbox("2").rows["ntag22"]["read_at"]))
    await page.wait_for_function("() => localStorage.length === 0")


async def test_a_mark_that_failed_under_a_live_stream_is_sent_again(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """A 503 on one mark while the stream lives on: it is sent again without a reload."""
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    await server.until(lambda: not server.inbox("2").counts()["unseen"])
    server.refuse = 503
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Mark as read").click()
    await server.until(lambda: len(server.asked("/alimi/v1/inbox/mark")) == 2)
    server.refuse = None
    await server.until(lambda: bool(server.inbox("2").rows["ntag21"]["read_at"]))
    assert len(server.asked("/alimi/v1/inbox/stream")) == 1
    await page.wait_for_function("() => localStorage.length === 0")


async def test_a_refused_mark_is_taken_back_and_told(server: FakeAlimi, visitor: Visitor) -> None:
    """The server says no: the row is as it was, and a sentence says so, for the ear too."""
    fill(server, 1)
    page = await visitor.open()
    await page.locator("alimi-bell .bell").click()
    await expect(rows(page)).to_have_count(1)
    server.refuse = 422
    await rows(page).first.hover()
    await rows(page).first.get_by_role("button", name="Archive").click()
    await expect(page.locator("alimi-bell [role=status]")).to_contain_text("taken back")
    await expect(rows(page)).to_have_count(1)


async def test_loading_and_error_states(server: FakeAlimi, visitor: Visitor) -> None:
    """A list that does not come says so and offers another try."""
    fill(server, 2)
    page = await visitor.open()
    server.refuse = 500
    await page.locator("alimi-bell .bell").click()
    await expect(page.locator("alimi-bell .empty")).to_contain_text("Could not load")
    server.refuse = None
    await page.locator("alimi-bell .empty").get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(2)


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


async def test_the_title_badge_leaves_the_title_as_it_was(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Opt-in: the count stands before the title, follows the application's changes, and goes."""
    server.pages["/"] = page_text(attributes="title-badge")
    server.notify("2", "One")
    page = await visitor.open()
    await expect(page).to_have_title("(1) Board")
    await page.evaluate("document.title = 'Card 12'")
    await expect(page).to_have_title("(1) Card 12")
    await page.locator("alimi-bell .bell").click()
    await expect(page).to_have_title("Card 12")


async def test_a_page_in_the_back_forward_cache_resumes(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Leaving the page ends its stream; coming back catches up with what came meanwhile (G5)."""
    server.pages["/other"] = "<!doctype html><title>Other</title><p>Other</p>"
    page = await visitor.open()
    await page.goto(server.origin + "/other")
    await server.until(lambda: not server.of("2"))
    server.notify("2", "Meanwhile")
    await page.go_back()
    await expect(badge(page)).to_have_text("1")
    await expect(page.locator("alimi-bell .toast")).to_contain_text("Meanwhile")


async def test_before_the_script_it_is_a_plain_link(browser: Browser, server: FakeAlimi) -> None:
    """Without JavaScript the element shows the link that the page put into it."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(server.origin + "/")
    await expect(page.get_by_role("link", name="Notifications")).to_be_visible()
    await context.close()
