"""How the tabs of a browser share one stream."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    badge,
    page_text,
)
from tests.browser.conftest import Console


async def sharing(page: Page) -> str:
    """How the page came to its stream."""
    return str(await page.evaluate("document.querySelector('alimi-bell').client.sharing"))


async def test_all_tabs_ring_over_one_connection(server: FakeAlimi, visitor: Visitor) -> None:
    """Three tabs, one stream: a notification raises every badge; read in one, it is read in all."""
    pages = [await visitor.open() for _ in range(3)]
    assert len(server.of("2")) == 1
    assert await sharing(pages[0]) == "worker"
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


async def test_a_frozen_leader_loses_its_lock(
    server: FakeAlimi, visitor: Visitor, console: Console
) -> None:
    """A tab that holds the lock and gives no sign of life is asked, then relieved."""
    console.allow("uncaught: Lock broken")  # by the page that plays the frozen one
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
