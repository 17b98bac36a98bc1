"""Each way in which an application may hold a transaction of SQLAlchemy on SQLite."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from alimi.contrib.sqlalchemy import prepare
from alimi.model import PageQuery
from alimi.store import Joined, Recording
from alimi.stores.sqlite import SQLiteStore
from tests.contrib.postgres_ways import settle

Record = Callable[[Joined], Recording]
Assignees = Callable[[], list[int | None]]
WAYS = [
    "AsyncSession",
    "AsyncConnection",
    "async_scoped_session",
    "Session",
    "Connection",
    "scoped_session",
]
every_way = pytest.mark.parametrize("way", WAYS)


@asynccontextmanager
async def opened(
    way: str, path: Path, *, prepared: bool = True, **options: Any
) -> AsyncIterator[Any]:
    """A session or connection of each type, not begun, on an engine of its own."""
    is_async = way.lower().startswith("async")
    driver = "sqlite+aiosqlite" if is_async else "sqlite"
    make: Any = create_async_engine if is_async else create_engine
    engine = make(f"{driver}:///{path}", **options)
    if prepared:
        assert prepare(engine) is engine
    makers: dict[str, Callable[[], Any]] = {
        "AsyncSession": lambda: AsyncSession(engine),
        "AsyncConnection": engine.connect,
        "async_scoped_session": lambda: async_scoped_session(
            async_sessionmaker(engine), asyncio.current_task
        ),
        "Session": lambda: Session(engine),
        "Connection": engine.connect,
        "scoped_session": lambda: scoped_session(sessionmaker(engine)),
    }
    within = await settle(makers[way]())
    try:
        yield within
    finally:
        await settle(within.close())
        await settle(engine.dispose())


async def assign(within: Any, assignee: int) -> None:
    await settle(within.execute(text(f"UPDATE card SET assignee = {assignee}")))


async def inbox(store: SQLiteStore) -> list[str]:
    """What recipient 2 has, after the relay's work."""
    applied = await store.apply(100)
    assert applied.dead == 0
    page = await store.page("2", PageQuery())
    return [row.content.texts["en"] for row in page.items]


NEWS = ["You are now the assignee of card 1."]
