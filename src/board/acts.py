"""One person's change: its rows and its notices, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from board.notices import Notices
from board.users import Member


@dataclass(frozen=True, slots=True)
class Act:
    """What the services work with."""

    session: AsyncSession
    actor: Member
    notices: Notices
