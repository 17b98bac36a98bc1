"""What a route may ask for: the board, and who is asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header, Request

from alimi import Identity
from board import sessions
from board.board import Board
from board.etags import Expected
from board.problems import Problem
from board.sessions import COOKIE
from board.texts import choose_locale
from board.users import Member


def locale_of(request: Request) -> str:
    """The language to answer in: the person's own once they are known."""
    known = getattr(request.state, "locale", None)
    return known or choose_locale(request.headers.get("accept-language", ""))


def _board(request: Request) -> Board:
    board: Board = request.app.state.board
    return board


TheBoard = Annotated[Board, Depends(_board)]


PageUser = Annotated[str | None, Header(alias="X-Board-User", max_length=20)]


async def _asker(request: Request, board: TheBoard, page_user: PageUser = None) -> Member:
    member = await board.member(request.cookies.get(COOKIE))
    if member is None:
        raise Problem("login_required")
    request.state.locale = member.locale
    check_page(page_user, member)
    return member


def check_page(page_user: str | None, member: Member) -> None:
    """A page says whose it is: left open while somebody else logged in, it acts for nobody."""
    if page_user is not None and page_user != str(member.id):
        raise Problem("session_changed")


Asker = Annotated[Member, Depends(_asker)]


async def identify(board: Board, cookies: Mapping[str, str]) -> Identity | None:
    """Whose inbox these cookies open, as Alimi asks."""
    member = await board.member(cookies.get(COOKIE))
    return None if member is None else sessions.identity(member)


def _expected(if_match: Annotated[str | None, Header()] = None) -> Expected:
    return Expected(if_match)


IfMatch = Annotated[Expected, Depends(_expected)]
