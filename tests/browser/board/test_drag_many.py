"""Dragging on a board with many cards: quick, smooth, and along with what scrolls."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import Page, expect

from tests.board.harness import EMMA
from tests.board.served import Hosted
from tests.browser.board.visit import visit
from tests.browser.conftest import PHONE, OpenContext

MANY = 200
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO cards (list_id, rank, title, description, author_id, version, created_at, updated_at)
SELECT 1, 100000000 + i * 65536, 'Card ' || i, '', 1, 1, 0, 0 FROM n
"""


@pytest.fixture
def served(served: Hosted) -> Hosted:
    """A board whose first list has hundreds of cards."""
    with closing(sqlite3.connect(served.database)) as database, database:
        database.execute(FILL, [MANY])
    return served


async def middle(page: Page, card: int) -> tuple[float, float]:
    """Where to take a card."""
    box = await page.locator(f'.board [data-card="{card}"]').bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + 14


async def lift(page: Page, card: int) -> tuple[float, float]:
    """Take it with the mouse."""
    x, y = await middle(page, card)
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 10, y + 4, steps=3)
    await expect(page.locator(".ghost")).to_be_visible()
    return x, y


async def test_a_drag_redraws_nothing_else(served: Hosted, new_context: OpenContext) -> None:
    """Over hundreds of cards: one element moves, no other is touched before the card is dropped."""
    emma = await visit(served, new_context, EMMA)
    await expect(emma.listed(1)).to_have_count(MANY + 3)
    x, y = await lift(emma.page, 8)
    await emma.page.evaluate("""() => {
        window.touched = new Set();
        const note = (records) => records.forEach(({ target, addedNodes, removedNodes }) => {
            for (const node of [...addedNodes, ...removedNodes]) touched.add(node);
            if (!target.matches(".cards, .ghost")) touched.add(target);
        });
        const all = { childList: true, attributes: true, characterData: true, subtree: true };
        new MutationObserver(note).observe(document.getElementById("board"), all);
    }""")
    end = await middle(emma.page, 2)
    await emma.page.mouse.move(x, y + 90, steps=10)
    await emma.page.mouse.move(*end, steps=30)
    first = emma.listed(1).nth(1)
    await expect(first).to_have_attribute("data-card", "8")
    found = await emma.page.evaluate("[...touched].map((each) => each.className)")
    assert found == ["slot lifted"]
    await emma.page.mouse.up()
    await expect(emma.card(8)).to_be_focused()
    await emma.page.reload()
    await expect(emma.listed(1).nth(1)).to_have_attribute("data-card", "8")


async def test_a_list_scrolls_along(served: Hosted, new_context: OpenContext) -> None:
    """Held at the lower edge the list goes to its end, and the card can be dropped there."""
    emma = await visit(served, new_context, EMMA)
    x, _ = await lift(emma.page, 1)
    await emma.page.mouse.move(x, 760, steps=6)
    await expect(emma.listed(1).nth(MANY)).to_be_in_viewport(timeout=30_000)
    await emma.page.wait_for_function(
        "() => { const c = document.querySelector('.cards');"
        " return c.scrollTop + c.clientHeight > c.scrollHeight - 2; }"
    )
    await emma.page.mouse.up()
    await expect(emma.page.locator(".ghost")).to_have_count(0)
    assert (await emma.order(1)).index(1) > MANY - 10


async def test_the_board_scrolls_along_under_a_finger(
    served: Hosted, new_context: OpenContext
) -> None:
    """On a phone, held at the right edge, the other lists come; the card is dropped in the last."""
    emma = await visit(served, new_context, EMMA, viewport=PHONE, has_touch=True, is_mobile=True)
    x, y = await middle(emma.page, 1)
    touch = await emma.context.new_cdp_session(emma.page)

    async def send(kind: str, *points: dict[str, float]) -> None:
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [*points]})

    await send("touchStart", {"x": x, "y": y})
    await expect(emma.page.locator(".ghost")).to_be_visible()
    for step in range(1, 6):
        await send("touchMove", {"x": x + (PHONE["width"] - 4 - x) * step / 5, "y": y})
    await emma.page.wait_for_function(
        "() => { const b = document.getElementById('board');"
        " return b.scrollLeft + b.clientWidth > b.scrollWidth - 400; }"
    )
    await send("touchMove", {"x": PHONE["width"] / 2, "y": y})
    held = emma.page.locator(".slot.lifted")
    await expect(held).to_be_in_viewport()
    column = await held.evaluate("(slot) => Number(slot.closest('[data-list]').dataset.list)")
    await send("touchEnd")
    await expect(emma.page.locator(".ghost")).to_have_count(0)
    assert column > 2
    assert 1 in await emma.order(column)
