"""The epoch: whether this database is still the one whose cursors are out there.

A restored backup contains its own epoch and cannot tell by itself.  So to the stored value is added
what a backup cannot carry along: the cluster's system identifier, which another cluster does not
have, the timeline, which every recovery and every fail-over moves on, and the database's number,
which no other database of the cluster has.
"""

from __future__ import annotations

from functools import lru_cache

import asyncpg

from alimi.model import cursor_tag
from alimi.stores.postgres.sql import SQL

#: One digest takes 2 µs, and the same readers come again and again.
tag_of = lru_cache(maxsize=65_536)(cursor_tag)


class Epoch:
    """What the server adds to the stored value; read again with each position check."""

    def __init__(self) -> None:
        self._server: str | None = None

    async def read(self, connection: asyncpg.Connection) -> None:
        """Ask the server who it is."""
        self._server = await connection.fetchval(SQL["server"])

    def take(self, server: str) -> None:
        """Somebody has asked the server in a query of theirs."""
        self._server = server

    def of(self, stored: str) -> str:
        """The epoch, given the stored value in the same snapshot as what it is for."""
        return f"{stored}.{self._server}"

    def tag(self, stored: str, recipient: str) -> str:
        """What makes this inbox's cursors its own."""
        return tag_of(self.of(stored), recipient)


async def renew(connection: asyncpg.Connection) -> str:
    """A new stored value; answers it."""
    return str(await connection.fetchval(SQL["renew_epoch"]))
