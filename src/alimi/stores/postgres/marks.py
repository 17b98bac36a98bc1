"""Marks: one call, one version, however many rows; the work is done by a function of the schema."""

from __future__ import annotations

import asyncpg

from alimi.model import Counts, Mark, Marked, now_ms
from alimi.stores.postgres.epoch import Epoch
from alimi.stores.postgres.sql import SQL


async def mark(connection: asyncpg.Connection, epoch: Epoch, recipient: str, mark: Mark) -> Marked:
    """Change rows under one new version; needs no transaction around it."""
    stored, version, count, ids, unread, unseen = await connection.fetchrow(
        SQL["mark"], recipient, mark.action, mark.ids, mark.upto, mark.at, now_ms()
    )
    return Marked(version, count, tuple(ids), Counts(unread, unseen), epoch.tag(stored, recipient))
