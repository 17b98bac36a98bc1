"""The Valkey bus on clusters: of one node for the suite, of four for what happens to clusters.

The suite runs on Valkey alone: what is said and heard on one server is the same in a cluster of
one.  Slots that move and primaries that are replaced are each server's own doing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from alimi.bus import Bus
from alimi.buses.valkey import make
from alimi.buses.valkey.link import slot_of
from alimi.metrics import Metrics
from alimi.model import Hint
from alimi.testing.buses.harness import Node
from tests.buses.conftest import Opened
from tests.buses.harness import QUICK, OnAServer, connected
from tests.support.servers import wait_until
from tests.support.valkey import ValkeyServer

#: Where the slots of each primary begin.
STARTS = (0, 5_000, 10_000)
#: A server that is silent for so long is dead to the others, who then vote.
TIMEOUT_MS = 2_000


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer(cluster=True) as server:
        yield server


class TestValkeyCluster(OnAServer):
    """The contract, on a cluster of one node."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"redis://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)


class Cluster:
    """Three primaries, and a replica of the first."""

    def __init__(self, servers: list[ValkeyServer]) -> None:
        self.servers = servers
        first = servers[0]
        for start, end, each in zip(STARTS, (*STARTS[1:], 16_384), servers, strict=False):
            each.ask(f"CLUSTER ADDSLOTSRANGE {start} {end - 1}")
        for number, each in enumerate(servers, 1):
            each.ask(f"CLUSTER SET-CONFIG-EPOCH {number}")
            first.ask(f"CLUSTER MEET 127.0.0.1 {each.port} {each.cluster_port}")
        self.wait(lambda each: "cluster_known_nodes:4" in each.ask("CLUSTER INFO"))
        servers[3].ask(f"CLUSTER REPLICATE {self.name(first)}")
        self.wait(lambda each: "cluster_state:ok" in each.ask("CLUSTER INFO"))
        self.wait_pair()

    def name(self, server: ValkeyServer) -> str:
        """As the cluster calls it."""
        return server.ask("CLUSTER MYID").splitlines()[-1]

    def wait(self, holds: Callable[[ValkeyServer], bool]) -> None:
        """Until it holds of all."""
        wait_until(lambda: all(map(holds, self.servers)), "the cluster")

    def wait_pair(self) -> None:
        """Until the first server or the last is the other's replica."""
        wait_until(lambda: any(map(in_step, (self.servers[0], self.servers[3]))), "the replica")

    @property
    def pair(self) -> tuple[ValkeyServer, ValkeyServer]:
        """The primary that has a replica, and that."""
        first, last = self.servers[0], self.servers[3]
        return (last, first) if in_step(first) else (first, last)

    def hand_over(self) -> None:
        """The replica takes over; it gives up after 5 seconds, and may be asked again."""
        _, new = self.pair
        while not leads(new):
            new.ask("CLUSTER FAILOVER")
            with suppress(AssertionError):
                wait_until(lambda: leads(new), "it to take over", seconds=6)

    def owner(self, slot: int) -> ValkeyServer:
        """The primary that has the slot; of the first range it may have been replaced."""
        number = sum(start <= slot for start in STARTS) - 1
        return self.pair[0] if number == 0 else self.servers[number]


def leads(server: ValkeyServer) -> bool:
    """It is a primary."""
    return "role:master" in server.ask("INFO replication")


def in_step(server: ValkeyServer) -> bool:
    """It is a replica, and has what its primary has."""
    return "master_link_status:up" in server.ask("INFO replication")


@pytest.fixture(scope="module")
def cluster(kind: Callable[..., ValkeyServer]) -> Iterator[Cluster]:
    """Whatever is done to it, the next test finds it whole."""
    settings = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(TIMEOUT_MS))
    with ExitStack() as stack:
        yield Cluster([stack.enter_context(kind(*settings)) for _ in range(4)])


