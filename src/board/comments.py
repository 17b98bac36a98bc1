"""What people say about a card."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from board import cards, following, users
from board.acts import Act
from board.clock import now_ms
from board.database import numbered
from board.mentions import find_mentions
from board.models import Card, Comment
from board.problems import Problem, missing

PAGE = 50


async def page(session: AsyncSession, card_id: int, before: int | None = None) -> Sequence[Comment]:
    """The last ones before a number, oldest first."""
    query = select(Comment).where(Comment.card_id == card_id)
    if before is not None:
        query = query.where(Comment.id < before)
    rows = (await session.scalars(query.order_by(Comment.id.desc()).limit(PAGE))).all()
    return rows[::-1]


async def count(session: AsyncSession, card_id: int) -> int:
    """How many a card has."""
    query = select(func.count()).select_from(Comment).where(Comment.card_id == card_id)
    return await session.scalar(query) or 0


async def counts(session: AsyncSession) -> dict[int, int]:
    """How many each card on the board has; a card without any is not in it."""
    query = (
        select(Comment.card_id, func.count())
        .join(Card)
        .where(Card.archived_at.is_(None))
        .group_by(Comment.card_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def counts_of(session: AsyncSession, card_ids: Sequence[int]) -> dict[int, int]:
    """How many each of these cards has."""
    query = (
        select(Comment.card_id, func.count())
        .where(Comment.card_id.in_(card_ids))
        .group_by(Comment.card_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def create(act: Act, card_id: int, text: str) -> Comment:
    """Say something; who does follows the card from then on."""
    card = await cards.get(act.session, card_id)
    comment = Comment(card_id=card.id, author_id=act.actor.id, text=text, created_at=now_ms())
    act.session.add(comment)
    await following.follow(act.session, card.id, act.actor.id)
    await act.session.flush()
    mentioned = find_mentions(text, await users.names(act.session))
    await act.notices.commented(card, comment, mentioned)
    await act.notices.changed(card.id)
    return comment


async def edit(act: Act, comment_id: int, text: str) -> Comment:
    """Say it better; only who is newly mentioned hears of it."""
    comment = await _own(act, comment_id)
    if comment.text == text:
        return comment
    names = await users.names(act.session)
    newly = find_mentions(text, names) - find_mentions(comment.text, names)
    comment.text, comment.edited_at = text, now_ms()
    card = await cards.get(act.session, comment.card_id)
    await act.session.flush()
    await act.notices.mentioned(card, text, newly)
    await act.notices.changed(card.id)
    return comment


async def _own(act: Act, comment_id: int) -> Comment:
    found = await numbered(act.session, Comment, comment_id)
    if found is None:
        raise missing("comment")
    if found.author_id != act.actor.id:
        raise Problem("not_yours")
    return found
