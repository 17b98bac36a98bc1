"""A real Chromium for the tests in this folder, driven through Playwright's asynchronous API.

The tests here share one event loop (Playwright's connection lives in it); servers under test are
processes of their own. A page that logs an error, throws, or breaks its Content-Security-Policy
fails its test, unless the test said so beforehand with `console.allow("…")`.
"""

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    expect,
)

from tests.support import chromium

HERE = Path(__file__).parent
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
#: One patience for all that a page is expected to do, also on a machine with much else to do.
PATIENCE_MS = 10_000
expect.set_options(timeout=PATIENCE_MS)
OpenContext = Callable[..., Awaitable[BrowserContext]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all tests of this folder; one clear sentence when there is no browser."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    if ours and chromium.is_missing():
        raise pytest.UsageError(chromium.MISSING)


class Console:
    """What pages complained about, less what the test expects."""

    def __init__(self) -> None:
        self._complaints: list[str] = []
        self._allowed: list[str] = []

    def allow(self, pattern: str) -> None:
        """From now on and until now, complaints that match `pattern` are expected."""
        self._allowed.append(pattern)

    @property
    def complaints(self) -> list[str]:
        """The complaints that nobody expected."""
        return [one for one in self._complaints if not self._is_allowed(one)]

    def listen(self, context: BrowserContext) -> None:
        """Hear all pages and workers of this context."""
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._complaints.append(f"uncaught: {error.error}"))

    def _is_allowed(self, complaint: str) -> bool:
        return any(re.search(pattern, complaint) for pattern in self._allowed)

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            where = line.location
            self._complaints.append(f"{line.text} ({where.get('url')}:{where.get('lineNumber')})")


@pytest.fixture
def console() -> Iterator[Console]:
    """The ear at all pages of the test: `console.allow("ERR_CONNECTION_REFUSED")`."""
    console = Console()
    yield console
    assert console.complaints == [], "a page complained"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one Chromium of the run; what a test opens in it is a context of its own."""
    async with chromium.launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(browser: Browser, console: Console) -> AsyncIterator[OpenContext]:
    """Open a browser profile of one's own: a person with their cookies, language and screen.

    `await new_context(locale="ko-KR", color_scheme="dark", viewport=PHONE, base_url=…)`: what may
    be given is what Playwright's `browser.new_context` takes.
    """
    async with AsyncExitStack() as opened:

        async def open_context(**options: Any) -> BrowserContext:
            defaults = {"locale": "en-US", "timezone_id": "UTC", "viewport": DESKTOP}
            context = await browser.new_context(**{**defaults, **options})
            context.set_default_timeout(PATIENCE_MS)
            context.set_default_navigation_timeout(3 * PATIENCE_MS)
            console.listen(context)
            opened.push_async_callback(close_context, context)
            return context

        yield open_context


async def close_context(context: BrowserContext) -> None:
    """Close it, also when the test itself has closed the browser under it."""
    try:
        await context.close()
    except Error as error:
        if "has been closed" not in str(error):
            raise


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_context: OpenContext) -> Page:
    """A page in a profile of its own, English, light, on a desktop."""
    return await (await new_context()).new_page()
