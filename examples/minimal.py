"""The smallest site with a bell: `uvicorn minimal:app --app-dir examples`, then open it.

Its one page has a button that notifies its reader.  Everybody is user 1: a real `who` looks at a
session.
"""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from alimi import Alimi

PAGE = """<!doctype html><html lang="en"><title>Ring</title>
<script type="module" src="/alimi/bell.js"></script>
<alimi-bell></alimi-bell>
<form action="/ring" method="post"><button>Ring</button></form>"""

alimi = Alimi("sqlite:///minimal.db")
ring = alimi.kind("ring", category="demo", text={"en": "You rang.", "ko": "누르셨습니다."})


def who(request: Any) -> int:
    """Whose inbox it is."""
    del request
    return 1


async def page(request: Request) -> Response:
    """The page."""
    del request
    return HTMLResponse(PAGE)


async def rang(request: Request) -> Response:
    """Somebody pressed the button."""
    del request
    await ring.notify(to=1)
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/", page),
        Route("/ring", rang, methods=["POST"]),
        Mount("/alimi", alimi.asgi(who)),
    ],
    lifespan=alimi.lifespan,
)
