"""A person's stream at an address of the board's own, for pages that only know EventSource."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from board import sessions
from board.api.asking import Asker, TheBoard, identify
from board.problems import Problem

router = APIRouter(tags=["stream"])

#: OpenAPI has no schema for what has no end.
_STREAM = {
    "description": "Events",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.get("/sse/{user_id}", response_class=Response, responses={200: _STREAM})
@router.head("/sse/{user_id}", response_class=Response, include_in_schema=False)
async def stream(
    user_id: Annotated[str, Path(max_length=20)], board: TheBoard, asker: Asker, request: Request
) -> Response:
    """One's own notifications, as they come; text/event-stream."""
    if user_id != str(asker.id):
        raise Problem("not_your_stream")
    response: Response = board.alimi.stream(
        request, sessions.identity(asker), ask_again=partial(identify, board, request.cookies)
    )
    return response
