"""The PostgreSQL bus passes the conformance suite, and what is special about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alimi.bus import Bus
from alimi.buses.postgres import make
from alimi.stores.postgres.target import Target
from tests.buses.harness import QUICK, OnAServer
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


class TestPostgresBus(OnAServer):
    """The contract, on one server."""

    confirms = False

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = self.server.url(port=port)  # type: ignore[attr-defined]
        return make(Target(url), self.identity(name), self.metrics, QUICK)
