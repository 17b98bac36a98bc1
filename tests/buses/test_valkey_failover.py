"""A primary is replaced: by hand behind one address, and by a Sentinel among several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from alimi.buses.valkey import make
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from tests.buses.conftest import Opened
from tests.buses.harness import QUICK, refused
from tests.support.servers import wait_until
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import SentinelServer, ValkeyServer

Pair = tuple[ValkeyServer, ValkeyServer]


@pytest.fixture
def pair(kind: Callable[..., ValkeyServer]) -> Iterator[Pair]:
    """A primary and its replica."""
    with kind() as primary, kind("--replicaof", f"127.0.0.1 {primary.port}") as replica:
        wait_until(lambda: "master_link_status:up" in replica.ask("INFO replication"), "the pair")
        yield primary, replica


def bus(*ports: int) -> Carrier:
    """A bus of the one application on any of them."""
    servers = ",".join(f"127.0.0.1:{port}" for port in ports)
    return make(f"valkey://{servers}", "one", Metrics(), QUICK)


async def test_a_replica_is_no_server(pair: Pair, opened: Opened) -> None:
    """What is said on it nobody hears elsewhere; it is told, and what would help."""
    await refused(await opened(bus(pair[1].port)), "the server is a replica")


async def test_an_address_that_is_given_to_another_primary_is_followed(
    pair: Pair, opened: Opened
) -> None:
    """G9: connections to the old one live on, and would hear and not be heard: they are left."""
    old, new = pair
    with TcpProxy(old.port) as address:
        nodes = [await opened(bus(address.port)) for _ in range(2)]
        for each in nodes:
            await each.bus.follow(["anna"])
        address.target = new.port
        assert new.ask("REPLICAOF NO ONE") == "+OK"
        assert old.ask(f"REPLICAOF 127.0.0.1 {new.port}") == "+OK"
        for each in nodes:
            await each.until(lambda each=each: each.lost > 0)  # type: ignore[misc]
        await asyncio.to_thread(old.kill)
        for teller, hearer in (nodes, nodes[::-1]):
            hearer.heard.clear()
            await hearer.until_it_hears(teller, "anna")


async def test_of_several_servers_the_primary_is_used(pair: Pair, opened: Opened) -> None:
    """G9: a Sentinel promotes the replica of a dead primary; who names both finds it."""
    old, new = pair
    with SentinelServer(old):
        one, two = [await opened(bus(old.port, new.port)) for _ in range(2)]
        await two.bus.follow(["anna"])
        await two.until_it_hears(one, "anna")
        two.heard.clear()
        await asyncio.to_thread(old.kill)
        await two.until_it_hears(one, "anna")
        assert "role:master" in new.ask("INFO replication")
