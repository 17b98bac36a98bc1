"""A commit on the application's engine wakes whoever wants to know: only a hint (G9)."""

import gc
import logging
import sqlite3
import weakref
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from alimi.contrib.sqlalchemy import on_commit, prepare

WRITE = text("UPDATE card SET assignee = 2")
READ = text("SELECT assignee FROM card")


class Listener:
    """Counts, and looks at what another connection sees when it is called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seen: list[int | None] = []

    def wake(self) -> None:
        db = sqlite3.connect(self._path)
        self.seen.append(db.execute("SELECT assignee FROM card").fetchone()[0])
        db.close()


@pytest.fixture
def listener(path: Path) -> Listener:
    """Reads beside a writer, as our own connections do."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    return Listener(path)


def test_g9_a_commit_wakes_before_and_after(engine: Engine, listener: Listener) -> None:
    """G9: a hint comes early, and another when the row can be seen; none for a rollback."""
    on_commit(prepare(engine), listener.wake)
    with engine.connect() as connection:
        connection.execute(WRITE)
        connection.rollback()
    assert listener.seen == []
    with engine.connect() as connection:
        connection.execute(WRITE)
        connection.commit()
    assert listener.seen == [None, 2]


async def test_g9_a_commit_of_an_async_session_wakes(
    async_engine: AsyncEngine, listener: Listener
) -> None:
    """G9: the same through asyncio, also for a session on a derived engine."""
    derived = async_engine.execution_options(logging_token="x")
    on_commit(derived, listener.wake)
    async with AsyncSession(async_engine) as session:
        await session.execute(WRITE)
        await session.commit()
        assert listener.seen == [None, 2]
    async with AsyncSession(derived) as session:
        await session.execute(READ)
        await session.commit()
    assert listener.seen == [None, 2, 2, 2]


def test_a_failing_callback_does_not_fail_the_commit(
    engine: Engine, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """The application's work is done, the next one is told, and the log says why."""

    def broken() -> None:
        raise RuntimeError("the loop is closed")

    on_commit(engine, broken)
    on_commit(engine, listener.wake)
    with caplog.at_level(logging.ERROR), engine.begin() as connection:
        connection.execute(WRITE)
    assert listener.seen == [None, 2]
    assert "the loop is closed" in caplog.text


def test_a_listener_that_has_gone_is_forgotten(engine: Engine, path: Path) -> None:
    """G8: a long-lived engine does not keep every Alimi that was ever made with it."""
    gone = Listener(path)
    seen, reference = gone.seen, weakref.ref(gone)
    on_commit(engine, gone.wake)
    del gone
    gc.collect()
    assert reference() is None
    with engine.begin() as connection:
        connection.execute(READ)
    assert seen == []
