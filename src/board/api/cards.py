"""Cards: make, read, change, hand over, watch."""

from __future__ import annotations

from fastapi import APIRouter, Response

from board import cards
from board.acts import Act
from board.api.asking import Asker, IfMatch, TheBoard
from board.api.shapes import (
    Assigned,
    CardEdit,
    CardShape,
    NewAssignee,
    NewCard,
    Watching,
    shape_card,
)
from board.etags import etag
from board.models import Card
from board.texts import say

router = APIRouter(prefix="/api/cards", tags=["cards"])


@router.post("", status_code=201)
async def create_card(
    wanted: NewCard, board: TheBoard, asker: Asker, response: Response
) -> CardShape:
    """A new card at the end of a list."""
    async with board.act(asker) as act:
        card = await cards.create(act, wanted.list_id, wanted.title, wanted.description)
        response.headers["Location"] = f"/api/cards/{card.id}"
        return await _answer(act, card, response)


@router.get("/{card_id}")
async def read_card(card_id: int, board: TheBoard, asker: Asker, response: Response) -> CardShape:
    """One card, archived or not."""
    async with board.database.reading() as session:
        card = await cards.get(session, card_id)
        response.headers["ETag"] = etag(card.version)
        return await shape_card(session, card, asker)


@router.patch("/{card_id}")
async def edit_card(
    card_id: int,
    wanted: CardEdit,
    *,
    board: TheBoard,
    asker: Asker,
    expected: IfMatch,
    response: Response,
) -> CardShape:
    """Change title, description, list, place, or put it away and back."""
    async with board.act(asker) as act:
        edit = cards.Edit(**wanted.model_dump())
        card = await cards.edit(act, card_id, edit, expected)
        return await _answer(act, card, response)


@router.patch("/{card_id}/assignee")
async def assign_card(
    card_id: int,
    wanted: NewAssignee,
    *,
    board: TheBoard,
    asker: Asker,
    expected: IfMatch,
    response: Response,
) -> Assigned:
    """Hand the card over.  The change and its notifications are one transaction."""
    async with board.act(asker) as act:
        card = await cards.assign(act, card_id, wanted.user_id, expected)
        shape = await _answer(act, card, response)
    return Assigned(message=_said(asker.locale, card_id, wanted.user_id), card=shape)


@router.put("/{card_id}/watching")
async def watch_card(
    card_id: int, wanted: Watching, board: TheBoard, asker: Asker, response: Response
) -> CardShape:
    """Follow the card, or no longer."""
    async with board.act(asker) as act:
        card = await cards.watch(act, card_id, watching=wanted.watching)
        return await _answer(act, card, response)


async def _answer(act: Act, card: Card, response: Response) -> CardShape:
    response.headers["ETag"] = etag(card.version)
    return await shape_card(act.session, card, act.actor)


def _said(locale: str, card_id: int, user_id: int | None) -> str:
    if user_id is None:
        return say(locale, "unassigned", card=card_id)
    return say(locale, "assigned", card=card_id, user=user_id)
