"""A node dies while it tells the others what it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from alimi import Alimi
from alimi.settings import Settings
from alimi.testing.faults import POINTS, Point
from tests.buses.listening import at_rest, counted, listen
from tests.support.nats import NatsServer
from tests.support.processes import AppProcess, ready
from tests.support.valkey import RedisServer

#: It relays nothing itself: what it shows was written by the one that died.
NO_RELAY = Settings(
    poll_seconds=3_600, sweep_seconds=3_600, position_check_seconds=0.2, drain_seconds=0.05
)


@pytest.fixture(scope="module", params=["nats", "redis"])
def bus(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that sees a node vanish: neither is told, each by its own protocol."""
    with NatsServer() if request.param == "nats" else RedisServer() as server:
        yield server.url


@pytest.fixture
def mortal(tmp_path: Path, postgres_url: str, bus: str) -> Iterator[AppProcess]:
    """A node with every crash point in place."""
    log = tmp_path / "log"
    app = AppProcess(postgres_url, server="uvicorn-fast", log=log, faults=True, bus=bus)
    with ready(app):
        # Ready is also who has no bus yet, and then has nobody to tell.
        name = bus.partition("://")[0]
        app.wait_metric(f'alimi_bus_connected{{bus="{name}"}}', 1)
        yield app


@pytest.mark.parametrize(
    "point", [each for each in POINTS if each.networked], ids=lambda each: each.name
)
async def test_a_node_that_dies_while_it_tells_the_others_costs_a_moment(
    mortal: AppProcess, postgres_url: str, bus: str, point: Point
) -> None:
    """G1 G4 G9: another node shows it once, hinted or not, and needs no event after it."""
    survivor = Alimi(postgres_url, bus=bus, settings=NO_RELAY)
    await survivor.start()
    try:
        page = await listen(survivor)
        await at_rest(survivor)
        await asyncio.to_thread(mortal.post, "/arm", point=point.name, nth=1, late=False)
        with suppress(httpx.TransportError):  # it may die before it answers
            await asyncio.to_thread(mortal.post, "/notify", name="last", to="2")
        await asyncio.to_thread(mortal.wait_killed)
        await page.until(lambda reader: len(reader.shown) == 1)
        assert page.reader.complaints == []
        if point.when == "before":
            assert counted(survivor, "alimi_positions_healed_total") == 1
    finally:
        await survivor.close()
