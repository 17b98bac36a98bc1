"""Each bus under uvloop, whose transports are not asyncio's: servers run on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from alimi.buses import nats, postgres, valkey
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from alimi.model import BusMessage, HangUp, Hint, SignalTo
from alimi.stores.postgres.target import Target
from alimi.testing.buses.harness import Node
from tests.buses.harness import QUICK
from tests.support.nats import NatsServer
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import ValkeyServer

CERTIFICATE = Path(__file__).parent.parent / "fast" / "test_only_certificate.pem"
TLS = ("--tls", f"--tlscert={CERTIFICATE}", f"--tlskey={CERTIFICATE}")
Make = Callable[[], Carrier]


@contextlib.contextmanager
def over_nats(scheme: str, *flags: str) -> Iterator[tuple[TcpProxy, Make]]:
    """NATS, plain or encrypted after its greeting."""
    with NatsServer(*flags) as server, TcpProxy(server.port) as proxy:
        url = f"{scheme}://localhost:{proxy.port}"
        url += f"?ca={CERTIFICATE}" if flags else ""
        yield proxy, lambda: nats.make(url, "one", Metrics(), QUICK)


@contextlib.contextmanager
def over_valkey() -> Iterator[tuple[TcpProxy, Make]]:
    """Valkey on one server."""
    with ValkeyServer() as server, TcpProxy(server.port) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        yield proxy, lambda: valkey.make(url, "one", Metrics(), QUICK)


@contextlib.contextmanager
def over_postgres(url: str) -> Iterator[tuple[TcpProxy, Make]]:
    """LISTEN and NOTIFY."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    with TcpProxy(port) as proxy:
        target = Target(url.replace(f":{port}/", f":{proxy.port}/"))
        yield proxy, lambda: postgres.make(target, "one", Metrics(), QUICK)


@pytest.fixture(params=["nats", "nats-tls", "valkey", "postgres"])
def way(request: pytest.FixtureRequest) -> Iterator[tuple[TcpProxy, Make]]:
    """A server behind a proxy, and what makes buses on it."""
    if request.param == "postgres":
        found = over_postgres(request.getfixturevalue("postgres_url"))
    elif request.param == "valkey":
        found = over_valkey()
    else:
        found = over_nats("nats") if request.param == "nats" else over_nats("tls", *TLS)
    with found as made:
        yield made


@contextlib.asynccontextmanager
async def a_node(make: Make) -> AsyncIterator[Node]:
    """Open until the test is over."""
    node = Node(make())
    try:
        await node.open()
        yield node
    finally:
        await node.bus.close()


async def test_a_bus_works_under_uvloop(on_uvloop: None, way: tuple[TcpProxy, Make]) -> None:
    """G9: all three things arrive, and again after every connection was cut, which is told."""
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    proxy, make = way
    async with a_node(make) as one, a_node(make) as two:
        await one.until(lambda: one.bus.trouble is None)
        names = [f"user {number}" for number in range(2_000)]
        await two.bus.follow(names)
        told: list[BusMessage] = [
            SignalTo(names[0], "moved", {"가": 1}),
            HangUp(names[0], "session"),
        ]
        await one.bus.publish([*(Hint(name, 1) for name in names), *told])
        await two.hears(*told, *(Hint(name, 1) for name in names))
        await asyncio.to_thread(proxy.cut)
        await two.until(lambda: two.lost > 0)
        await two.until_it_hears(one, names[-1])
