"""The Valkey bus on clusters: of one node for the suite, of two for slots and their moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from alimi.bus import Bus
from alimi.buses.valkey import make
from alimi.buses.valkey.link import slot_of
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from alimi.model import Hint
from alimi.testing.buses.harness import Node
from tests.buses.harness import QUICK, OnAServer
from tests.support.servers import wait_until
from tests.support.valkey import ValkeyServer

HALF = 8_192


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer(cluster=True) as server:
        yield server


class TestValkeyCluster(OnAServer):
    """The contract, on a cluster of one node."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"redis://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)


@pytest.fixture
def shards() -> Iterator[tuple[ValkeyServer, ValkeyServer]]:
    """Two nodes, each with half of the slots."""
    on = ("--cluster-enabled", "yes")
    with ValkeyServer(*on) as low, ValkeyServer(*on) as high:
        low.ask(f"CLUSTER ADDSLOTSRANGE 0 {HALF - 1}")
        high.ask(f"CLUSTER ADDSLOTSRANGE {HALF} 16383")
        low.ask(f"CLUSTER MEET 127.0.0.1 {high.port} {high.cluster_port}")
        for each in (low, high):
            wait_until(lambda each=each: _knows_all(each), "the cluster")  # type: ignore[misc]
        yield low, high


def _knows_all(server: ValkeyServer) -> bool:
    told = server.ask("CLUSTER INFO")
    return "cluster_state:ok" in told and "cluster_known_nodes:2" in told


@pytest.fixture
async def nodes(shards: tuple[ValkeyServer, ValkeyServer]) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes of ours; each was told of another shard."""
    made: list[Carrier] = [
        make(f"valkey://127.0.0.1:{each.port}", "one", Metrics(), QUICK) for each in shards
    ]
    one, two = Node(made[0]), Node(made[1])
    for each in (one, two):
        await each.open()
    yield one, two
    for bus in made:
        await bus.close()


async def test_recipients_of_every_shard_are_heard(nodes: tuple[Node, Node]) -> None:
    """A channel is asked for, and spoken to, on the shard of its slot."""
    one, two = nodes
    names = [f"user {number}" for number in range(200)]
    await two.bus.follow(names)
    await one.bus.publish([Hint(name, 1) for name in names])
    await two.hears(*(Hint(name, 1) for name in names))
    assert one.lost == two.lost == 0


async def test_a_slot_that_moves_is_followed(
    shards: tuple[ValkeyServer, ValkeyServer], nodes: tuple[Node, Node]
) -> None:
    """G9: a resharding is an interruption: `lost`, and then hints flow again."""
    low, high = shards
    one, two = nodes
    await two.bus.follow(["anna"])
    await one.bus.publish([Hint("anna", 1)])
    await two.hears(Hint("anna", 1))
    link = two.bus._link  # type: ignore[attr-defined]
    slot = slot_of(link._channel("anna"))
    owner = (high if slot < HALF else low).ask("CLUSTER MYID").splitlines()[-1]
    for each in (high, low) if slot < HALF else (low, high):
        assert each.ask(f"CLUSTER SETSLOT {slot} NODE {owner}") == "+OK"
    await two.until(lambda: two.lost > 0)
    two.heard.clear()
    await two.until_it_hears(one, "anna")


async def test_a_shard_that_dies_is_an_interruption(
    shards: tuple[ValkeyServer, ValkeyServer], nodes: tuple[Node, Node]
) -> None:
    """G9: one of several servers killed: all that concerns its recipients may be lost."""
    one, two = nodes
    await two.bus.follow(["anna"])
    await asyncio.to_thread(shards[1].kill)
    await two.until(lambda: two.lost > 0)
    await asyncio.to_thread(shards[1].start)
    await two.until_it_hears(one, "anna")
