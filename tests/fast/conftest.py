"""Each test that asks for a `server` runs on every one, under asyncio and under uvloop."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.fast.site import SERVERS, Server

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """The event loops of one test."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if "server" in getattr(item, "fixturenames", ()):
        loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest) -> Server:
    """One way to serve streams."""
    found: Server = request.param
    return found
