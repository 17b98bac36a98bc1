"""Lets a Starlette or FastAPI route return a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class _Passed(Response):
    """A response that is an ASGI application of its own."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def as_response(app: Callable[..., Awaitable[None]]) -> Response:
    """Wrap an ASGI application as something a route may return."""
    return _Passed(app)
