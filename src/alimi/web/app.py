"""The ASGI application: how it is put together, and the way of one request through it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import msgspec
from prometheus_client import CollectorRegistry, Counter

from alimi.hub import Again
from alimi.model import Identity
from alimi.web import routes
from alimi.web.answer import Answer, encoded
from alimi.web.body import Gone
from alimi.web.files import File, client_routes, serve
from alimi.web.keys import ApiKeys
from alimi.web.openapi import document
from alimi.web.origins import Origins
from alimi.web.problems import Problem, problem_of, unexpected
from alimi.web.request import Request
from alimi.web.router import Call, Media, Route, Router
from alimi.web.types import ASGIApp, Message, Receive, Scope, Send
from alimi.web.who import Who, WhoCallable

if TYPE_CHECKING:
    from alimi.facade import Alimi

logger = logging.getLogger("alimi.web")

#: Browsers stay far below; a server in front may be more generous than we are.
MAX_FIELDS = 100
MAX_HEADER_BYTES = 32 * 1024
MAX_QUERY_BYTES = 8 * 1024

_DOCUMENT = Media(type="application/json", description="OpenAPI 3.1.", schema={"type": "object"})
_counters: WeakKeyDictionary[CollectorRegistry, Counter] = WeakKeyDictionary()


def build(
    alimi: Alimi,
    who: WhoCallable,
    *,
    origins: Iterable[str] = (),
    api_keys: Iterable[str] = (),
    metrics: bool = False,
) -> ASGIApp:
    """The application to mount, or to serve alone.

    `who(request)` answers a recipient, an Identity, or None (401).  `origins` may read and write
    from other sites, with credentials.  `api_keys` open `/v1/events`; without one it is not there.
    `metrics` opens `/metrics` to everybody who reaches this application.

    Raises ConfigurationError for what could only fail later, or would let in too many.
    """
    keys = ApiKeys(api_keys)
    table = [*routes.INBOX, *routes.HEALTH]
    table += routes.EVENTS if keys else []
    table += routes.METRICS if metrics else []
    table += client_routes()
    table.append(_openapi_route(table))
    return Application(alimi, Who(who), Origins(origins), keys, Router(table))


class Application:
    """One mount of one Alimi."""

    def __init__(
        self, alimi: Alimi, who: Who, origins: Origins, keys: ApiKeys, router: Router
    ) -> None:
        self._alimi = alimi
        self._who = who
        self._origins = origins
        self._keys = keys
        self._router = router
        self._problems = _problem_counter(alimi.metrics.registry)

    def __deepcopy__(self, memo: object) -> Application:
        """One application, however often a framework copies its routes (Litestar's routers do)."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        common = self._origins.headers(request)
        outgoing = _Outgoing(send, common)
        try:
            reply = await self._reply(request, receive)
            if isinstance(reply, Answer):
                await reply.send(outgoing, head=request.method == "HEAD")
            else:
                await reply(scope, receive, outgoing)
        except Gone:
            return
        except Exception as error:
            if outgoing.has_started:
                raise
            problem = problem_of(error)
            self._problems.labels(problem.name).inc()
            await Answer.problem(problem).send(outgoing, head=request.method == "HEAD")

    async def _reply(self, request: Request, receive: Receive) -> Answer | ASGIApp:
        _demand_bounds(request)
        endpoint, parameters = self._router.find(request.scope)
        if request.method == "OPTIONS":
            return Answer(204, b"", self._origins.preflight(request, endpoint.methods))
        route = endpoint.route(request.method)
        self._origins.demand_own_site(request)
        again = Again(partial(self._who.identify, request), asyncio.get_running_loop().time())
        known = await self._admit(route, request)
        return await route.handle(Call(self._alimi, request, receive, parameters, known, again))

    async def _admit(self, route: Route, request: Request) -> Identity | None:
        if route.door == "open":
            return None
        if route.door == "key":
            self._keys.demand(request)
            return None
        try:
            identity = await self._who.identify(request)
        except Exception as error:
            # Whatever it raised, also an error of ours, was not about this request's values.
            raise unexpected(error) from error
        if identity is None:
            raise Problem("not-logged-in", "Log in, then try again.")
        return identity

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._alimi.start()
        except Exception as error:
            logger.exception("alimi: could not start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._alimi.close()
        await send({"type": "lifespan.shutdown.complete"})


class _Outgoing:
    """A `send` that knows whether the answer began, and adds what every answer says."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            if self._headers:
                message = {**message, "headers": self._joined(list(message["headers"]))}
        await self._send(message)

    def _joined(self, own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        # Two Vary fields mean both; every other name is set in one place only.
        return own + encoded(self._headers)


def _demand_bounds(request: Request) -> None:
    fields = request.scope["headers"]
    if len(fields) > MAX_FIELDS or sum(len(n) + len(v) for n, v in fields) > MAX_HEADER_BYTES:
        raise Problem(
            "headers-too-large", f"At most {MAX_FIELDS} fields of {MAX_HEADER_BYTES} bytes in all."
        )
    if len(request.scope.get("query_string", b"")) > MAX_QUERY_BYTES:
        raise Problem("query-too-long", f"At most {MAX_QUERY_BYTES} bytes.")


def _openapi_route(table: list[Route]) -> Route:
    """It describes itself as well; the browser's modules are no interface."""
    shown = [route for route in table if not route.name.startswith("client-")]
    content = document([*shown, _openapi_of(b"")], version("alimi"))
    return _openapi_of(msgspec.json.encode(content))


def _openapi_of(content: bytes) -> Route:
    return Route(
        method="GET",
        path="/openapi.json",
        handle=serve(File.of(content, "application/json")),
        door="open",
        name="openapi",
        summary="This document.",
        gives={200: _DOCUMENT},
    )


def _problem_counter(registry: CollectorRegistry) -> Counter:
    """One series for each Alimi, however often it is mounted."""
    counter = _counters.get(registry)
    if counter is None:
        counter = _counters[registry] = Counter(
            "alimi_http_problems",
            "Requests answered with a problem.",
            ["reason"],
            registry=registry,
        )
    return counter
