"""Faults, one after the other, in an order that follows from a seed; each is healed again."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import psycopg

from tests.chaos import timeouts
from tests.chaos.cluster import Cluster, Node
from tests.chaos.crowd import ANSWER
from tests.support.servers import wait_until

#: A part is frozen for so many seconds longer than any waits for it: what is asked for in them has
#: waited in vain when it thaws.
MARGIN = 1.0
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
# What writes notifications, which only a batch does, first stands still until it may go on.
_STAND_STILL = """
SELECT pg_advisory_lock(1);
CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1);
    RETURN NULL;
END $$;
CREATE TRIGGER stand_still BEFORE INSERT ON alimi_notifications
    FOR EACH STATEMENT EXECUTE FUNCTION stand_still()
"""
_GO_ON = "SELECT pg_advisory_unlock(1); DROP FUNCTION stand_still CASCADE"
#: The relay's batch that stands there: as which client it came.
_BATCH = """
SELECT a.client_port FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
WHERE l.locktype = 'advisory' AND NOT l.granted AND a.query LIKE '%alimi\\_apply(%'
"""


def frozen_for(*, is_short: bool) -> float:
    """Longer than what any part waits for another, and than the crowd for its answers."""
    return max(timeouts.longest(is_short=is_short), ANSWER) + MARGIN


class Storm:
    """All faults of a cluster; `done` names those that were, for a report."""

    def __init__(self, cluster: Cluster, seed: int, *, is_short: bool = False) -> None:
        self._cluster = cluster
        self._random = random.Random(f"storm {seed}")
        self._frozen = frozen_for(is_short=is_short)
        self.done: list[str] = []

    def order(self) -> list[str]:
        """Each of them once."""
        has_bus = self._cluster.bus is not self._cluster.postgres
        names = [name for name in FAULTS if has_bus or name not in OF_THE_BUS]
        return self._random.sample(names, len(names))

    async def strike(self, name: str) -> None:
        """Do it, and heal it."""
        self.done.append(name)
        await FAULTS[name](self)

    def _node(self) -> Node:
        return self._random.choice(self._cluster.nodes)

    async def _kill_node(self) -> None:
        node = self._node()
        await _thread(node.kill)
        await self._revive(node)

    async def _kill_in_batch(self) -> None:
        """Its relay has claimed entries and is about to write them; the server goes on without it.

        What it commits then nobody hears of.
        """
        await self._revive(await _thread(self._kill_relay))

    def _kill_relay(self) -> Node:
        postgres, database = self._cluster.postgres, self._cluster.database

        def in_a_batch() -> list[Node]:
            ports = {port for (port,) in postgres.execute(_BATCH, database=database)}
            return [node for node in self._cluster.nodes if ports & node.to_database.sources]

        with psycopg.connect(postgres.url(database), autocommit=True) as connection:
            connection.execute(_STAND_STILL)
            wait_until(lambda: bool(in_a_batch()), "a batch that stands in the middle")
            node = self._random.choice(in_a_batch())
            node.kill()
            connection.execute(_GO_ON)
        return node

    @staticmethod
    async def _revive(node: Node) -> None:
        node.start()
        await _thread(node.wait_ready)

    async def _freeze_node(self) -> None:
        node = self._node()
        node.freeze()
        await asyncio.sleep(self._frozen)  # the fault
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

    async def _freeze(self, server: Any) -> None:
        await _thread(server.freeze)
        await asyncio.sleep(self._frozen)  # the fault
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

    async def _refuse_recording(self) -> None:
        await self._refuse("alimi_outbox")

    async def _refuse_applying(self) -> None:
        await self._refuse("alimi_notifications")

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


#: Every fault there is.
FAULTS: dict[str, Callable[[Storm], Awaitable[None]]] = {
    "kill a node": Storm._kill_node,
    "kill a node in the middle of a batch": Storm._kill_in_batch,
    "freeze a node": Storm._freeze_node,
    "cut a node off its database": Storm._cut_database,
    "slow down a node's database": Storm._slow_database,
    "cut a node off its bus": Storm._cut_bus,
    "slow down a node's bus": Storm._slow_bus,
    "kill the bus": Storm._kill_bus,
    "freeze the bus": Storm._freeze_bus,
    "stop PostgreSQL at once": Storm._stop_postgres,
    "kill a backend of PostgreSQL": Storm._crash_backend,
    "freeze PostgreSQL": Storm._freeze_postgres,
    "refuse what is recorded": Storm._refuse_recording,
    "refuse what is applied": Storm._refuse_applying,
}
#: Those that need a bus beside the database.
OF_THE_BUS = {"kill the bus", "freeze the bus"}
