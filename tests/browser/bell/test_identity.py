"""Whose bell it is: signed out, tokens, somebody else."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import (
    Visitor,
    badge,
    fill,
    page_text,
    rows,
)


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


async def test_nobody_is_offered_no_desktop_notifications(
    server: FakeAlimi, visitor: Visitor
) -> None:
    """Who is signed out is not asked for a permission; the foot has the page's links, or goes."""
    await visitor.context.clear_cookies()
    await visitor.context.add_init_script(
        "Object.defineProperty(Notification, 'permission', {value: 'default'})"
    )
    server.pages["/"] = page_text(attributes="system-notifications")
    page = await visitor.open("out")
    await page.locator("alimi-bell .bell").click()
    await expect(page.locator("alimi-bell .note").first).to_contain_text("You are signed out.")
    foot = page.locator("alimi-bell .footer")
    await expect(foot).to_be_hidden()
    await page.evaluate("document.querySelector('alimi-bell').setAttribute('all-href', '/all')")
    await expect(foot.get_by_role("link", name="All notifications")).to_be_visible()
    await expect(foot.get_by_role("button")).to_have_count(0)
    await visitor.log_in("2")
    await page.reload()
    await page.locator("alimi-bell .bell").click()
    await expect(foot.get_by_role("button", name="Desktop notifications")).to_be_visible()


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
