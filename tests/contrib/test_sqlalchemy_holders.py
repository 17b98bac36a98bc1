"""Who holds a write transaction: what it started inside holds it too, nobody else does."""

import asyncio
import contextvars
import gc
import sqlite3
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from alimi.contrib.sqlalchemy import engines, holds_write_transaction, prepare

WRITE = text("UPDATE card SET assignee = 2")
READ = text("SELECT assignee FROM card")

Ask = Callable[[], Awaitable[bool]]


async def in_gather(ask: Ask) -> bool:
    """Two of them, as an application would tell two people."""
    first, second = await asyncio.gather(ask(), ask())
    assert first == second
    return first


async def in_a_group(ask: Ask) -> bool:
    """asyncio.TaskGroup."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(as_coroutine(ask))
    return task.result()


async def in_a_grandchild(ask: Ask) -> bool:
    """A task of a task."""
    return await asyncio.create_task(in_gather(ask))


async def in_a_thread(ask: Ask) -> bool:
    """asyncio.to_thread, which has its own loop here."""
    return await asyncio.to_thread(asyncio.run, as_coroutine(ask))


async def from_a_thread(ask: Ask) -> bool:
    """Back from a worker thread to this loop."""
    loop = asyncio.get_running_loop()

    def back() -> bool:
        return asyncio.run_coroutine_threadsafe(as_coroutine(ask), loop).result(10)

    return await asyncio.to_thread(back)


async def as_coroutine(ask: Ask) -> bool:
    """A task is made of a coroutine."""
    return await ask()


@pytest.mark.parametrize(
    "started", [in_gather, in_a_group, in_a_grandchild, in_a_thread, from_a_thread]
)
async def test_held_by_what_was_started_inside(
    async_engine: AsyncEngine, started: Callable[[Ask], Awaitable[bool]]
) -> None:
    """The owner waits for it before the commit, so it must not wait for the commit."""

    async def ask() -> bool:
        return holds_write_transaction(async_engine)

    async with AsyncSession(async_engine) as session:
        assert not await started(ask)
        for end in (session.commit, session.rollback, session.close):
            await session.execute(WRITE)
            assert await started(ask)
            await end()
            assert not await started(ask)


async def test_begun_in_run_sync(async_engine: AsyncEngine) -> None:
    """SQLAlchemy's greenlets share the context of their task, in both directions."""

    async def ask() -> bool:
        return holds_write_transaction(async_engine)

    async with AsyncSession(async_engine) as session:
        await session.run_sync(lambda sync: sync.execute(WRITE))
        assert await in_gather(ask)
        assert await session.run_sync(lambda _: holds_write_transaction(async_engine))


async def test_not_held_by_a_task_from_before(async_engine: AsyncEngine) -> None:
    """It is somebody else, who may wait for the lock."""
    begun = asyncio.Event()

    async def other() -> bool:
        await begun.wait()
        return holds_write_transaction(async_engine)

    task = asyncio.create_task(other())
    async with async_engine.begin():
        begun.set()
        assert not await task
        assert holds_write_transaction(async_engine)


async def test_not_held_by_a_sibling(async_engine: AsyncEngine) -> None:
    """Of two requests of one server only that holds it which began."""
    begun, asked = asyncio.Event(), asyncio.Event()

    async def writer() -> bool:
        async with async_engine.begin():
            begun.set()
            await asked.wait()
            return holds_write_transaction(async_engine)

    async def sibling() -> bool:
        await begun.wait()
        asked.set()
        return holds_write_transaction(async_engine)

    assert list(await asyncio.gather(writer(), sibling())) == [True, False]


