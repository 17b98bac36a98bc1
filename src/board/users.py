"""People: who they are, and who is asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from board import faces
from board.database import numbered
from board.models import User
from board.problems import missing
from board.visible import as_kept


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is logged in, as of this request."""

    id: int
    name: str
    locale: str
    session: str
    expires_at: int

    @property
    def image(self) -> str:
        """What stands beside their notifications."""
        return faces.address(self.id)


async def names(session: AsyncSession) -> dict[int, str]:
    """Everybody, by number."""
    rows = (await session.execute(select(User.id, User.name).order_by(User.id))).all()
    return {row.id: row.name for row in rows}


async def get(session: AsyncSession, user_id: int) -> User:
    """One user, or 404."""
    user = await numbered(session, User, user_id)
    if user is None:
        raise missing("user")
    return user


async def find(session: AsyncSession, *, user_id: int | None, name: str | None) -> User | None:
    """Whom a login speaks of."""
    if user_id is not None:
        return await numbered(session, User, user_id)
    query = select(User).where(User.name == as_kept(name or ""))
    return (await session.scalars(query)).one_or_none()


async def anybody(session: AsyncSession) -> bool:
    """Whether somebody could log in without the demo."""
    return await session.scalar(select(User.id).where(~User.demo).limit(1)) is not None


async def demo_users(session: AsyncSession) -> Sequence[User]:
    """Those whom the demo's login page offers."""
    return (await session.scalars(select(User).where(User.demo).order_by(User.id))).all()
