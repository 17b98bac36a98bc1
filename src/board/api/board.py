"""The whole board, and its lists."""

from __future__ import annotations

from fastapi import APIRouter

from board import cards, comments, lists, users
from board.api.asking import Asker, TheBoard
from board.api.shapes import BoardShape, CardSummary, ListShape, NewList, UserShape

router = APIRouter(prefix="/api", tags=["board"])


@router.get("/board")
async def read_board(board: TheBoard, asker: Asker) -> BoardShape:
    """Lists, cards and users, from one snapshot."""
    del asker
    async with board.database.reading() as session:
        counts = await comments.counts(session)
        return BoardShape(
            lists=[ListShape.of(each) for each in await lists.in_order(session)],
            cards=[
                CardSummary.of(card, counts.get(card.id, 0))
                for card in await cards.on_board(session)
            ],
            users=[UserShape(id=i, name=n) for i, n in (await users.names(session)).items()],
        )


@router.post("/lists", status_code=201)
async def create_list(wanted: NewList, board: TheBoard, asker: Asker) -> ListShape:
    """A new list, at the right."""
    async with board.act(asker) as act:
        return ListShape.of(await lists.create(act, wanted.name))


@router.patch("/lists/{list_id}")
async def rename_list(list_id: int, wanted: NewList, board: TheBoard, asker: Asker) -> ListShape:
    """Another name for a list."""
    async with board.act(asker) as act:
        return ListShape.of(await lists.rename(act, list_id, wanted.name))
