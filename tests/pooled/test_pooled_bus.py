"""The bus in PostgreSQL behind a pooler: refused where it could not hear, and leaves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from alimi.buses.postgres import make
from alimi.carrier import Carrier, Patience
from alimi.metrics import Metrics
from alimi.stores.postgres.target import Target
from alimi.testing.buses.harness import Node
from tests.pooled.test_pooled_store import every_session
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import PostgresServer


@pytest.fixture
async def opened() -> AsyncIterator[Any]:
    """Opens nodes whose bus is on a URL, and closes them."""
    made: list[Carrier] = []

    async def open_node(url: str) -> Node:
        made.append(make(Target(url), "x", Metrics(), Patience(connect=10)))
        node = Node(made[-1])
        await node.open()
        return node

    yield open_node
    for each in made:
        await each.close()


async def test_a_pooler_that_cannot_listen_is_named(opened: Any, pooled_url: str) -> None:
    """Nobody announced it: the operator reads what the bus needs, and others' commits are safe.

    What the bus sets for itself would have been set for whoever is given that connection next.
    """
    node = await opened(pooled_url)
    await node.until(lambda: "cannot LISTEN: give bus= a" in (node.bus.trouble or ""))
    question = """
        SELECT current_setting('synchronous_commit'), current_setting('jit'),
            EXISTS (SELECT FROM pg_listening_channels() AS each WHERE each <> 'alimi_echo')
    """
    assert await every_session(pooled_url, question) == {("on", "on", False)}


async def test_a_pooler_of_sessions_will_do(
    block: str, postgres_server: PostgresServer, postgres_url: str, opened: Any
) -> None:
    """Where each client has a connection of its own, news come through."""
    with PgBouncer(block, postgres_server.port, pool_mode="session") as pooler:
        url = pooler.url(postgres_url.rpartition("/")[2])
        near, far = await opened(url), await opened(postgres_url)
        for each in (near, far):
            await each.until(lambda each=each: each.bus.trouble is None)
            await each.bus.follow(["2"])
        await near.until_it_hears(far, "2")
        await far.until_it_hears(near, "2")
