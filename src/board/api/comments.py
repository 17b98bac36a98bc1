"""What people say about a card."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from board import cards, comments
from board.api.asking import Asker, TheBoard
from board.api.shapes import CommentEdit, CommentShape
from board.database import MAX_ID

router = APIRouter(prefix="/api", tags=["comments"])

Before = Annotated[int | None, Query(ge=1, le=MAX_ID)]


@router.get("/cards/{card_id}/comments")
async def read_comments(
    card_id: int, board: TheBoard, asker: Asker, before: Before = None
) -> list[CommentShape]:
    """The last fifty, oldest first; `before` a number, those before it."""
    del asker
    async with board.database.reading() as session:
        card = await cards.get(session, card_id)
        return [CommentShape.of(row) for row in await comments.page(session, card.id, before)]


@router.post("/cards/{card_id}/comments", status_code=201)
async def create_comment(
    card_id: int, wanted: CommentEdit, board: TheBoard, asker: Asker
) -> CommentShape:
    """Say something; @name mentions somebody."""
    async with board.act(asker) as act:
        return CommentShape.of(await comments.create(act, card_id, wanted.text))


@router.patch("/comments/{comment_id}")
async def edit_comment(
    comment_id: int, wanted: CommentEdit, board: TheBoard, asker: Asker
) -> CommentShape:
    """Say it better; only one's own."""
    async with board.act(asker) as act:
        return CommentShape.of(await comments.edit(act, comment_id, wanted.text))
