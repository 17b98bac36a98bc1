"""Loops that buses run on: asyncio's everywhere, uvloop's where a test is about that."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Loops:
    """uvloop for those marked so by asking for `on_uvloop`, which is what servers run on."""
    if "on_uvloop" in getattr(item, "fixturenames", ()):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def on_uvloop() -> None:
    """The test's loop is uvloop's."""
