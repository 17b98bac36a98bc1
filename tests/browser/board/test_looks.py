"""As it is seen: axe-core, a phone, 400 %, an unknown address."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import ViewportSize, expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.axe import axe, axe_in_both_schemes
from tests.browser.board.visit import ZOOMED, hand_over, visit
from tests.browser.conftest import DESKTOP, PHONE, Console, OpenContext


async def test_at_home_on_a_phone(served: Hosted, new_context: OpenContext) -> None:
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
    assert await emma.dialog.evaluate("each => each.scrollWidth === each.clientWidth")
    assert await emma.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    small = await emma.page.evaluate("""[...document.querySelectorAll("button, select")]
        .filter((each) => each.checkVisibility())
        .map((each) => [each.textContent, each.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24)""")
    assert small == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(
    served: Hosted, new_context: OpenContext, viewport: ViewportSize
) -> None:
    """axe-core has no complaint about the login, the board, an open card, an edit, a note."""
    options: dict[str, Any] = {"viewport": viewport, "reduced_motion": "reduce"}
    stranger = await (await new_context(**options)).new_page()
    await stranger.goto(served.address + "/login")
    assert await axe_in_both_schemes(stranger) == []
    emma = await visit(served, new_context, EMMA, **options)
    assert await axe_in_both_schemes(emma.page) == []
    await emma.card(8).click()
    await expect(emma.dialog.locator(".comments li")).to_have_count(2)
    assert await axe_in_both_schemes(emma.page) == []
    await emma.dialog.locator(".section-head").get_by_role("button", name="Edit").click()
    await emma.dialog.get_by_label("Description").last.fill("@")
    await expect(emma.dialog.locator(".mentions li").first).to_be_visible()
    assert await axe_in_both_schemes(emma.page) == []
    await emma.dialog.get_by_label("Description").last.fill("x")
    await emma.dialog.get_by_role("button", name="Archive").click()
    await expect(emma.page.locator("#note")).to_be_visible()
    assert await axe_in_both_schemes(emma.page) == []


@pytest.mark.parametrize("user", [EMMA, JIWOO], ids=["English", "Korean"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_in_sheets(
    served: Hosted, new_context: OpenContext, user: int, viewport: ViewportSize
) -> None:
    """The archive, and an open card with the bell's panel over it: no complaint."""
    options: dict[str, Any] = {"viewport": viewport, "reduced_motion": "reduce"}
    await asyncio.to_thread(hand_over, served, 13, user)
    person = await visit(served, new_context, user, "/cards/12", **options)
    await expect(person.dialog).to_be_visible()
    await person.page.locator("alimi-bell .bell").click()
    await expect(person.page.locator("alimi-bell .panel")).to_be_visible()
    assert await axe_in_both_schemes(person.page) == []
    await person.page.keyboard.press("Escape")
    await person.dialog.locator(".card-actions button").last.click()
    await expect(person.dialog).to_have_count(0)
    await person.page.locator(".account").click()
    await person.page.locator("#open-archive").click()
    await expect(person.dialog.locator(".archive li")).to_have_count(1)
    assert await axe_in_both_schemes(person.page) == []


async def test_five_lists_fit_a_small_desktop(served: Hosted, new_context: OpenContext) -> None:
    """The lists that the board begins with are all in sight, to their edges."""
    emma = await visit(served, new_context, EMMA, viewport=DESKTOP)
    lists = emma.page.locator("[data-list]")
    await expect(lists).to_have_count(5)
    await expect(lists.last).to_be_in_viewport(ratio=1)


#: The ground of a face on the board, and of its picture in the bell, as they are painted.
GROUNDS = """async (face) => {
    const painted = (colour) => {
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const shown = document.querySelector("alimi-bell").shadowRoot.querySelector(".toast img");
    await shown.decode();
    const context = new OffscreenCanvas(72, 72).getContext("2d");
    context.drawImage(shown, 0, 0, 72, 72);
    const pictured = [...context.getImageData(4, 4, 1, 1).data];
    return [painted(face), pictured];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_bell_shows_the_faces_of_the_board(
    served: Hosted, new_context: OpenContext, scheme: Any
) -> None:
    """Whoever is orange on a dark board is the same orange in the toast."""
    emma = await visit(served, new_context, EMMA, color_scheme=scheme)
    jiwoo = await visit(served, new_context, JIWOO, color_scheme=scheme)
    await emma.give(12, "김지우")
    await expect(jiwoo.toast.locator("img")).to_be_visible()
    face = await emma.page.evaluate(
        "getComputedStyle(document.querySelector('.account .face')).backgroundColor"
    )
    on_board, pictured = await jiwoo.page.evaluate(GROUNDS, face)
    assert max(abs(a - b) for a, b in zip(on_board, pictured, strict=True)) <= 2


async def test_everything_at_400_percent(served: Hosted, new_context: OpenContext) -> None:
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


async def test_an_unknown_address(
    served: Hosted, new_context: OpenContext, console: Console
) -> None:
    """A calm page that leads back, without a complaint of axe-core."""
    console.allow("404")
    page = await (await new_context(locale="ko-KR")).new_page()
    await page.goto(f"{served.address}/nope")
    assert await axe(page) == []
    await page.get_by_role("link", name="보드로 가기").click()
    await expect(page.locator(".people")).to_be_visible()
