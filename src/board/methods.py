"""HEAD where GET is, OPTIONS, and an `Allow` that names every method of an address.

The framework's routes each know one method: it would refuse HEAD, and allow only what the first
route with that address takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from board.guard import is_library

_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Methods:
    """Answers OPTIONS, which asks nobody who they are; HEAD is GET without its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let pass."""
        if scope["type"] != "http" or is_library(scope["path"]):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allow := _allowed(scope)):
            await Response(status_code=204, headers={"Allow": allow})(scope, receive, send)
            return
        # Routing writes into the scope what it found.
        sending = _allowing(send, dict(scope))
        if scope["method"] == "HEAD" and not _takes(scope, "HEAD"):
            scope, sending = {**scope, "method": "GET"}, _bodiless(sending)
        await self._app(scope, receive, sending)


def _allowed(scope: Scope) -> str:
    """What `Allow` says of an address; nothing where nothing is."""
    found = [method for method in ("GET", *_WRITES) if _takes(scope, method)]
    if "GET" in found:
        found.insert(1, "HEAD")
    return ", ".join([*found, "OPTIONS"]) if found else ""


def _takes(scope: Scope, method: str) -> bool:
    routes = cast("Sequence[BaseRoute]", scope["app"].routes)
    asked = {**scope, "method": method}
    return any(
        route.matches(asked)[0] is Match.FULL
        # What is mounted are files: nobody writes them.
        and not (isinstance(route, Mount) and method in _WRITES)
        for route in routes
    )


def _allowing(send: Send, scope: Scope) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 405:
            MutableHeaders(scope=message)["Allow"] = _allowed(scope)
        await send(message)

    return sending


def _bodiless(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending
