"""The HTML pages: small shells that the modules in `static` bring to life."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from board import faces, users
from board.api.asking import Asker, TheBoard, locale_of
from board.faces import TINTS, initials
from board.models import User
from board.sessions import COOKIE
from board.texts import for_pages

router = APIRouter(include_in_schema=False)

_LANGUAGES = {"en": "English", "ko": "한국어"}


def _read(name: str) -> str:
    return files("board").joinpath("pages", name).read_text("utf-8")


def _framed(name: str) -> Template:
    """A page from its title on, in what all pages begin and end with."""
    return Template(_read("frame.html").replace("$page", _read(name)))


_BOARD = _framed("board.html")
_LOGIN = _framed("login.html")
_MISSING = _framed("missing.html")
_PERSON = Template(_read("person.html"))
#: What programs ask for: they are told in JSON, whatever they accept.
_PROGRAMS = ("/api/", "/alimi/", "/sse/", "/static/", "/faces/")


@router.get("/")
@router.get("/cards/{card_id}")
async def board_page(board: TheBoard, request: Request, card_id: str | None = None) -> Response:
    """The board; with a number, the card is open on it."""
    member = await board.member(request.cookies.get(COOKIE))
    if member is None:
        return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
    me = {"id": member.id, "name": member.name}
    is_number = card_id is not None and card_id.isdecimal() and len(card_id) < 19
    data = {"me": me, "card": int(card_id or 0) if is_number else None}
    return _page(_BOARD, member.locale, data, name=escape(member.name))


@router.get("/login")
async def login_page(board: TheBoard, request: Request, next: str = "/") -> Response:
    """Who are you?  The demo offers its people."""
    target = next if _is_own_path(next) else "/"
    if await board.member(request.cookies.get(COOKIE)) is not None:
        return RedirectResponse(target, 303)
    people: list[User] = []
    if board.settings.demo:
        async with board.database.reading() as session:
            people = list(await users.demo_users(session))
    locale = locale_of(request)
    offered = "".join(_person(user) for user in people)
    demo, is_open = ("demo", "") if people else ("", " open")
    data = {"next": target}
    return _page(_LOGIN, locale, data, people=offered, demo=demo, open=is_open)


@router.get("/faces/{user_id}.svg")
async def face(user_id: int, board: TheBoard, asker: Asker) -> Response:
    """Somebody's sign."""
    del asker
    async with board.database.reading() as session:
        user = await users.get(session, user_id)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(faces.picture(user.id, user.name), 200, headers, "image/svg+xml")


def wants_page(request: Request) -> bool:
    """Whether a person with a browser has come to an address that does not exist."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and not request.url.path.startswith(_PROGRAMS)


def missing_page(locale: str) -> Response:
    """There is nothing here, and where to go."""
    return _page(_MISSING, locale, {}, status=404)


def _page(
    template: Template, locale: str, data: dict[str, Any], *, status: int = 200, **values: str
) -> Response:
    texts = for_pages(locale)
    said = {f"t_{key.replace('.', '_')}": escape(text) for key, text in texts.items()}
    # "<" would let a text end the block that it stands in.
    block = json.dumps({**data, "texts": texts}, ensure_ascii=False).replace("<", "\\u003c")
    html = template.substitute(said, locale=locale, data=block, **values)
    return HTMLResponse(html, status, {"Content-Language": locale, "Vary": "Cookie"})


def _person(user: User) -> str:
    return _PERSON.substitute(
        id=user.id,
        name=escape(user.name),
        tint=user.id % len(TINTS),
        initials=escape(initials(user.name)),
        language=_LANGUAGES[user.locale],
        locale=user.locale,
    )


def _is_own_path(path: str) -> bool:
    """Not another site's address in disguise."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and path.isprintable()
        and "\\" not in path
    )
