"""A fake server, and somebody who looks at its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import ViewportSize

from tests.browser.bell.fake_alimi import FakeAlimi
from tests.browser.bell.visitor import STYLE, OpenVisitor, Visitor, page_text
from tests.browser.conftest import Console, OpenContext


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[FakeAlimi]:
    """A fresh fake server."""
    fake = FakeAlimi()
    fake.pages = {"/": page_text(), "/page.css": STYLE}
    await fake.start()
    yield fake
    await fake.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def open_visitor(
    server: FakeAlimi, new_context: OpenContext, console: Console
) -> OpenVisitor:
    """Open a browser of user 2; its pages have a strict CSP and Trusted Types."""
    console.allow("Failed to load resource")  # a server that refuses, or has gone, is on purpose

    async def open_visitor(**options: Any) -> Visitor:
        size = ViewportSize(width=900, height=700)
        made = Visitor(server, await new_context(**{"viewport": size, **options}))
        await made.log_in("2")
        return made

    return open_visitor


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(open_visitor: OpenVisitor) -> Visitor:
    """User 2 on a desktop."""
    return await open_visitor()
