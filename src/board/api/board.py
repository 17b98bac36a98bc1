"""The whole board, and its lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from sqlalchemy.ext.asyncio import AsyncSession

from board import cards, changes, comments, lists, users
from board.api.asking import Asker, TheBoard
from board.api.shapes import BoardShape, CardSummary, ListShape, NewList, UserShape
from board.etags import is_known

router = APIRouter(prefix="/api", tags=["board"])

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/board", response_model=BoardShape, responses={304: {"description": "Not modified"}})
async def read_board(
    board: TheBoard, asker: Asker, response: Response, known: IfNoneMatch = None
) -> BoardShape | Response:
    """Lists, cards and users, from one snapshot; 304 to who has it already."""
    del asker
    async with board.database.reading() as session:
        headers = {"ETag": await changes.board_tag(session)}
        if is_known(known, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return await _shape(session)


async def _shape(session: AsyncSession) -> BoardShape:
    counts = await comments.counts(session)
    return BoardShape(
        lists=[ListShape.of(each) for each in await lists.in_order(session)],
        cards=[
            CardSummary.of(card, counts.get(card.id, 0)) for card in await cards.on_board(session)
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
