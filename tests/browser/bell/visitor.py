"""The pages of the bell's tests, who looks at them, and what they find there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.bell.fake_alimi import FakeAlimi

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


class Visitor:
    """A browser profile, and who is logged in with it."""

    def __init__(self, server: FakeAlimi, context: BrowserContext) -> None:
        self.server = server
        self.context = context

    async def log_in(self, user: str) -> None:
        await self.context.add_cookies([{"name": "user", "value": user, "url": self.server.origin}])

    async def open(self, state: str = "live") -> Page:
        page = await self.context.new_page()
        await page.goto(self.server.origin + "/")
        await expect(page.locator("alimi-bell")).to_have_attribute("state", state)
        return page


OpenVisitor = Callable[..., Awaitable[Visitor]]


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
    """The rows of an open panel; a closed one still holds those that it showed."""
    return page.locator("alimi-bell .panel:is(:popover-open, [open]) .row")


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
