"""A card goes to another place by mouse and by finger."""

from __future__ import annotations

from playwright.async_api import expect

from tests.board.harness import EMMA, JIWOO
from tests.board.served import Hosted
from tests.browser.board.visit import visit
from tests.browser.conftest import PHONE, OpenContext


async def test_a_card_is_dragged(served: Hosted, new_context: OpenContext) -> None:
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


async def test_a_card_moves_under_a_finger(served: Hosted, new_context: OpenContext) -> None:
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
