"""Several nodes on one PostgreSQL and one bus, each connection through a proxy that can fail."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg

from alimi.backends import open_store
from alimi.settings import Settings
from tests.chaos import breakages
from tests.support.nats import NatsServer
from tests.support.postgres import PostgresServer
from tests.support.processes import AppProcess
from tests.support.servers import ServerProcess
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import ValkeyServer

BusName = Literal["postgres", "nats", "valkey"]
BUSES: tuple[BusName, ...] = ("postgres", "nats", "valkey")
#: Quick pages, checks and sweeps, so that a fault and its repair fit into seconds.
SETTINGS: dict[str, Any] = {
    "retry_ms": [10, 60],
    "position_check_seconds": 1,
    "sweep_seconds": 0.2,
    "ping_seconds": 2,
    "max_streams_per_recipient": 200,
    "retention": {"rows": None},  # a long round fills inboxes beyond what is kept otherwise
}


class Node(AppProcess):
    """One Alimi, with its own ways to the database and to the bus."""

    def __init__(
        self, number: int, cluster: Cluster, database: str, bus: str, **config: Any
    ) -> None:
        self.to_database = TcpProxy(cluster.postgres.port).start()
        self.to_bus = TcpProxy(cluster.bus.port).start()
        where, _, path = bus.rpartition(":")
        port, slash, rest = path.partition("/")
        assert port.isdigit(), bus
        super().__init__(
            cluster.postgres.url(database, port=self.to_database.port),
            server="uvicorn-fast",
            log=cluster.folder / f"node-{number}.log",
            bus=f"{where}:{self.to_bus.port}{slash}{rest}",
            settings=SETTINGS,
            **config,
        )
        self.number = number

    def close(self) -> None:
        super().close()
        self.to_database.close()
        self.to_bus.close()


class Cluster:
    """The site of a chaos round; its nodes are looked at by nobody's stickiness."""

    def __init__(self, folder: Path, bus: BusName, *, seed: int) -> None:
        self.folder = folder
        self.bus_name = bus
        self.postgres = PostgresServer()
        self.bus: ServerProcess = self.postgres
        if bus == "nats":
            self.bus = NatsServer()
        elif bus == "valkey":
            self.bus = ValkeyServer()
        self.nodes: list[Node] = []
        self.database = ""
        self._random = random.Random(seed)

    async def start(self, nodes: int, *, breakage: str | None = None, **config: Any) -> None:
        """Servers, schema, then the nodes; with a breakage, what is wrong in all of them."""
        await asyncio.to_thread(self._start_servers)
        await self._make_tables()
        if breakage is not None:
            for statement in breakages.in_database(breakage):
                self.postgres.execute(statement, database=self.database)
        bus = self.postgres.url(self.database) if self.bus is self.postgres else self._bus_url()
        for number in range(nodes):
            node = Node(number, self, self.database, bus, breakage=breakage, **config)
            self.nodes.append(node)
            node.start()
        for node in self.nodes:
            await asyncio.to_thread(node.wait_ready)

    async def restart_around(self, step: Callable[[], None]) -> None:
        """Stop all, do something with the database's files, and begin again."""
        for node in self.nodes:
            await asyncio.to_thread(node.kill)
        await asyncio.to_thread(self.postgres.stop)
        await asyncio.to_thread(step)
        await asyncio.to_thread(self.postgres.start)

    async def start_nodes(self) -> None:
        """Begin a new life of each."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            await asyncio.to_thread(node.wait_ready)

    async def renew_epoch(self) -> None:
        """What belongs to every restore: `alimi epoch --new`."""
        store = open_store(self.postgres.url(self.database), Settings())
        await store.renew_epoch()
        await store.close()

    def close(self) -> None:
        """End everything, however it is."""
        for node in self.nodes:
            node.close()
        if self.bus is not self.postgres:
            self.bus.close()
        self.postgres.close()

    def entrance(self) -> int:
        """Any node, dead or not: a balancer that has not noticed yet."""
        return self._random.choice(self.nodes).port

    def column(self, query: str) -> set[str]:
        """What the database itself answers."""
        rows = self.postgres.execute(query, database=self.database)
        return {each for (each,) in rows}

    def logs(self) -> str:
        """The end of what each node has written, for a report of a failure."""
        return "\n".join(f"-- node {node.number}\n{node.log()[-3000:]}" for node in self.nodes)

    def _bus_url(self) -> str:
        assert isinstance(self.bus, (NatsServer, ValkeyServer))
        return self.bus.url

    def _start_servers(self) -> None:
        self.postgres.start()
        if self.bus is not self.postgres:
            self.bus.start()
        self.database = self.postgres.create_database()

    async def _make_tables(self) -> None:
        store = open_store(self.postgres.url(self.database), Settings())
        await store.migrate()
        await store.close()
        await asyncio.to_thread(self._make_our_tables)

    def _make_our_tables(self) -> None:
        with psycopg.connect(self.postgres.url(self.database)) as connection:
            connection.execute("CREATE TABLE deed (name text PRIMARY KEY)")
            connection.execute("CREATE TABLE looked_for (id text PRIMARY KEY)")


@asynccontextmanager
async def a_cluster(
    folder: Path, bus: BusName, *, nodes: int = 2, seed: int = 0, **config: Any
) -> AsyncIterator[Cluster]:
    """A cluster whose nodes are ready."""
    cluster = Cluster(folder, bus, seed=seed)
    try:
        await cluster.start(nodes, **config)
        yield cluster
    finally:
        await asyncio.to_thread(cluster.close)