@pytest.fixture
async def nodes(cluster: Cluster, opened: Opened) -> tuple[Node, Node]:
    """Two nodes of ours; one was told of the primary that has a replica, the other of that."""
    one, two = [
        await opened(make(f"valkey://127.0.0.1:{each.port}", "one", Metrics(), QUICK))
        for each in cluster.pair
    ]
    for each in (one, two):
        await connected(each)
    return one, two


def a_name_on(cluster: Cluster, server: ValkeyServer, node: Node) -> str:
    """A recipient whose channel that primary has."""
    link = node.bus._link  # type: ignore[attr-defined]
    names = (f"anna {number}" for number in range(1_000))
    return next(each for each in names if cluster.owner(slot_of(link._channel(each))) is server)


async def test_recipients_of_every_shard_are_heard(nodes: tuple[Node, Node]) -> None:
    """A channel is asked for, and spoken to, on the shard of its slot."""
    one, two = nodes
    lost = one.lost, two.lost
    names = [f"user {number}" for number in range(200)]
    await two.bus.follow(names)
    await one.bus.publish([Hint(name, 1) for name in names])
    await two.hears(*(Hint(name, 1) for name in names))
    assert (one.lost, two.lost) == lost


async def test_a_slot_that_moves_is_followed(cluster: Cluster, nodes: tuple[Node, Node]) -> None:
    """G9: a resharding is an interruption: `lost`, and then hints flow again."""
    one, two = nodes
    await two.bus.follow(["anna"])
    await two.until_it_hears(one, "anna")
    slot = slot_of(two.bus._link._channel("anna"))  # type: ignore[attr-defined]
    source = cluster.owner(slot)
    target = cluster.servers[1 if source is cluster.servers[2] else 2]
    before = two.lost
    assert target.ask(f"CLUSTER SETSLOT {slot} IMPORTING {cluster.name(source)}") == "+OK"
    assert source.ask(f"CLUSTER SETSLOT {slot} MIGRATING {cluster.name(target)}") == "+OK"
    two.heard.clear()
    await two.until_it_hears(one, "anna")  # until it has moved its owner serves it
    for each in (target, source):
        assert each.ask(f"CLUSTER SETSLOT {slot} NODE {cluster.name(target)}") == "+OK"
    await two.until(lambda: two.lost > before)
    two.heard.clear()
    await two.until_it_hears(one, "anna")
    for each in (source, target):
        assert each.ask(f"CLUSTER SETSLOT {slot} NODE {cluster.name(source)}") == "+OK"


async def test_a_primary_that_hands_over_is_left(
    cluster: Cluster, nodes: tuple[Node, Node]
) -> None:
    """G9: an operator has the replica take over, and the old primary lives on as one."""
    one, two = nodes
    old, new = cluster.pair
    name = a_name_on(cluster, old, two)
    await two.bus.follow([name])
    lost = one.lost, two.lost
    await asyncio.to_thread(cluster.hand_over)
    await one.until(lambda: one.lost > lost[0])
    await two.until(lambda: two.lost > lost[1])
    two.heard.clear()
    await two.until_it_hears(one, name)
    await asyncio.to_thread(cluster.wait_pair)
    assert cluster.pair == (new, old)
    # Who was told of it asked it where the others are, and keeps no connection to it.
    assert old.ask("CLIENT LIST TYPE pubsub").count("name=alimi") == 0
    assert "name=alimi" not in old.ask("CLIENT LIST TYPE normal")


async def test_a_primary_that_dies_is_replaced(cluster: Cluster, nodes: tuple[Node, Node]) -> None:
    """G9: its replica is elected; also who had only been told of the dead one finds the others."""
    one, two = nodes
    dead, _ = cluster.pair
    name = a_name_on(cluster, dead, two)
    await two.bus.follow([name])
    await asyncio.to_thread(dead.kill)
    await two.until(lambda: two.lost > 0)
    two.heard.clear()
    await two.until_it_hears(one, name)
    assert not dead.alive
    await asyncio.to_thread(dead.start)
    await asyncio.to_thread(cluster.wait_pair)
