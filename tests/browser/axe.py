"""What axe-core finds on a page."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "client" / "node_modules" / "axe-core" / "axe.min.js"


async def axe(page: Page) -> list[str]:
    """The rules that axe-core sees broken; evaluated apart from the page's policy."""
    await page.evaluate(AXE.read_text() + ";0")
    found = await page.evaluate("axe.run().then(r => r.violations)")
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]
