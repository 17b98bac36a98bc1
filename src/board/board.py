"""One running board: its database, its Alimi, and what its requests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alimi import Alimi
from board import demo, lists, sessions
from board.acts import Act
from board.database import Database
from board.kinds import Kinds
from board.models import List
from board.notices import Notices
from board.passwords import Passwords
from board.ranks import GAP
from board.settings import Settings
from board.users import Member

#: What an empty board begins with.
FIRST_LISTS = ("To do", "Doing", "Done")


class Board:
    """Made once for an application; opened and closed with its lifespan."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.alimi = Alimi(self.database.engine)
        self.kinds = Kinds.register(self.alimi)
        self.passwords = Passwords()

    async def prepare(self) -> None:
        """Make the tables that are missing, the board's and Alimi's."""
        await self.database.create_tables()
        await self.alimi.store.migrate()

    @asynccontextmanager
    async def running(self, app: object) -> AsyncIterator[None]:
        """From the first table to the last stream."""
        await self.prepare()
        await self._fill()
        async with self.alimi.lifespan(app):
            yield
        await self.database.close()

    @asynccontextmanager
    async def act(self, actor: Member) -> AsyncIterator[Act]:
        """One change by one person; committed, with its notices, when the block ends well."""
        async with self.database.writing() as session:
            yield Act(session, actor, Notices(self.alimi, self.kinds, session, actor))

    async def member(self, token: str | None) -> Member | None:
        """Who holds a session's token."""
        async with self.database.reading() as session:
            return await sessions.find(session, token, self.settings)

    async def _fill(self) -> None:
        async with self.database.writing() as session:
            if self.settings.demo:
                await demo.create(session)
            if not await lists.in_order(session):
                named = enumerate(FIRST_LISTS, start=1)
                session.add_all(List(name=name, rank=place * GAP) for place, name in named)
