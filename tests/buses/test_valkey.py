"""The Valkey bus passes the conformance suite, on Valkey and on Redis 7.

All of it on both: they answer in different orders and words, and die, freeze and come back in
their own ways.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alimi.bus import Bus
from alimi.buses.valkey import make
from tests.buses.harness import QUICK, OnAServer
from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="module")
def server(kind: type[ValkeyServer]) -> Iterator[ValkeyServer]:
    with kind() as server:
        yield server


class TestValkeyBus(OnAServer):
    """The contract, on a plain server."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"valkey://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)
