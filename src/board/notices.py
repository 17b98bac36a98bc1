"""Who hears of what.

Everything here is recorded in the transaction of the change it speaks of: rolled back, nobody ever
hears of it; committed, it cannot be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from alimi import Alimi, BoundKind
from board import following
from board.following import Reason
from board.kinds import Kinds
from board.models import Card, Comment, List, User
from board.users import Member

#: A row of the bell shows about two lines.
EXCERPT = 120


class Notices:
    """Tells the others what one person does."""

    def __init__(self, alimi: Alimi, kinds: Kinds, session: AsyncSession, actor: Member) -> None:
        self._alimi = alimi
        self._kinds = kinds
        self._session = session
        self._actor = actor

    async def changed(self, card_id: int | None) -> None:
        """Everybody's open board looks again; without a number, at all of it."""
        everybody = (await self._session.scalars(select(User.id))).all()
        await self._alimi.signal(
            everybody, "board.changed", {"card": card_id}, within=self._session
        )

    async def assigned(self, card: Card, before: int | None) -> None:
        """The new assignee, directly, and only them; the old one quietly.

        What either has not read yet about earlier hand-overs of this card is no longer true.
        """
        about = _hand_over(card)
        concerned = [user for user in (before, card.assignee_id) if user is not None]
        await self._alimi.retract(about, to=concerned, within=self._session)
        data = {"quiet": True, "reason": Reason.ASSIGNED}
        await self._tell(self._kinds.unassigned, to=before, card=card, data=data, about=about)
        data = {"reason": Reason.ASSIGNED}
        await self._tell(
            self._kinds.assigned, to=card.assignee_id, card=card, data=data, about=about
        )

    async def commented(self, card: Card, comment: Comment, mentioned: Iterable[int]) -> None:
        """Those mentioned, and all who follow the card; each once."""
        data = {"comment": comment.id, "excerpt": excerpt(comment.text)}
        for reason, users in await self._audience(card, mentioned):
            kind = self._kinds.mentioned if reason is Reason.MENTIONED else self._kinds.commented
            await self._tell(kind, to=users, card=card, data=data | {"reason": reason})

    async def mentioned(self, card: Card, text: str, mentioned: Iterable[int]) -> None:
        """Those named in a text that was edited or described."""
        data = {"excerpt": excerpt(text), "reason": Reason.MENTIONED}
        await self._tell(self._kinds.mentioned, to=sorted(mentioned), card=card, data=data)

    async def moved(
        self, card: Card, lists: tuple[List, List], mentioned: Iterable[int] = ()
    ) -> None:
        """All who follow the card, but for those whom the same act has told something stronger."""
        data: dict[str, Any] = {"from": lists[0].name, "to": lists[1].name}
        for reason, users in await self._audience(card, mentioned):
            if reason is not Reason.MENTIONED:
                told = data | {"reason": reason}
                await self._tell(self._kinds.moved, to=users, card=card, data=told, target=lists[1])

    async def withdraw(self, card: Card) -> None:
        """The card is put away: what nobody has read about it, nobody need read."""
        for about in (_hand_over(card), _activity(card)):
            await self._alimi.retract(about, within=self._session)

    async def _audience(
        self, card: Card, mentioned: Iterable[int]
    ) -> list[tuple[Reason, list[int]]]:
        reasons = await following.reasons(self._session, card, mentioned)
        grouped = [(each, [u for u, why in reasons.items() if why is each]) for each in Reason]
        return [(reason, users) for reason, users in grouped if users]

    async def _tell(
        self,
        kind: BoundKind,
        *,
        to: int | list[int] | None,
        card: Card,
        data: Mapping[str, Any],
        about: str | None = None,
        target: List | None = None,
    ) -> None:
        await kind.notify(
            to=to,
            actor=self._actor,
            object=card,
            target=target,
            data=data,
            about=about or _activity(card),
            within=self._session,
        )


def _hand_over(card: Card) -> str:
    return f"card:{card.id}:assignee"


def _activity(card: Card) -> str:
    return f"card:{card.id}:activity"


def excerpt(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"
