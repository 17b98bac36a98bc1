"""What needs PgBouncer is left out where it is not installed; in CI it fails instead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import pages
from tests.fast.test_proxies import installed
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import PostgresServer

HERE = Path(__file__).parent
LEFT_OUT = pytest.StashKey[bool]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out this folder's tests."""
    if installed("pgbouncer") or os.environ.get("CI"):
        return
    left_out = [item for item in items if HERE in item.path.parents]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        config.stash[LEFT_OUT] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if LEFT_OUT in terminalreporter.config.stash:
        terminalreporter.write_line("tests/pooled: left out, pgbouncer is not installed here")


@pytest.fixture(scope="session")
def block() -> str:
    """The configuration of docs/postgres.md."""
    return pages.checks(pages.DOCS / "postgres.md")["pgbouncer"]


@pytest.fixture(scope="session")
def pooler(block: str, postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    """One that all tests share; who stops it or cuts its way starts one of their own."""
    with PgBouncer(block, postgres_server.port) as pooler:
        yield pooler


@pytest.fixture
def pooled_url(pooler: PgBouncer, postgres_url: str) -> str:
    """The way through it to the database of `postgres_url`."""
    return pooler.url(postgres_url.rpartition("/")[2])
