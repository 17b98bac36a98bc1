"""The columns of the board."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from board import ranks
from board.acts import Act
from board.database import numbered
from board.models import List
from board.problems import Problem, missing

MAX_LISTS = 50


async def in_order(session: AsyncSession) -> Sequence[List]:
    """All of them, from left to right."""
    return (await session.scalars(select(List).order_by(List.rank, List.id))).all()


async def get(session: AsyncSession, list_id: int) -> List:
    """One list, or 404."""
    found = await numbered(session, List, list_id)
    if found is None:
        raise missing("list")
    return found


async def create(act: Act, name: str) -> List:
    """A new list, at the right."""
    others = await in_order(act.session)
    if len(others) >= MAX_LISTS:
        raise Problem("lists_full")
    made = List(name=name, rank=0)
    ranks.place(made, others, None)
    act.session.add(made)
    await act.notices.changed(None)
    await act.session.flush()
    return made


async def rename(act: Act, list_id: int, name: str) -> List:
    """Another name for a list."""
    found = await get(act.session, list_id)
    if found.name != name:
        found.name = name
        await act.notices.changed(None)
    return found
