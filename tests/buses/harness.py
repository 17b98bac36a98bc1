"""What the tests of the buses over a network share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from alimi.carrier import Patience
from alimi.metrics import Metrics
from alimi.model import SignalTo
from alimi.testing.bus_conformance import NetworkBusConformance
from alimi.testing.buses.harness import Node
from tests.support.servers import ServerProcess
from tests.support.tcp_proxy import TcpProxy

#: A test waits for outages to be noticed, so they are noticed soon.
QUICK = Patience(connect=2, confirm=1, probe=1, confirm_all=2, pauses=(0.05, 0.3))


async def connected(node: Node) -> None:
    """Soon: on a busy machine a first attempt may take longer than it is given."""
    await node.until(lambda: node.bus.trouble is None)


async def refused(node: Node, because: str) -> None:
    """The operator reads this, at the first attempt or a later one."""
    await node.until(lambda: because in (node.bus.trouble or ""))


async def cut_off_for_slowness(
    one: Node, two: Node, server: ServerProcess, proxy: TcpProxy, sign: str
) -> None:
    """Nothing reaches `two` until the server's log has the sign; then it is back, and hears."""
    await two.bus.follow(["anna"])
    proxy.hold("down")
    while sign not in server.log():
        await one.bus.publish([SignalTo("anna", "big", "x" * 1_000)] * 1_000)
    proxy.release()
    await two.until(lambda: two.lost > 0)
    two.heard.clear()
    await two.until_it_hears(one, "anna")


class OnAServer(NetworkBusConformance):
    """The conformance suite on a server of the class, with traffic of its own in each test."""

    @pytest.fixture(autouse=True)
    def _place(self, server: ServerProcess) -> Iterator[None]:
        self.server = server
        self.names: dict[str, str] = {}
        self.metrics = Metrics()
        if not server.alive:
            server.start()
        with TcpProxy(server.port) as self.proxy:  # type: ignore[assignment]
            yield
        server.thaw()

    def identity(self, name: str) -> str:
        return self.names.setdefault(name, uuid.uuid4().hex)

    def counted(self, series: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(series, labels) or 0.0
