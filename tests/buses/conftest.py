"""Loops that buses run on: asyncio's everywhere, uvloop's where a test is about that.

And Redis beside Valkey where the two may differ.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop

from alimi.carrier import Carrier
from alimi.testing.buses.harness import Node
from tests.support.left_out import leave_out
from tests.support.valkey import KINDS, REDIS, ValkeyServer

Opened = Callable[[Carrier], Awaitable[Node]]
Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """uvloop for those marked so by asking for `on_uvloop`, which is what servers run on."""
    if "on_uvloop" in getattr(item, "fixturenames", ()):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def on_uvloop() -> None:
    """The test's loop is uvloop's."""


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens nodes on buses and closes them."""
    made: list[Carrier] = []

    async def open_node(bus: Carrier) -> Node:
        made.append(bus)
        node = Node(bus)
        await node.open()
        return node

    yield open_node
    for each in made:
        await each.close()


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[ValkeyServer]:
    """A server that speaks Valkey's protocol."""
    return KINDS[request.param]


@pytest.fixture(scope="module", params=["redis"])
def redis(request: pytest.FixtureRequest) -> type[ValkeyServer]:
    """The only one of the two at hand that encrypts."""
    return KINDS[request.param]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a server that is not here; in CI it fails instead."""
    if not shutil.which(REDIS) and not os.environ.get("CI"):
        leave_out(config, items, lambda item: REDIS if _needs_redis(item) else None)


def _needs_redis(item: pytest.Item) -> bool:
    return hasattr(item, "callspec") and "redis" in item.callspec.params.values()
