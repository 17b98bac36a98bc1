"""The tests that every bus passes: inherit, say how a bus is made, and run pytest.

class TestMyBus(NetworkBusConformance):
    def make_bus(self, name="one", port=None): ...

    @pytest.fixture(autouse=True)
    def place(self):
        self.server = ...  # `alimi.testing.buses.harness.Server`, alive
        self.proxy = ...  # `alimi.testing.buses.harness.Proxy`, before it
        yield
        self.server.thaw()

`BusConformance` is for a bus that has no server, and needs only `make_bus`.

A bus may lose, repeat and reorder.  With a healthy server the ones that are tested here do not, so
a test waits for what must come and never for a time in which nothing may.
"""

from __future__ import annotations

from alimi.testing.buses.breaking import BreakingTests
from alimi.testing.buses.carrying import CarryingTests


class BusConformance(CarryingTests):
    """The contract of `alimi.bus`."""


class NetworkBusConformance(CarryingTests, BreakingTests):
    """The same for a bus whose server may break."""
