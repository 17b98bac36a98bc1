"""It works wherever it is mounted, over a real server: every style of prefix there is."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from litestar import Router as LitestarRouter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from alimi import Alimi
from alimi.sse import Decoder
from alimi.web.types import ASGIApp
from tests.web.site import call, client, names_root, notify, serving, strips


def alone(app: ASGIApp) -> tuple[Any, str]:
    return app, ""


def in_starlette(app: ASGIApp) -> tuple[Any, str]:
    return Starlette(routes=[Mount("/alimi", app)]), "/alimi"


def in_nested_starlette(app: ASGIApp) -> tuple[Any, str]:
    inner = Starlette(routes=[Mount("/v1", app)])
    return Starlette(routes=[Mount("/v1", inner)]), "/v1/v1"


def in_fastapi(app: ASGIApp) -> tuple[Any, str]:
    site = FastAPI()
    site.mount("/alimi", app)
    return site, "/alimi"


def in_fastapi_with_middlewares(app: ASGIApp) -> tuple[Any, str]:
    async def passing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    layers = [Middleware(GZipMiddleware), Middleware(BaseHTTPMiddleware, dispatch=passing)]
    site = FastAPI(middleware=layers)
    site.mount("/alimi", app)
    return site, "/alimi"


def in_litestar(app: ASGIApp) -> tuple[Any, str]:
    @asgi("/alimi", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return Litestar([mounted]), "/alimi"


def in_a_litestar_router(app: ASGIApp) -> tuple[Any, str]:
    """A Router copies what is registered in it, deeply."""
    mounted = asgi("/alimi", is_mount=True, copy_scope=True)(app)
    return Litestar([LitestarRouter("/inner", route_handlers=[mounted])]), "/inner/alimi"


def behind_a_stripping_proxy(app: ASGIApp) -> tuple[Any, str]:
    return strips("/site", app), "/site"


def in_fastapi_behind_a_stripping_proxy(app: ASGIApp) -> tuple[Any, str]:
    """Its `root_path` names a prefix that the path does not have."""
    site, prefix = in_fastapi(app)
    return strips("/site", names_root("/site", site)), f"/site{prefix}"


def in_fastapi_with_a_servers_root_path(app: ASGIApp) -> tuple[Any, str]:
    """What `uvicorn --root-path` does: the prefix is put back in front of the path."""
    site, prefix = in_fastapi(app)
    return names_root("/site", site), f"/site{prefix}"


def in_litestar_behind_a_stripping_proxy(app: ASGIApp) -> tuple[Any, str]:
    site, prefix = in_litestar(app)
    return strips("/site", site), f"/site{prefix}"


STYLES: list[Callable[[ASGIApp], tuple[Any, str]]] = [
    alone, in_starlette, in_nested_starlette, in_fastapi, in_fastapi_with_middlewares, in_litestar,
    behind_a_stripping_proxy, in_fastapi_behind_a_stripping_proxy,
    in_fastapi_with_a_servers_root_path,
    in_litestar_behind_a_stripping_proxy, in_a_litestar_router,
]  # fmt: skip


@asynccontextmanager
async def visiting(app: ASGIApp, style: Any) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    site, prefix = style(app)
    async with (
        serving(site, lifespan="off") as address,
        httpx.AsyncClient(base_url=address, cookies={"user": "2"}, timeout=10) as user,
    ):
        yield user, prefix


async def frames(response: httpx.Response) -> AsyncGenerator[tuple[str, Any], None]:
    decoder = Decoder()
    async for piece in response.aiter_bytes():
        for event in decoder.feed(piece):
            yield event.event, json.loads(event.data)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
async def test_every_route_is_found(alimi: Alimi, app: ASGIApp, style: Any) -> None:
    """Inbox, one notification, marks, files, errors: below the prefix, without a redirect."""
    (made,) = await notify(alimi, "2")
    async with visiting(app, style) as (user, prefix):
        expected = [
            ("GET", "/v1/inbox", 200),
            ("HEAD", "/v1/inbox", 200),
            ("OPTIONS", "/v1/inbox", 204),
            ("GET", "/v1/inbox/counts", 200),
            ("GET", f"/v1/inbox/{made}", 200),
            ("GET", "/v1/inbox/unknown", 404),
            ("POST", "/v1/inbox", 405),
            ("HEAD", "/v1/inbox/stream", 200),
            ("GET", "/stream.js", 200),
            ("HEAD", "/stream.js", 200),
            ("GET", "/openapi.json", 200),
            ("GET", "/healthz", 200),
            ("GET", "/no/such/thing", 404),
            ("GET", "/v1", 404),
        ]
        for method, path, status in expected:
            answer = await user.request(method, prefix + path)
            assert answer.status_code == status, f"{method} {path}: {answer.text}"
            assert "location" not in answer.headers
            if status == 404:
                assert answer.headers["content-type"] == "application/problem+json"
        patched = await user.patch(f"{prefix}/v1/inbox/{made}", json={"read": True})
        assert patched.json()["read_at"] is not None


@pytest.mark.parametrize("path", ["/", "/docs", "/no/such/thing"])
async def test_a_visitor_at_no_path_is_led_on(app: ASGIApp, path: str) -> None:
    """Also who opens the server's address in a browser: what this is, and where it is described."""
    async with client(app, user=None) as visitor:
        answer = await visitor.get(path)
        assert answer.status_code == 404
        assert "This is Alimi: /openapi.json" in answer.json()["detail"]
        assert (await visitor.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
async def test_the_stream_flows(alimi: Alimi, app: ASGIApp, style: Any) -> None:
    """hello at once, then what happens, through every framework and its middlewares."""
    await notify(alimi, "2", "3")
    async with (
        visiting(app, style) as (user, prefix),
        user.stream("GET", f"{prefix}/v1/inbox/stream") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "no-transform" in response.headers["cache-control"]
        async with aclosing(frames(response)) as told:
            name, data = await anext(told)
            assert (name, data["unread"]) == ("hello", 1)
            (made,) = await notify(alimi, "2")
            name, data = await anext(told)
            assert (name, data["id"], data["unread"]) == ("message", made, 2)


async def test_a_stream_without_a_login_is_401(app: ASGIApp) -> None:
    """G7: no anonymous stream; and the browser is told by the status, not by a broken stream."""
    async with client(app, user=None) as nobody:
        answer = await nobody.get("/v1/inbox/stream")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_friends_stream_has_cors(alimi: Alimi) -> None:
    """A stream's headers carry what the allow-list says, and keep their own."""
    app = alimi.asgi(lambda request: "2", origins=["https://app.example"])
    async with client(app) as user:
        answer = await user.head("/v1/inbox/stream", headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"


async def test_head_is_get_without_a_body(alimi: Alimi, app: ASGIApp) -> None:
    """The same status and headers, the length too."""
    await notify(alimi, "2")
    async with client(app) as user:
        for path in ("/v1/inbox", "/v1/inbox/counts", "/v1/inbox/x", "/stream.js", "/none"):
            got, head = await user.get(path), await user.head(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_websocket_is_closed(app: ASGIApp) -> None:
    """It is not spoken here."""
    sent = await call(app, {"type": "websocket"}, {"type": "websocket.connect"})
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_served_alone_it_starts_and_stops_the_alimi(alimi: Alimi, app: ASGIApp) -> None:
    """The lifespan of a server of its own opens the store and closes it."""
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = await call(app, {"type": "lifespan"}, *events)
    assert [m["type"] for m in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    async with serving(app, lifespan="on") as address, httpx.AsyncClient() as user:
        assert (await user.get(f"{address}/readyz")).status_code == 200


async def test_a_start_that_fails_stops_the_server(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server must not come up on a store that cannot be opened."""

    async def broken() -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(alimi, "start", broken)
    sent = await call(app, {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert sent == [{"type": "lifespan.startup.failed", "message": "disk on fire"}]


async def test_one_alimi_may_be_mounted_twice(alimi: Alimi) -> None:
    """Two mounts share one inbox and one set of metrics."""
    await notify(alimi, "2")
    for app in (alimi.asgi(lambda request: "2"), alimi.asgi(lambda request: "2", metrics=True)):
        async with client(app) as user:
            assert (await user.get("/v1/inbox/counts")).json()["unread"] == 1
