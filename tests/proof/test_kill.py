"""`kill -9` at every crash point and at random moments: nothing acknowledged is lost (G1), nothing
rolled back is seen (G2), the order stands (G3), nothing doubles (G4), streams and inboxes agree
(G5), and so do the badges (G6).
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from alimi.testing.checker import Finding
from alimi.testing.faults import BY_NAME, POINTS, Point, locate
from tests.support.checker_round import Round
from tests.support.processes import AppProcess, an_app

#: Quick pages, a quick sweeper; a crash of the process asks nothing of `synchronous`.
SETTINGS = {"retry_ms": [10, 30], "sweep_seconds": 0.05, "synchronous": "NORMAL"}
#: A seeded moment after which the process is killed, in seconds.
LONGEST_LIFE = 0.4
RANDOM_KILLS = 12
#: Events that a page must have seen before a kill, and after the restart.
SOME = 5
#: Those between nodes are in tests/buses/test_crash_points.py.
SERVED = [point for point in POINTS if not (point.at_start or point.networked)]
STARTED = [point for point in POINTS if point.at_start]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One database for all rounds, and its many processes."""
    folder = tmp_path_factory.mktemp("kill")
    with an_app(folder, server="uvicorn-fast", faults=True, settings=SETTINGS) as app:
        yield app


@pytest.fixture
def app(server: AppProcess) -> AppProcess:
    """A living process with nothing armed, whatever the test before left."""
    if server.armed or not server.alive:
        server.close()
        server.start()
        server.wait_ready()
    return server


def arm(app: AppProcess, point: Point, nth: int) -> None:
    """Before a step it dies when all that was told too early is out; after one at once."""
    app.armed = True
    try:
        app.post("/arm", point=point.name, nth=nth, late=point.when == "before")
    except httpx.TransportError:
        return


async def revive(app: AppProcess) -> None:
    app.start()
    await asyncio.to_thread(app.wait_ready)


async def some_work(people: Round) -> None:
    """Wait until each page has seen some more."""
    for page in people.pages:
        wanted = len(page.reader.shown) + SOME
        await page.until(lambda reader, wanted=wanted: len(reader.shown) >= wanted)  # type: ignore[misc]


def told(findings: list[Finding]) -> str:
    return "\n".join(map(str, findings))


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_every_point_of_the_table_exists(point: Point) -> None:
    """A crash point names a callable that is there; a renamed function would be tested no more."""
    locate(point.where)
    if point.following is not None:
        locate(point.following)


@pytest.mark.parametrize("point", SERVED, ids=lambda point: point.name)
async def test_a_kill_at_each_point_loses_and_doubles_nothing(
    app: AppProcess, point: Point
) -> None:
    """G1 G2 G3 G4 G5 G6: people work, the process dies exactly there and comes back."""
    async with Round(app, point.name) as people:
        people.work()
        await some_work(people)
        await asyncio.to_thread(arm, app, point, random.Random(point.name).randint(1, 3))
        await asyncio.to_thread(app.wait_killed)
        assert not people.shown_too_early(), "pushed before the commit"
        await revive(app)
        await some_work(people)
        await people.rest()
        findings = await people.judge()
        assert not findings, told(findings)
        assert people.checker.figures().acknowledged > SOME


@pytest.mark.parametrize("point", STARTED, ids=lambda point: point.name)
async def test_a_kill_while_starting_is_no_harm(tmp_path: Path, point: Point) -> None:
    """G1: a first start that dies there is followed by one that works, with no reset to anybody."""
    app = AppProcess(tmp_path / "app.db", faults=True, settings=SETTINGS)
    app.start(point=point.name)
    await asyncio.to_thread(app.wait_killed)
    await revive(app)
    try:
        async with Round(app, point.name) as people:
            people.work()
            await some_work(people)
            await people.rest()
            findings = await people.judge()
        assert not findings, told(findings)
    finally:
        app.close()


@pytest.mark.timeout(180)
async def test_a_kill_at_random_moments_loses_and_doubles_nothing(
    app: AppProcess, tell: Callable[[str], None]
) -> None:
    """G1 G2 G3 G4 G5 G6: a dozen kills under the same people and pages, at seeded moments."""
    moments = random.Random(2026)
    async with Round(app, "random") as people:
        people.work()
        for _ in range(RANDOM_KILLS):
            await some_work(people)
            await asyncio.sleep(moments.uniform(0, LONGEST_LIFE))  # the moment is the test
            await asyncio.to_thread(app.kill)
            await revive(app)
        await some_work(people)
        await people.rest()
        findings = await people.judge()
        figures = people.checker.figures()
    tell(f"{RANDOM_KILLS} kills: {json.dumps(msgspec.structs.asdict(figures))}")
    assert not findings, told(findings)
    assert figures.acknowledged > RANDOM_KILLS * SOME
    assert figures.rolled_back > 0


async def test_a_kill_between_the_pieces_of_a_large_event_loses_and_doubles_nobody(
    app: AppProcess,
) -> None:
    """G1 G4: a kill, and another, while an event to 1,700 is applied in pieces harms none."""
    everybody = [f"crowd-{number}" for number in range(1_700)]
    await asyncio.to_thread(arm, app, BY_NAME["apply.committed"], 2)
    await asyncio.to_thread(app.post, "/notify", name="large", to=everybody)
    await asyncio.to_thread(app.wait_killed)
    app.start(point="apply.committing")
    await asyncio.to_thread(app.wait_killed)
    await revive(app)
    await asyncio.to_thread(app.wait_applied)
    with closing(sqlite3.connect(app.database)) as db:
        rows = db.execute(
            "SELECT recipient FROM alimi_notifications WHERE recipient LIKE 'crowd-%'"
        )
        reached = sorted(recipient for (recipient,) in rows)
        badges = db.execute(
            "SELECT DISTINCT version, unread FROM alimi_inboxes WHERE recipient LIKE 'crowd-%'"
        ).fetchall()
    assert reached == sorted(everybody)
    assert badges == [(1, 1)]
