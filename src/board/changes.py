"""Whether the board has changed, without reading all of it."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from board import lists, users
from board.models import Card, Comment


async def board_tag(session: AsyncSession) -> str:
    """An entity tag that differs whenever `GET /api/board` would answer something else.

    Each change of a card raises its version, and neither cards nor comments are ever deleted: the
    sums only grow.
    """
    cards = select(func.count(), func.sum(Card.version), func.max(Card.updated_at))
    comments = select(func.count(), func.max(Comment.id))
    facts = [
        [int(each or 0) for each in (await session.execute(cards.select_from(Card))).one()],
        [int(each or 0) for each in (await session.execute(comments.select_from(Comment))).one()],
        [(each.id, each.name) for each in await lists.in_order(session)],
        list((await users.names(session)).items()),
    ]
    digest = hashlib.blake2b(repr(facts).encode(), digest_size=12)
    return f'"{digest.hexdigest()}"'