@pytest.mark.parametrize("then", ["next transaction", "by hand"])
async def test_not_held_by_a_child_that_outlives_it(path: Path, then: str) -> None:
    """What its pooled connection does next belongs to whoever does that."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0)
    prepare(engine)
    over = asyncio.Event()

    async def child() -> bool:
        await over.wait()
        return holds_write_transaction(engine)

    async def request() -> asyncio.Task[bool]:
        async with engine.begin():
            return asyncio.create_task(child())

    outliving = await asyncio.create_task(request())
    async with engine.connect() as connection:
        if then == "by hand":
            _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            await connection.execute(READ)
            assert holds_write_transaction(engine)
        over.set()
        assert not await outliving
        await connection.exec_driver_sql("ROLLBACK")
    await engine.dispose()


async def test_another_engine_s_transaction_is_not_this_one_s(
    async_engine: AsyncEngine, tmp_path: Path
) -> None:
    """Of two databases only that is held which is written; both may be, in any order."""
    other = prepare(create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/other.db"))

    async def held() -> tuple[bool, bool]:
        return holds_write_transaction(async_engine), holds_write_transaction(other)

    async with other.connect() as outer:
        await outer.execute(text("CREATE TABLE t (x)"))
        assert list(await asyncio.gather(held())) == [(False, True)]
        async with async_engine.begin():
            assert list(await asyncio.gather(held())) == [(True, True)]
            await outer.commit()
            assert list(await asyncio.gather(held())) == [(True, False)]
        assert list(await asyncio.gather(held())) == [(False, False)]
    await other.dispose()


@pytest.mark.parametrize("begin", ["DEFERRED", "IMMEDIATE"])
def test_a_loop_started_inside_a_thread_s_transaction(path: Path, begin: Any) -> None:
    """Synchronous code that calls asyncio.run(notify(…)); a driver bound to its thread is asked."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": True})
    prepare(engine, begin)

    async def ask() -> bool:
        return holds_write_transaction(engine)

    with engine.begin() as connection:
        connection.execute(READ)
        assert asyncio.run(in_a_thread(ask)) == (begin == "IMMEDIATE")
        connection.execute(WRITE)
        assert asyncio.run(in_a_thread(ask))
    assert not asyncio.run(in_a_thread(ask))
    engine.dispose()


def test_plain_threads_inherit_nothing(engine: Engine) -> None:
    """A thread of a pool, or of its own, is somebody else until it begins."""
    prepare(engine)
    answers: list[bool] = []
    with ThreadPoolExecutor(1) as pool, engine.begin():
        thread = threading.Thread(
            target=contextvars.Context().run,
            args=(lambda: answers.append(holds_write_transaction(engine)),),
        )
        thread.start()
        thread.join()
        assert not pool.submit(holds_write_transaction, engine).result()
    assert answers == [False]


async def test_begun_in_a_copied_context(engine: Engine) -> None:
    """Frameworks run synchronous parts in a copy: what those begin is still this task's."""
    prepare(engine)
    connection = contextvars.copy_context().run(engine.connect)
    contextvars.copy_context().run(connection.execute, WRITE)
    assert holds_write_transaction(engine)
    connection.close()
    assert not holds_write_transaction(engine)


async def test_a_context_remembers_only_what_is_open(async_engine: AsyncEngine) -> None:
    """G8: a task that lives long and writes often carries one mark, not all of them."""
    for _ in range(20):
        async with async_engine.begin():
            pass
    async with async_engine.begin():
        assert len(engines._begun.get()) == 1


def test_a_kept_context_keeps_nothing(path: Path) -> None:
    """G8: a task started inside and living for ever keeps neither connection nor engine alive."""

    async def request() -> tuple[contextvars.Context, list[weakref.ref[Any]]]:
        engine = prepare(create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool))
        async with engine.begin() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            kept = contextvars.copy_context()
            return kept, [weakref.ref(driver), weakref.ref(engine.sync_engine)]

    context, references = asyncio.run(request())
    gc.collect()
    assert [reference() for reference in references if reference()] == []
    assert [mark() for mark in context[engines._begun]] == [None]


def test_closed_between_two_questions(path: Path) -> None:
    """Another thread may close the connection at any time; then nothing is held."""

    class Closing:
        def __init__(self) -> None:
            self._db = sqlite3.connect(path)
            self.total_changes_asked = 0

        in_transaction = True

        @property
        def total_changes(self) -> int:
            self.total_changes_asked += 1
            if self.total_changes_asked > 1:
                self._db.close()
            return self._db.total_changes

    assert not engines._Mark(Closing(), locked=False).writing
