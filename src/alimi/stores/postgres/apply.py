"""The relay's batch: one call of one function of the database."""

from __future__ import annotations

import asyncpg

from alimi.errors import StoreError
from alimi.model import Applied
from alimi.stores.postgres.epoch import Epoch


async def apply(connection: asyncpg.Connection, epoch: Epoch, limit: int) -> Applied:
    """The next entries in order, then one piece of the bulk lane, so that neither starves."""
    del connection, epoch, limit
    raise StoreError
