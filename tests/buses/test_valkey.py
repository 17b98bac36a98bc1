"""The Valkey bus passes the conformance suite, and what is special about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alimi.bus import Bus
from alimi.buses.valkey import make
from tests.buses.harness import QUICK, OnAServer
from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


class TestValkeyBus(OnAServer):
    """The contract, on a plain server."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"valkey://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)
