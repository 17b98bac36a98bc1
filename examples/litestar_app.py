"""The bell in a Litestar application: `uvicorn litestar_app:app --app-dir examples`.

Log in with `/login/2`, then give a card away with `/assign/12/2`.  The login is a stand-in: it
believes whatever it is told.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response, asgi, get, post
from litestar.enums import MediaType

from alimi import Alimi

PAGE = """<!doctype html><html lang="en"><title>Cards</title>
<script type="module" src="/alimi/bell.js"></script><alimi-bell></alimi-bell>"""

alimi = Alimi("sqlite:///litestar.db")
card_assigned = alimi.kind(
    "card.assigned",
    category="cards",
    url="/cards/{object.id}",
    text={"en": "You are now the assignee of a card."},
)


def who(request: Any) -> str | None:
    """Whose inbox it is."""
    user: str | None = request.cookies.get("user")
    return user


@get("/", media_type=MediaType.HTML, sync_to_thread=False)
def page() -> str:
    """The page with the bell."""
    return PAGE


@post("/login/{user:int}", sync_to_thread=False)
def log_in(request: Request[Any, Any, Any]) -> Response[None]:
    """A stand-in for a login."""
    response: Response[None] = Response(None)
    response.set_cookie("user", str(request.path_params["user"]), httponly=True, samesite="lax")
    return response


@post("/assign/{card:int}/{user:int}")
async def assign(request: Request[Any, Any, Any]) -> None:
    """Give a card to somebody."""
    card, user = request.path_params["card"], request.path_params["user"]
    await card_assigned.notify(to=user, object={"id": card, "name": f"Card {card}"})


mounted = asgi("/alimi", is_mount=True, copy_scope=True)(alimi.asgi(who))
app = Litestar([page, log_in, assign, mounted], lifespan=[alimi.lifespan])
