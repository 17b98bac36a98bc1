"""What the tests of the web layer share: an application's `who`, clients, a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from alimi import Alimi, Identity
from alimi.web.request import Request
from alimi.web.types import ASGIApp

KEY = "k" * 32
SECOND_KEY = "second-" + "0" * 32
BEARER = {"Authorization": f"Bearer {KEY}"}
TEXTS = {"ko": "카드의 담당자가 사용자님으로 변경되었습니다.", "en": "You have a card."}


def who(request: Request) -> Identity | None:
    """The cookie is the login; `user/locale` says the language too."""
    user, _, locale = request.cookies.get("user", "").partition("/")
    return Identity(user, locale=locale or None) if user else None


def client(app: ASGIApp, user: str | None = "2", base: str = "http://site.test") -> Any:
    """A browser of one user, without a network.  Any, for httpx's ASGI types are narrower."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    cookies = {"user": user} if user else None
    return httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies)


async def notify(alimi: Alimi, *to: str, count: int = 1, category: str = "cards") -> list[str]:
    """Notifications that have arrived; answers their ids, oldest first."""
    kind = alimi.kind(f"{category}.assigned", category=category, url="/c/{object.id}", text=TEXTS)
    receipts = [
        await kind.notify(to=to, object={"id": n, "name": f"Card {n}"}) for n in range(count)
    ]
    await alimi.flush()
    return [receipt.id for receipt in receipts]


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[str]:
    """A real uvicorn on this loop; its address."""
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="warning", ws="none", timeout_graceful_shutdown=3, **options
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listens.wait()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def strips(prefix: str, app: Any) -> ASGIApp:
    """A proxy that takes the prefix away and tells the application nothing."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(prefix)
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return proxy


def names_root(root: str, app: Any) -> ASGIApp:
    """A server or framework that says under which prefix it is known outside."""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": root}, receive, send)

    return server


async def call(app: ASGIApp, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """The application, by hand: for what no client library would send."""
    sent: list[Any] = []
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_complete(scope), receive, send)
    return sent


def _complete(scope: dict[str, Any]) -> dict[str, Any]:
    usual = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    return usual | scope
