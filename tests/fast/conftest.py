"""Each test that asks for a `server` runs on every one, under asyncio and under uvloop."""

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest
import uvloop

from alimi.uring import Ring
from tests.fast.site import SERVERS, Server
from tests.fast.test_proxies import PROXIES, installed
from tests.support.left_out import leave_out

CI = bool(os.environ.get("CI"))
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests behind a proxy run with those that are installed; in CI with all, or they fail."""
    if "proxy_name" in metafunc.fixturenames:
        metafunc.parametrize("proxy_name", PROXIES, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a proxy that is not here, or an io_uring that is forbidden."""
    away = {name for name in PROXIES if not installed(name)} - set(PROXIES if CI else ())
    away |= {"io_uring"} - _offered()
    leave_out(config, items, lambda item: name if (name := _needed_by(item)) in away else None)


def _offered() -> set[str]:
    """What this system lets us have."""
    try:
        Ring().close()
    except OSError:
        return set()
    return {"io_uring"}


def _needed_by(item: pytest.Item) -> str | None:
    if "ring" in getattr(item, "fixturenames", ()):
        return "io_uring"
    return item.callspec.params.get("proxy_name") if hasattr(item, "callspec") else None
