"""What an Alimi is made of, and where it starts: settings, databases, event loops, processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from alimi import Alimi, InvalidInput, Retention, Settings
from alimi.errors import ConfigurationError, StoreError
from tests.facade.open_stream import OpenStream, assigned


def test_one_alimi_survives_several_loops(tmp_path: Path) -> None:
    """Test clients start a loop for each test; the same Alimi serves them in turn."""
    alimi = Alimi(tmp_path / "app.db")
    kind = assigned(alimi)

    async def once(number: int) -> int:
        await kind.notify(to=2, object=number)
        await alimi.flush()
        stream = OpenStream(alimi, 2)
        await stream.until(lambda reader: reader.cursor)
        await stream.leave()
        return (await alimi.inbox(2).counts()).counts.unread

    assert [asyncio.run(once(number)) for number in range(3)] == [1, 2, 3]
    asyncio.run(_close(alimi))


async def _close(alimi: Alimi) -> None:
    await alimi.start()
    await alimi.close()


async def test_two_processes_on_one_file_hear_each_other(alimi: Alimi, tmp_path: Path) -> None:
    """G5: what another process applies or marks is told soon, though no bus joins the two."""
    other = Alimi(tmp_path / "app.db")
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    await assigned(other).notify(to=2, object=12)
    async with asyncio.timeout(alimi.settings.position_check_seconds / 2):
        reader = await stream.until(lambda reader: reader.shown)
        await other.inbox(2).mark("read", upto=1)
        await stream.until(lambda reader: reader.unread == 0)
    assert len(reader.shown) == 1
    await stream.leave()
    await other.close()


async def test_starting_at_the_same_time_starts_once(tmp_path: Path) -> None:
    """Twenty first uses share one start."""
    alimi = Alimi(tmp_path / "app.db")
    kind = assigned(alimi)
    await asyncio.gather(*(kind.notify(to=2, object=number) for number in range(20)))
    await alimi.flush()
    assert (await alimi.inbox(2).counts()).counts.unread == 20
    await alimi.close()


async def test_a_failed_start_is_tried_again(tmp_path: Path) -> None:
    """A database that cannot be opened is an error each time, until it can."""
    alimi = Alimi(tmp_path / "missing" / "app.db")
    with pytest.raises(StoreError, match=r"there is no directory .*missing"):
        await alimi.start()
    (tmp_path / "missing").mkdir()
    await alimi.start()
    assert alimi.health() == {}
    await alimi.close()


@pytest.mark.parametrize("end", ["fails", "is cut off"])
async def test_a_start_that_went_wrong_stands_in_nobody_s_way(
    alimi: Alimi, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Whatever it ended with: recording in a transaction goes on, and the next use starts."""
    begun, let = asyncio.Event(), asyncio.Event()
    other = Alimi(engine)

    async def hangs() -> None:
        begun.set()
        await let.wait()
        raise RuntimeError("something else than the database")

    with monkeypatch.context() as broken:
        broken.setattr(other.store, "open", hangs)
        first = asyncio.create_task(other.start())
        await begun.wait()
        if end == "fails":
            let.set()
        else:
            (starting,) = other._runtimes._starts.values()
            starting.cancel()
        with pytest.raises((RuntimeError, asyncio.CancelledError)):
            await first
    async with AsyncSession(engine) as session:
        await assigned(other).notify(to=2, object=12, within=session)
        assert other.health() == {"starting": "not started yet"}
        await session.commit()
    await other.flush()
    assert (await alimi.inbox(2).counts()).counts.unread == 1
    await other.close()


@pytest.mark.parametrize(
    "database", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", 3, None]
)
def test_a_database_that_cannot_work_is_refused(database: object) -> None:
    """One clear sentence, before anything starts."""
    with pytest.raises(ConfigurationError):
        Alimi(database)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"ping_seconds": "3"}, "ping_seconds"),
        ({"max_streams": 1.5}, "max_streams"),
        ({"retry_ms": 2000}, "retry_ms"),
        ({"retention": {"days": 3}}, "Retention"),
        ({"retention": Retention(days="3")}, "days"),  # type: ignore[arg-type]
    ],
)
def test_a_setting_of_another_type_is_refused_at_once(wrong: dict[str, Any], named: str) -> None:
    """It is named where it was written, not in a task that fails later."""
    with pytest.raises(ConfigurationError, match=named):
        Settings(**wrong)


def test_settings_and_texts_of_another_type_are_named(tmp_path: Path) -> None:
    """A dict in place of Settings, a sentence in place of texts."""
    settings: Any = {"ping_seconds": 3}
    with pytest.raises(ConfigurationError, match="not dict"):
        Alimi(tmp_path / "app.db", settings=settings)
    text: Any = "Hello"
    with pytest.raises(InvalidInput, match="texts like"):
        Alimi(tmp_path / "app.db").kind("card.assigned", category="cards", text=text)


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), -1, 3_601])
async def test_a_drain_waits_for_no_time_without_sense(alimi: Alimi, delay: float) -> None:
    """G8: refused before anybody is told; the node serves on."""
    with pytest.raises(ConfigurationError, match="delay must be from 0 to 3600"):
        await alimi.drain(delay)
    assert "draining" not in alimi.health()
