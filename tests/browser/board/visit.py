"""People with the board open in their browsers."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext, Locator, Page, ViewportSize, expect

from tests.board.harness import EMMA
from tests.board.served import Reachable
from tests.browser.conftest import OpenContext

CARD = "Checkout remembers the delivery address"

#: 1280 by 1024 at 400 %.
ZOOMED = ViewportSize(width=320, height=256)


class Visit:
    """Somebody's browser with the board open in it."""

    def __init__(self, served: Reachable, context: BrowserContext, page: Page) -> None:
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
    served: Reachable, new_context: OpenContext, user: int, path: str = "/", **options: Any
) -> Visit:
    """Log in, and wait until the board and its stream are there."""
    locale = "en-GB" if user == EMMA else "ko-KR"
    context = await new_context(**{"locale": locale, **options})
    wanted = {"user_id": user, "password": "demo"}
    await context.request.post(f"{served.address}/api/session", data=wanted)
    page = await context.new_page()
    await page.goto(served.address + path)
    found = Visit(served, context, page)
    await expect(found.card(1)).to_be_visible()
    await found.is_live()
    return found


def hand_over(served: Reachable, card: int, user: int) -> None:
    """Emma gives a card to somebody, from a browser that is not looked at."""
    with served.browser(EMMA) as emma:
        path = f"/api/cards/{card}/assignee"
        emma.patch(path, json={"user_id": user}).raise_for_status()


async def focused_card(page: Page) -> str | None:
    """The number of the card that has the focus."""
    number: str | None = await page.evaluate("document.activeElement.dataset.card")
    return number
