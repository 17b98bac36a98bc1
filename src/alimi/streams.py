"""One SSE response: from an ASGI request to an open stream of the hub."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import random
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from alimi import frames
from alimi.errors import AlimiError
from alimi.hub import Again, Hub
from alimi.metrics import Metrics
from alimi.model import Identity
from alimi.sinks import AsgiSink, Receive, Send, Sink
from alimi.sparing import Sparing
from alimi.views import parse_accept_language

logger = logging.getLogger("alimi")

_UNAVAILABLE_MS = (5_000, 20_000)
_CANNOT_BEGIN = "alimi: a stream cannot begin; its reader is told to come back"
#: While the store is away thousands come, and come again.
_failing = Sparing(logger, logging.ERROR)
#: A longer Accept-Language is nobody else's, and not kept.
_COMMON = 200

Scope = MutableMapping[str, Any]

#: Never compressed by us; `no-transform` asks the same of proxies, X-Accel-Buffering is nginx's.
HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


def asked_cursor(scope: Scope) -> str | None:
    """Where the reader wants to begin: the header wins whenever it is there.

    The query parameter is for a first connection only: an EventSource keeps its URL for ever, so a
    stale query could win over the position it has reached and repeat or skip.
    """
    header = _header(scope, b"last-event-id")
    if header is not None:
        return header or None
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query["cursor"][0] if "cursor" in query else None


def locales_of(scope: Scope, identity: Identity) -> tuple[str, ...]:
    """The reader's languages, best first: the identity's, then the browser's."""
    accepted = _header(scope, b"accept-language") or ""
    made = _locales if len(accepted) <= _COMMON else _locales.__wrapped__
    return made(accepted, identity.locale)


@functools.lru_cache(1_024)
def _locales(accepted: str, locale: str | None) -> tuple[str, ...]:
    """Thousands of readers have the same few; all their streams hold one tuple."""
    others = parse_accept_language(accepted)
    return (locale, *others) if locale else others


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope.get("headers", ()):
        if key == name:
            return str(value.decode("latin-1"))
    return None


#: Why streams are not on the fast path, where the application could have it otherwise.
_MENDABLE = {"a middleware held the response back", "the response is not a plain 200"}


@functools.cache
def _say_once(reason: str) -> None:
    """Why a stream is not on the fast path; each reason once in a process."""
    level = logging.WARNING if reason in _MENDABLE else logging.INFO
    logger.log(level, "alimi: streams go over plain ASGI: %s (see docs/deployment.md)", reason)


def warn_if_slow(server: Any) -> None:
    """Say at the start, when somebody looks, that this uvicorn was not given our protocol."""
    protocol = getattr(getattr(server, "config", None), "http_protocol_class", None)
    family = getattr(protocol, "__mro__", ())
    if family and not any(each.__module__ == "alimi.uvicorn" for each in family):
        logger.warning(
            "alimi: the fast path is off, each stream costs three tasks: %sstart uvicorn with "
            "--http alimi.uvicorn:Protocol",
            "" if importlib.util.find_spec("httptools") else "pip install httptools, and ",
        )


class StreamResponse:
    """An ASGI application that answers one request with the stream of one identity.

    `again` asks once more whose it is, where the hub cannot know that no hang-up was missed.
    """

    def __init__(
        self,
        hub: Callable[[], Awaitable[Hub]],
        identity: Identity,
        again: Again,
        metrics: Metrics,
    ) -> None:
        self._hub = hub
        self._identity = identity
        self._again = again
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET with a stream, HEAD with its headers."""
        if scope["method"] == "HEAD":
            await _answer(send, b"")
            return
        try:
            hub = await self._hub()
        except (AlimiError, OSError) as error:
            _failing.say(type(error).__name__, _CANNOT_BEGIN, exc_info=True)
            self._metrics.streams_refused.labels("unavailable").inc()
            await _answer(send, frames.bye("unavailable", random.randint(*_UNAVAILABLE_MS)))
            return
        goodbye = hub.refuse(self._identity.recipient)
        if goodbye is not None:
            await _answer(send, goodbye)
            return
        await self._begin(hub, scope, receive, send)

    async def _begin(self, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers the ASGI way, then take the socket where the server offers it."""
        offer = (scope.get("extensions") or {}).get("alimi.handover")
        if offer is not None:
            offer.prepare()
        await send(_start())
        taken = "the server does not offer it" if offer is None else await offer.take()
        if isinstance(taken, str):
            _say_once(taken)
            await self._over_asgi(hub, scope, AsgiSink(receive, send))
        else:
            await self._open(hub, scope, taken)

    async def _open(self, hub: Hub, scope: Scope, sink: Sink) -> None:
        asked, locales = asked_cursor(scope), locales_of(scope, self._identity)
        await hub.open(sink, self._identity, asked, locales, self._again)

    async def _over_asgi(self, hub: Hub, scope: Scope, sink: AsgiSink) -> None:
        running = asyncio.ensure_future(sink.run())
        try:
            await self._open(hub, scope, sink)
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _start() -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(HEADERS)}


async def _answer(send: Send, body: bytes) -> None:
    """A whole response at once, and always 200.

    A native EventSource gives up for good on any other status (measured in Chromium), and evicting
    an older stream to make room would let the two fight.
    """
    await send(_start())
    await send({"type": "http.response.body", "body": body, "more_body": False})
