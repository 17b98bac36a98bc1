"""Faults, one after the other, in an order that follows from a seed; each is healed again."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tests.chaos.cluster import Cluster, Node
from tests.support.servers import wait_until

#: Longer than what any part waits for another, in seconds.
FROZEN = 6.0
#: How long a way is slow, and by how much each piece of bytes is late, in seconds.
SLOW, LATE = 2.0, 0.08
#: So many transactions are refused, by what they write: of six people who record one has then been
#: refused six times, and among six deeds in turn is one that has to stay once it was acknowledged.
REFUSED = {"alimi_outbox": 31, "alimi_notifications": 3}
_REFUSE = """
CREATE SEQUENCE refused;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('refused');  -- which no rollback takes back
    RAISE EXCEPTION 'refused';
END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse()
"""
_COUNT = "SELECT last_value FROM refused WHERE is_called"
_ADMIT = "DROP FUNCTION refuse CASCADE; DROP SEQUENCE refused"


class Storm:
    """All faults of a cluster; `done` names those that were, for a report."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(f"storm {seed}")
        self.done: list[str] = []
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            "kill a node": self._kill_node,
            "kill a node in the middle of a batch": self._kill_in_batch,
            "freeze a node": self._freeze_node,
            "cut a node off its database": self._cut_database,
            "slow down a node's database": self._slow_database,
            "cut a node off its bus": self._cut_bus,
            "slow down a node's bus": self._slow_bus,
            "kill the bus": self._kill_bus,
            "freeze the bus": self._freeze_bus,
            "stop PostgreSQL at once": self._stop_postgres,
            "kill a backend of PostgreSQL": self._crash_backend,
            "freeze PostgreSQL": self._freeze_postgres,
            "refuse what is recorded": partial(self._refuse, "alimi_outbox"),
            "refuse what is applied": partial(self._refuse, "alimi_notifications"),
        }
        if cluster.bus is cluster.postgres:
            del self.faults["kill the bus"], self.faults["freeze the bus"]

    def order(self) -> list[str]:
        """Each of them once."""
        return self._random.sample(list(self.faults), len(self.faults))

    async def strike(self, name: str) -> None:
        """Do it, and heal it."""
        self.done.append(name)
        await self.faults[name]()

    def _node(self) -> Node:
        return self._random.choice(self._cluster.nodes)

    async def _kill_node(self) -> None:
        await self._revive(self._node())

    async def _kill_in_batch(self) -> None:
        """Its statements have reached the server, their answers do not reach it any more."""
        node = self._node()
        node.to_database.hold("down")
        await _thread(node.to_database.wait_held, "down")
        await self._revive(node)
        node.to_database.release()

    async def _revive(self, node: Node) -> None:
        await _thread(node.kill)
        node.to_database.release()
        node.start()
        await _thread(node.wait_ready)

    async def _freeze_node(self) -> None:
        node = self._node()
        node.freeze()
        await asyncio.sleep(FROZEN)  # the fault
        node.thaw()

    async def _cut_database(self) -> None:
        await _thread(self._node().to_database.cut)

    async def _slow_database(self) -> None:
        await self._slow(self._node().to_database)

    async def _cut_bus(self) -> None:
        await _thread(self._node().to_bus.cut)

    async def _slow_bus(self) -> None:
        await self._slow(self._node().to_bus)

    @staticmethod
    async def _slow(way: Any) -> None:
        way.delay = LATE
        await asyncio.sleep(SLOW)  # the fault
        way.delay = 0.0

    async def _kill_bus(self) -> None:
        await _thread(self._cluster.bus.restart)

    async def _freeze_bus(self) -> None:
        await self._freeze(self._cluster.bus)

    async def _freeze_postgres(self) -> None:
        await self._freeze(self._cluster.postgres)

    @staticmethod
    async def _freeze(server: Any) -> None:
        await _thread(server.freeze)
        await asyncio.sleep(FROZEN)  # the fault
        await _thread(server.thaw)

    async def _stop_postgres(self) -> None:
        postgres = self._cluster.postgres
        await _thread(postgres.stop, signal.SIGQUIT)
        await _thread(postgres.start)

    async def _crash_backend(self) -> None:
        """The server ends all connections and recovers."""
        postgres = self._cluster.postgres
        pids = await _thread(postgres.backends, self._cluster.database)
        if pids:
            await _thread(postgres.crash_backend, self._random.choice(pids))
        await _thread(wait_until, postgres.answers, "PostgreSQL to have recovered")

    async def _refuse(self, table: str) -> None:
        """Everything goes well until the COMMIT, which fails."""
        execute = partial(self._cluster.postgres.execute, database=self._cluster.database)
        await _thread(execute, _REFUSE.format(table))

        def is_enough() -> bool:
            count = execute(_COUNT)
            return bool(count) and count[0][0] >= REFUSED[table]

        await _thread(wait_until, is_enough, f"{REFUSED[table]} refusals")
        await _thread(execute, _ADMIT)


async def _thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)
