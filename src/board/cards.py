"""What may be done with a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from board import following, lists, ranks, users
from board.acts import Act
from board.clock import now_ms
from board.database import numbered
from board.etags import Expected
from board.mentions import find_mentions
from board.models import Card, List
from board.problems import Problem, missing

#: What one page can show and one answer carry; archived cards do not count.
MAX_CARDS = 2_000
ARCHIVE_PAGE = 50

#: Where in the archive a card is: when it was put away, and its number.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change; None leaves it as it is."""

    title: str | None = None
    description: str | None = None
    list_id: int | None = None
    position: int | None = None
    archived: bool | None = None


async def get(session: AsyncSession, card_id: int) -> Card:
    """One card, archived or not, or 404."""
    card = await numbered(session, Card, card_id)
    if card is None:
        raise missing("card")
    return card


async def on_board(session: AsyncSession) -> Sequence[Card]:
    """All that are not archived, in the order of their lists."""
    query = select(Card).where(Card.archived_at.is_(None)).order_by(Card.rank, Card.id)
    return (await session.scalars(query)).all()


async def archived(session: AsyncSession, before: Place | None) -> Sequence[Card]:
    """A page of what was put away, the latest first."""
    query = select(Card).where(Card.archived_at.is_not(None))
    if before is not None:
        query = query.where(tuple_(Card.archived_at, Card.id) < before)
    query = query.order_by(Card.archived_at.desc(), Card.id.desc()).limit(ARCHIVE_PAGE)
    return (await session.scalars(query)).all()


async def create(act: Act, list_id: int, title: str, description: str) -> Card:
    """A new card at the end of a list; its author follows it."""
    await lists.get(act.session, list_id)
    await _check_room(act.session)
    now = now_ms()
    card = Card(
        list_id=list_id,
        title=title,
        description=description,
        author_id=act.actor.id,
        created_at=now,
        updated_at=now,
    )
    ranks.place(card, await _others(act.session, list_id), None)
    act.session.add(card)
    await act.session.flush()
    await following.follow(act.session, card.id, act.actor.id)
    mentioned = find_mentions(description, await users.names(act.session))
    await act.notices.mentioned(card, description, mentioned)
    await act.notices.changed(card.id)
    return card


async def edit(act: Act, card_id: int, wanted: Edit, expected: Expected) -> Card:
    """Change what is given.  What is as wanted already changes and notifies nothing."""
    card = await get(act.session, card_id)
    expected.check(card.version)
    mentioned = await _newly_mentioned(act.session, card, wanted.description)
    described = _describe(card, wanted)
    moved = await _move(act.session, card, wanted)
    put_away = await _archive(act.session, card, wanted.archived)
    if not (described or moved or put_away):
        return card
    _touch(card)
    await act.session.flush()
    if card.archived_at is None:
        await act.notices.mentioned(card, card.description, mentioned)
        if moved is not None and moved[0] is not moved[1]:
            await act.notices.moved(card, moved, mentioned)
    elif put_away:
        await act.notices.withdraw(card)
    await act.notices.changed(card.id)
    return card


async def assign(act: Act, card_id: int, user_id: int | None, expected: Expected) -> Card:
    """Give a card to somebody, or to nobody.  The present assignee again: nothing happens."""
    card = await get(act.session, card_id)
    if user_id is not None:
        await users.get(act.session, user_id)
    expected.check(card.version)
    before = card.assignee_id
    if before == user_id:
        return card
    card.assignee_id = user_id
    _touch(card)
    if user_id is not None:
        await following.follow(act.session, card.id, user_id)
    await act.session.flush()
    await act.notices.assigned(card, before)
    await act.notices.changed(card.id)
    return card


async def watch(act: Act, card_id: int, *, watching: bool) -> Card:
    """Whether one wants to hear of comments and moves; nobody else's business."""
    card = await get(act.session, card_id)
    await following.set_watching(act.session, card.id, act.actor.id, watching=watching)
    return card


def _touch(card: Card) -> None:
    card.version += 1
    card.updated_at = now_ms()


async def _newly_mentioned(session: AsyncSession, card: Card, text: str | None) -> set[int]:
    if text is None:
        return set()
    names = await users.names(session)
    return find_mentions(text, names) - find_mentions(card.description, names)


def _describe(card: Card, wanted: Edit) -> bool:
    before = (card.title, card.description)
    if wanted.title is not None:
        card.title = wanted.title
    if wanted.description is not None:
        card.description = wanted.description
    return before != (card.title, card.description)


async def _move(session: AsyncSession, card: Card, wanted: Edit) -> tuple[List, List] | None:
    """The lists it came from and went to, or None when it stays where it is."""
    if wanted.list_id is None and wanted.position is None:
        return None
    source = await lists.get(session, card.list_id)
    target = source if wanted.list_id is None else await lists.get(session, wanted.list_id)
    if target is source and wanted.position is None:
        return None
    others = await _others(session, target.id, card)
    if target is source and wanted.position is not None:
        place = sum((each.rank, each.id) < (card.rank, card.id) for each in others)
        if place == min(wanted.position, len(others)):
            return None
    card.list_id = target.id
    ranks.place(card, others, wanted.position)
    return source, target


async def _archive(session: AsyncSession, card: Card, archived: bool | None) -> bool:  # noqa: FBT001
    if archived is None or archived == (card.archived_at is not None):
        return False
    if not archived:
        await _check_room(session)
    card.archived_at = now_ms() if archived else None
    return True


async def _others(session: AsyncSession, list_id: int, but: Card | None = None) -> Sequence[Card]:
    """What else is in a list, in order."""
    query = select(Card).where(Card.list_id == list_id, Card.archived_at.is_(None))
    rows = (await session.scalars(query.order_by(Card.rank, Card.id))).all()
    return [card for card in rows if card is not but]


async def _check_room(session: AsyncSession) -> None:
    query = select(func.count()).select_from(Card).where(Card.archived_at.is_(None))
    if (await session.scalar(query) or 0) >= MAX_CARDS:
        raise Problem("board_full")
