"""What an operator does to a store; works on a closed store and beside running ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from alimi.errors import AlimiError
from alimi.model import now_ms
from alimi.store import Drift, Report
from alimi.stores.postgres import epoch, schema
from alimi.stores.postgres.connections import as_alimi_error, snapshot, transaction
from alimi.stores.postgres.epoch import Epoch
from alimi.stores.postgres.sql import SQL
from alimi.stores.postgres.target import Target

T = TypeVar("T")


async def look_after(target: Target, verb: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Run a verb on a connection of its own."""
    try:
        async with _connected(target) as connection:
            return await verb(connection)
    except AlimiError:
        raise
    except Exception as error:
        raise as_alimi_error(error) from error


@asynccontextmanager
async def _connected(target: Target) -> AsyncIterator[asyncpg.Connection]:
    connection = await target.connect()
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


def pending_sql(target: Target) -> str:
    """The SQL that `migrate` would run now."""

    async def ask(connection: asyncpg.Connection) -> str:
        return schema.as_script(schema.pending(await schema.look(connection)))

    return asyncio.run(look_after(target, ask))


async def renew_epoch(connection: asyncpg.Connection) -> str:
    """A new identity for the store."""
    await schema.check(connection)
    async with transaction(connection):
        stored = await epoch.renew(connection)
    return await _whole(connection, stored)


async def _whole(connection: asyncpg.Connection, stored: str) -> str:
    whole = Epoch()
    await whole.read(connection)
    return whole.of(stored)


async def inspect(connection: asyncpg.Connection, database: str) -> Report:
    """Look, change nothing."""
    await schema.check(connection)
    async with snapshot(connection):
        return await _report(connection, database)


async def is_empty(connection: asyncpg.Connection) -> bool:
    """Whether nobody was ever told of anything."""
    await schema.check(connection)
    return bool(await connection.fetchval(SQL["is_empty"]))


async def _report(connection: asyncpg.Connection, database: str) -> Report:
    sizes = await connection.fetchrow(SQL["sizes"])
    inboxes, rows, waiting, oldest, dead, last, commit, fsync = sizes
    found = await connection.fetch(SQL["drift"])
    return Report(
        database=database,
        schema=(await schema.look(connection)).number,
        epoch=await _whole(connection, await connection.fetchval(SQL["stored_epoch"])),
        durability=_durability(commit, fsync),
        inboxes=inboxes,
        notifications=rows,
        outbox=waiting,
        outbox_age_ms=0 if oldest is None else max(0, now_ms() - oldest),
        dead_letters=dead,
        last_dead_letter=last,
        drift=tuple(
            Drift(recipient, (unread, unseen), (counted, counted_unseen))
            for recipient, unread, unseen, counted, counted_unseen in found
        ),
    )


def _durability(commit: str, fsync: str) -> str:
    """What power loss may take; the death of a process alone never takes anything."""
    if fsync == "off":
        return "OFF: fsync is off, power loss may take what was answered and damage the database"
    if commit == "off":
        return "NORMAL: synchronous_commit is off, power loss may take the last commits"
    return f"FULL: what was answered survives power loss (synchronous_commit is {commit})"
