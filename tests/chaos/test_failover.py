"""The primary is lost, and a standby that did not have everything takes over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.chaos.cluster import Cluster, Node, a_cluster
from tests.chaos.crowd import Crowd
from tests.support.postgres import Standby
from tests.support.processes import PATIENCE
from tests.support.reader import Reader
from tests.support.servers import wait_until
from tests.support.tcp_proxy import TcpProxy

#: Events that were replicated, that were not, and after.
SOME = 100
STANDBY = "it is a standby and takes no writes"


@pytest.mark.timeout(180)
async def test_g5_a_promoted_standby_is_noticed_and_nothing_is_wrong_afterwards(
    tmp_path: Path,
) -> None:
    """G1, G5, G6: what was not replicated is gone, everywhere; nothing else is, nobody restarts.

    Nobody renews the epoch either, and the nodes' address leads to the standby before it may write.
    """
    async with a_cluster(tmp_path, "nats", seed=13) as cluster:
        primary = cluster.postgres
        with TcpProxy(primary.port) as wal, Standby(primary, wal.port) as standby:
            crowd = Crowd(cluster, "failover", 13, people=4, workers=4)
            async with crowd:
                crowd.begin()
                await crowd.until_acknowledged(SOME)
                await crowd.rest()
                await asyncio.to_thread(standby.catch_up)
                kept = set(crowd.checker.fates)
                wal.hold("down")
                crowd.work()
                await crowd.until_acknowledged(2 * SOME)
                await crowd.rest()
                crowd.forget(set(crowd.checker.fates) - kept)
                watches = [Watch(node) for node in cluster.nodes]
                for watch in watches:
                    await watch.hears("hello")
                await asyncio.to_thread(primary.close)
                wal.cut()
                await asyncio.to_thread(lead, cluster, standby)
                await asyncio.to_thread(standby.promote)
                for node in cluster.nodes:
                    await asyncio.to_thread(node.wait_ready)
                for watch in watches:
                    await watch.hears("reset", reason="epoch")
                    await watch.close()
                crowd.work()
                await crowd.until_acknowledged(3 * SOME)
                await crowd.calm_down()
                findings = await crowd.judge()
            assert findings == [], "\n".join(map(str, findings[:20])) + cluster.logs()
            assert all(page.reader.resets for page in crowd.pages)


class Watch:
    """A page that stays where it is."""

    def __init__(self, node: Node) -> None:
        self._reader = Reader()
        self._heard = asyncio.Condition()
        self._reading = asyncio.create_task(self._read(f"{node.address}/alimi/v1/inbox/stream"))

    async def hears(self, name: str, **what: str) -> None:
        """Wait for an event, with these among its data."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: self._has_heard(name, what))

    def _has_heard(self, name: str, what: dict[str, str]) -> bool:
        assert not self._reading.done(), "the stream ended"
        return any(
            each == name and what.items() <= data.items() for each, data, _ in self._reader.events
        )

    async def _read(self, stream: str) -> None:
        async with (
            httpx.AsyncClient(cookies={"user": "p0"}, timeout=PATIENCE) as client,
            client.stream("GET", stream) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                self._reader.feed(chunk)
                async with self._heard:
                    self._heard.notify_all()

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


def lead(cluster: Cluster, standby: Standby) -> None:
    """The nodes' address becomes the standby's, and each says why it cannot serve."""
    cluster.postgres = standby
    for node in cluster.nodes:
        node.to_database.target = standby.port
    nodes = cluster.nodes
    wait_until(lambda: all(why(node) == STANDBY for node in nodes), "readiness to say why")
    for node in nodes:
        assert "The server is a standby and takes no writes: promote it" in node.log()


def why(node: Node) -> str | None:
    """Why a node cannot serve for its store, as its readiness tells."""
    answer = httpx.get(f"{node.address}/alimi/readyz")
    reason: str | None = answer.json()["reasons"].get("store")
    assert answer.status_code == (503 if reason else 200)
    return reason
