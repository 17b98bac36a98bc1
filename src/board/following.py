"""Who hears about a card, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from board.models import Card, Follower


class Reason(StrEnum):
    """Why a notice came; the strongest first."""

    MENTIONED = "mentioned"
    ASSIGNED = "assigned"
    FOLLOWING = "following"


_STRENGTH = {reason: strength for strength, reason in enumerate(reversed(Reason))}


async def follow(session: AsyncSession, card_id: int, user_id: int) -> None:
    """Follow by oneself, through what one does.  Who has turned it off stays off."""
    if await session.get(Follower, (card_id, user_id)) is None:
        session.add(Follower(card_id=card_id, user_id=user_id))


async def set_watching(
    session: AsyncSession, card_id: int, user_id: int, *, watching: bool
) -> None:
    """Follow, or no longer, because one said so."""
    row = await session.get(Follower, (card_id, user_id))
    if row is None:
        session.add(Follower(card_id=card_id, user_id=user_id, watching=watching))
    else:
        row.watching = watching


async def is_watching(session: AsyncSession, card_id: int, user_id: int) -> bool:
    """Whether somebody follows a card."""
    row = await session.get(Follower, (card_id, user_id))
    return row is not None and row.watching


async def reasons(
    session: AsyncSession, card: Card, mentioned: Iterable[int] = ()
) -> dict[int, Reason]:
    """Everybody who hears of an event of this card, each once, with the strongest reason.

    Watching turned off silences what is said about the card, not what is said to oneself.
    """
    query = select(Follower.user_id).where(Follower.card_id == card.id, Follower.watching)
    followers = set((await session.scalars(query)).all())
    assigned = followers & {card.assignee_id}
    return _strongest(
        {
            Reason.FOLLOWING: followers,
            Reason.ASSIGNED: assigned,
            Reason.MENTIONED: set(mentioned),
        }
    )


def _strongest(found: Mapping[Reason, Iterable[int | None]]) -> dict[int, Reason]:
    strongest: dict[int, Reason] = {}
    for reason in sorted(found, key=_STRENGTH.__getitem__):
        strongest.update({user: reason for user in found[reason] if user is not None})
    return strongest
