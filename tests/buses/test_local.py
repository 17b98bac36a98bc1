"""The local bus passes the conformance suite."""

from __future__ import annotations

import pytest

from alimi.bus import Bus
from alimi.buses.local import Exchange, LocalBus
from alimi.testing.bus_conformance import BusConformance


class TestLocalBus(BusConformance):
    """Nodes are event loops there; one loop may have several."""

    @pytest.fixture(autouse=True)
    def _exchanges(self) -> None:
        self.exchanges: dict[str, Exchange] = {}

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        return LocalBus(self.exchanges.setdefault(name, Exchange()))
