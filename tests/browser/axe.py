"""What axe-core finds on a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "client" / "node_modules" / "axe-core" / "axe.min.js"
#: What a scheme of colours decides; all other rules find the same in both.
COLOURS = ("color-contrast", "link-in-text-block")


async def axe(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """The rules that it sees broken, of these or of all; evaluated apart from the page's policy."""
    await page.evaluate(AXE.read_text() + ";0")
    run = "rules => axe.run(rules.length ? {runOnly: rules} : {}).then(r => r.violations)"
    found = await page.evaluate(run, list(rules))
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]


async def axe_in_both_schemes(page: Page) -> list[str]:
    """The rules that it sees broken in light or in dark."""
    await page.emulate_media(color_scheme="light")
    found = await axe(page)
    await page.emulate_media(color_scheme="dark")
    return found + await axe(page, COLOURS)
