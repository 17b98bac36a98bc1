"""How often somebody may try a password.

Attempts are rows, so that all processes of a board count together, and a restart forgives nobody.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from board.clock import now_ms
from board.models import Attempts, User
from board.problems import Problem
from board.visible import as_kept

#: Wrong passwords per minute for one user from one place, and from one place for all users.
PER_USER = 10
PER_PLACE = 40
WINDOW_MS = 60_000
#: Rows kept.  Beyond it the oldest are forgotten: a flood may free its own places, but never fill
#: the database.
MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody tries to be `who`, from a place on the network."""

    who: str
    place: str

    @classmethod
    def of(cls, user: User | None, name: str, address: str) -> Attempt:
        """However a user is named, it is the same user; a name that nobody has counts as well."""
        return cls(str(user.id) if user else f"@{as_kept(name)}", place_of(address))

    @property
    def bounds(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """What it counts for, and how many of it there may be; "" is everybody."""
        return (self.who, PER_USER), ("", PER_PLACE)


async def check(session: AsyncSession, attempt: Attempt) -> None:
    """429, with the time to wait, when there were too many.  Writes nothing: nor does a flood."""
    now = now_ms()
    waits = [0]
    for who, most in attempt.bounds:
        row = await session.get(Attempts, (attempt.place, who))
        if row is not None and row.count >= most and 0 <= now - row.since < WINDOW_MS:
            waits.append(row.since + WINDOW_MS - now)
    if any(waits):
        seconds = max(waits) // 1000 + 1
        headers = {"Retry-After": str(seconds)}
        raise Problem("too_many_logins", headers=headers, seconds=seconds)


async def take(session: AsyncSession, attempt: Attempt) -> None:
    """Count it, or 429.  Before the password is looked at: else many at once would all pass."""
    now = now_ms()
    await _forget(session, now)
    await check(session, attempt)
    for who, _ in attempt.bounds:
        row = await session.get(Attempts, (attempt.place, who))
        if row is None:
            session.add(Attempts(place=attempt.place, who=who, since=now, count=1))
        else:
            row.count += 1


async def give_back(session: AsyncSession, attempt: Attempt) -> None:
    """The password was right: use locks nobody out."""
    for who, _ in attempt.bounds:
        row = await session.get(Attempts, (attempt.place, who))
        if row is not None:
            row.count = max(0, row.count - 1)


async def _forget(session: AsyncSession, now: int) -> None:
    """What is over, what a clock that went back has left in the future, and what is too much."""
    over = or_(Attempts.since <= now - WINDOW_MS, Attempts.since > now)
    await session.execute(delete(Attempts).where(over))
    kept = select(Attempts.since).order_by(Attempts.since.desc()).offset(MAX_ROWS).limit(1)
    oldest = await session.scalar(kept)
    if oldest is not None:
        await session.execute(delete(Attempts).where(Attempts.since <= oldest))


def place_of(address: str) -> str:
    """One place on the network: an IPv4 address, or the 64 bits that an IPv6 household shares."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
