"""What needs PgBouncer is left out where it is not installed; in CI it fails instead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import pages
from tests.fast.test_proxies import installed
from tests.support.left_out import leave_out
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import PostgresServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out this folder's tests."""
    if not installed("pgbouncer") and not os.environ.get("CI"):
        leave_out(config, items, lambda item: "pgbouncer" if HERE in item.path.parents else None)


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
