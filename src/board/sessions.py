"""Logins.  A session is a row, so that logging out ends it everywhere at once."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from alimi import Identity
from board.clock import DAY_MS, now_ms
from board.models import Login, User
from board.settings import Settings
from board.users import Member

COOKIE = "board_session"


async def start(session: AsyncSession, user: User, settings: Settings) -> str:
    """A new session; the answer is its token, which is kept nowhere else."""
    now = now_ms()
    await session.execute(delete(Login).where(Login.expires_at <= now))
    token = secrets.token_urlsafe(32)
    expires_at = now + settings.session_days * DAY_MS
    session.add(Login(token_hash=_hash(token), user_id=user.id, expires_at=expires_at))
    return token


async def find(session: AsyncSession, token: str | None, settings: Settings) -> Member | None:
    """Who holds this token, if it is still good."""
    held = await _held(session, token)
    if held is None:
        return None
    login, user = held
    if login.expires_at <= now_ms() or not may_log_in(user, settings):
        return None
    return _member(login, user)


async def end(session: AsyncSession, token: str | None) -> Member | None:
    """Log out: whoever holds the token from now on is nobody.  Answers whose session it was."""
    held = await _held(session, token)
    if held is None:
        return None
    login, user = held
    await session.delete(login)
    return _member(login, user)


def may_log_in(user: User, settings: Settings) -> bool:
    """The demo's password is known to everybody: without the demo it opens nothing."""
    return settings.demo or not user.demo


def identity(member: Member) -> Identity:
    """Whose inbox this session reads, and in which language."""
    return Identity(str(member.id), member.locale, member.session, member.expires_at)


async def _held(session: AsyncSession, token: str | None) -> tuple[Login, User] | None:
    if not token:
        return None
    query = select(Login, User).join(User).where(Login.token_hash == _hash(token))
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    login, user = row
    return login, user


def _member(login: Login, user: User) -> Member:
    # A name for the session that gives nothing away; streams are ended by it.
    name = login.token_hash[:16]
    return Member(user.id, user.name, user.locale, name, login.expires_at)


def _hash(token: str) -> str:
    # The token is 256 random bits: a slow hash would protect nothing more.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
