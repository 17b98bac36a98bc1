"""The cards that were put away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from board import cards, comments
from board.api.asking import Asker, TheBoard
from board.api.shapes import ArchivedCard, ArchiveShape
from board.models import Card

router = APIRouter(prefix="/api", tags=["board"])

After = Annotated[str | None, Query(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")]


@router.get("/archive")
async def read_archive(board: TheBoard, asker: Asker, after: After = None) -> ArchiveShape:
    """Fifty at a time, the latest first; `after` is the `next` of the page before."""
    del asker
    async with board.database.reading() as session:
        found = await cards.archived(session, _place(after))
        counts = await comments.counts_of(session, [card.id for card in found])
        return ArchiveShape(
            cards=[ArchivedCard.of(card, counts.get(card.id, 0)) for card in found],
            next=_address(found[-1]) if len(found) == cards.ARCHIVE_PAGE else None,
        )


def _place(after: str | None) -> cards.Place | None:
    if after is None:
        return None
    moment, _, number = after.partition("-")
    return int(moment), int(number)


def _address(card: Card) -> str:
    return f"{card.archived_at}-{card.id}"
