"""The NATS bus passes the conformance suite, and what is special about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alimi.bus import Bus
from alimi.buses.nats import make
from tests.buses.harness import QUICK, OnAServer
from tests.support.nats import NatsServer


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


class TestNatsBus(OnAServer):
    """The contract, on one server."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"nats://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)
