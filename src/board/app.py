"""Ties the board together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from alimi import Identity
from board import pages
from board.api import archive, cards, comments, session, streams
from board.api import board as board_api
from board.api.asking import identify, locale_of
from board.api.described import Described
from board.api.fields import explain
from board.board import Board
from board.guard import LIBRARY, Guard
from board.methods import Methods
from board.problems import Problem
from board.settings import Settings

STATIC = Path(__file__).parent / "static"
#: More than anybody will correct at once.
MAX_ERRORS = 20
_KEYS = {400: "bad_request", 404: "missing", 405: "method", 413: "body_too_large"}


class _HasCookies(Protocol):
    """What the board needs of the request that Alimi asks about."""

    @property
    def cookies(self) -> Mapping[str, str]: ...


def create_app(settings: Settings) -> FastAPI:
    """The whole application; nothing is opened before it starts."""
    board = Board(settings)
    # FastAPI's own documentation pages load scripts from elsewhere, which the policy forbids.
    app = Described(
        title="Board", lifespan=board.running, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.board = board
    for module in (session, board_api, archive, cards, comments, streams):
        app.include_router(module.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount(LIBRARY, board.alimi.asgi(_who(board)))
    app.add_middleware(Methods)
    app.add_middleware(Guard)
    _answer_problems(app)
    return app


def _who(board: Board) -> Any:
    async def who(request: _HasCookies) -> Identity | None:
        return await identify(board, request.cookies)

    return who


def _answer_problems(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return error.response(locale_of(request))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and pages.wants_page(request):
            return pages.missing_page(locale_of(request))
        key = _KEYS.get(error.status_code, "bad_request")
        return Problem(key, headers=error.headers).response(locale_of(request))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        locale, found = locale_of(request), error.errors()
        if any(each["type"] == "json_invalid" for each in found):
            return Problem("bad_request").response(locale)
        errors = [explain(each, locale) for each in found[:MAX_ERRORS]]
        return Problem("invalid", errors=errors).response(locale)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        del error  # the server logs it
        return Problem("server").response(locale_of(request))
