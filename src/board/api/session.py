"""Logging in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from board import limits, sessions, users
from board.api.asking import Asker, PageUser, TheBoard, check_page
from board.api.shapes import Credentials, WhoAmI
from board.board import Board
from board.clock import DAY_MS
from board.limits import Attempt
from board.models import User
from board.problems import Problem
from board.sessions import COOKIE

router = APIRouter(prefix="/api/session", tags=["session"])


@router.post("", status_code=204)
async def log_in(wanted: Credentials, board: TheBoard, request: Request) -> Response:
    """Open a session.  The browser's former one ends, as do its streams."""
    user, attempt = await _check(board, wanted, request)
    former = request.cookies.get(COOKIE)
    async with board.database.writing() as session:
        await limits.give_back(session, attempt)
        ended = await sessions.end(session, former)
        token = await sessions.start(session, user, board.settings)
    if ended is not None:
        await board.alimi.end_streams(ended.id, session=ended.session)
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        token,
        max_age=board.settings.session_days * DAY_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("")
async def who_am_i(asker: Asker) -> WhoAmI:
    """Who this session belongs to."""
    return WhoAmI.of(asker)


@router.delete("", status_code=204)
async def log_out(board: TheBoard, request: Request, page_user: PageUser = None) -> Response:
    """End the session and the streams that were opened with it.  Twice does no harm."""
    async with board.database.writing() as session:
        ended = await sessions.end(session, request.cookies.get(COOKIE))
        if ended is not None:
            check_page(page_user, ended)
    if ended is not None:
        await board.alimi.end_streams(ended.id, session=ended.session)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def _check(board: Board, wanted: Credentials, request: Request) -> tuple[User, Attempt]:
    """The user, if the password is theirs.  Every failure looks the same from outside."""
    async with board.database.reading() as session:
        user = await users.find(session, user_id=wanted.user_id, name=wanted.name)
        named = str(wanted.name if wanted.user_id is None else wanted.user_id)
        address = request.client.host if request.client else ""
        attempt = Attempt.of(user, named, address)
        await limits.check(session, attempt)
    async with board.database.writing() as session:
        await limits.take(session, attempt)
    kept = user.password_hash if user and sessions.may_log_in(user, board.settings) else None
    if not await board.passwords.matches(kept, wanted.password) or user is None:
        raise Problem("login_failed")
    return user, attempt
