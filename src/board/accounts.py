"""Users of a board of one's own."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from board import users
from board.board import Board
from board.models import Login, User
from board.passwords import hash_password
from board.settings import Settings
from board.visible import as_kept, is_name

MAX_NAME = 60


async def add_user(settings: Settings, name: str, password: str, locale: str) -> str:
    """Add somebody, or give them another password; answers what was done.

    Raises ValueError for a name that nobody can have.
    """
    name = as_kept(name)
    if not 0 < len(name) <= MAX_NAME or not is_name(name) or "@" in name:
        raise ValueError(f"a name has 1 to {MAX_NAME} visible characters, and no @")
    kept = await asyncio.to_thread(hash_password, password)
    board = Board(settings)
    try:
        await board.database.create_tables()
        async with board.database.writing() as session:
            return await _save(session, name, kept, locale)
    finally:
        await board.database.close()


async def _save(session: AsyncSession, name: str, kept: str, locale: str) -> str:
    user = await users.find(session, user_id=None, name=name)
    if user is None:
        user = User(name=name, password_hash=kept, locale=locale)
        session.add(user)
        await session.flush()
        return f"{name} is user {user.id} and can log in."
    # A demo user with a password of their own is no demo user any more.
    user.password_hash, user.locale, user.demo = kept, locale, False
    await session.execute(delete(Login).where(Login.user_id == user.id))
    return f"{name} (user {user.id}) has another password; their sessions have ended."
