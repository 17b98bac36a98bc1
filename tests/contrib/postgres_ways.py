"""Each way in which an application may hold a transaction on PostgreSQL."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, scoped_session, sessionmaker

ASYNCPG = ["asyncpg Connection", "asyncpg pool's connection"]
PSYCOPG = ["psycopg Connection", "psycopg AsyncConnection"]
SQLALCHEMY = [
    "psycopg Session",
    "psycopg scoped_session",
    "psycopg Connection of an engine",
    "psycopg AsyncSession",
    "psycopg AsyncConnection of an engine",
    "asyncpg AsyncSession",
    "asyncpg async_scoped_session",
    "asyncpg AsyncConnection of an engine",
]
WAYS = [*ASYNCPG, *PSYCOPG, *SQLALCHEMY]


@dataclass
class Opened:
    """What is passed as `within=`, and how its owner uses it; not begun unless it has to be."""

    within: Any
    run: Callable[[str], Any]
    commit: Callable[[], Any]
    rollback: Callable[[], Any]

    async def execute(self, sql: str) -> None:
        await settle(self.run(sql))

    async def end(self, how: str) -> None:
        await settle(self.commit() if how == "commit" else self.rollback())


async def settle(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def opened(way: str, url: str, *, autocommit: bool = False) -> AsyncIterator[Opened]:
    """A connection or session of that kind; with `autocommit` no transaction is opened."""
    async with AsyncExitStack() as stack:
        if way in ASYNCPG:
            yield await _asyncpg(way, url, stack, autocommit=autocommit)
        elif way in PSYCOPG:
            yield await _psycopg(way, url, stack, autocommit=autocommit)
        else:
            yield await _sqlalchemy(way, url, stack, autocommit=autocommit)


async def _asyncpg(way: str, url: str, stack: AsyncExitStack, *, autocommit: bool) -> Opened:
    connection = await asyncpg.connect(url)
    stack.push_async_callback(connection.close)
    if way == "asyncpg pool's connection":
        pool = await stack.enter_async_context(asyncpg.create_pool(url, min_size=1, max_size=1))
        connection = await stack.enter_async_context(pool.acquire())
    if not autocommit:
        await connection.execute("BEGIN")
    return Opened(
        connection,
        connection.execute,
        lambda: connection.execute("COMMIT"),
        lambda: connection.execute("ROLLBACK"),
    )


async def _psycopg(way: str, url: str, stack: AsyncExitStack, *, autocommit: bool) -> Opened:
    connection: Any
    if way == "psycopg Connection":
        connection = psycopg.connect(url, autocommit=autocommit)
    else:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=autocommit)
    stack.push_async_callback(lambda: _as_async(connection.close))
    return Opened(connection, connection.execute, connection.commit, connection.rollback)


async def _sqlalchemy(way: str, url: str, stack: AsyncExitStack, *, autocommit: bool) -> Opened:
    driver, _, kind = way.partition(" ")
    make: Any = create_async_engine if kind.lower().startswith("async") else create_engine
    options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    engine = make(url.replace("postgresql", f"postgresql+{driver}"), **options)
    stack.push_async_callback(lambda: _as_async(engine.dispose))
    makers: dict[str, Callable[[], Any]] = {
        "AsyncSession": lambda: AsyncSession(engine),
        "async_scoped_session": lambda: async_scoped_session(
            async_sessionmaker(engine), asyncio.current_task
        ),
        "Session": lambda: Session(engine),
        "scoped_session": lambda: scoped_session(sessionmaker(engine)),
    }
    within = await settle(makers.get(kind, engine.connect)())
    stack.push_async_callback(lambda: _as_async(within.close))
    return Opened(within, lambda sql: within.execute(text(sql)), within.commit, within.rollback)


async def _as_async(close: Callable[[], Awaitable[None] | None]) -> None:
    await settle(close())
