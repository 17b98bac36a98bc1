"""The fast path: `uvicorn app:app --http alimi.uvicorn:Protocol`.

The response headers of a stream go the normal ASGI way, so that every middleware has its say.  Then
the socket is handed to a sink of the hub, by the same `transport.set_protocol` that uvicorn itself
uses for WebSockets, and the request's task ends.  From then on an idle stream is a socket and two
small objects.  Where a precondition fails nothing is handed over and the stream goes on over ASGI.

The attributes of uvicorn that this relies on are private; `missing()` names those that are gone.
Then nothing is offered, and a line in the log says so.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http import httptools_impl

from alimi.sinks import Sink, TransportSink

logger = logging.getLogger("alimi")

#: Where a stream looks for the offer, in `scope["extensions"]`.
EXTENSION = "alimi.handover"
#: Turns of the loop to wait for headers that a middleware passes on in a task of its own.
_PATIENCE = 20

_Message = MutableMapping[str, Any]


class Protocol(httptools_impl.HttpToolsProtocol):
    """uvicorn's httptools protocol, with an offer in the scope of each request."""

    def on_message_begin(self) -> None:
        """Begin a request, as uvicorn does, and put the offer into its scope."""
        super().on_message_begin()
        if not _MISSING:
            scope: MutableMapping[str, Any] = self.scope  # type: ignore[assignment]
            scope["extensions"] = {EXTENSION: Handover(self)}

    def on_headers_complete(self) -> None:
        """Note which headers the response really gets."""
        offer = (self.scope.get("extensions") or {}).get(EXTENSION)
        super().on_headers_complete()
        if isinstance(offer, Handover) and self.scope.get("path") is not None:
            offer.watch(self.cycle)


class Handover:
    """The offer of one request: `prepare` before its response starts, `take` after."""

    __slots__ = ("_cycle", "_encoded", "_protocol", "_status")

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._cycle: httptools_impl.RequestResponseCycle | None = None
        self._status = 0
        self._encoded = False

    def watch(self, cycle: httptools_impl.RequestResponseCycle) -> None:
        """Listen to what this cycle sends."""
        self._cycle = cycle
        cycle.send = functools.partial(self._send, cycle.send)  # type: ignore[method-assign]

    async def _send(self, send: Callable[[Any], Awaitable[None]], message: _Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._encoded = any(
                name.lower() == b"content-encoding" for name, _ in message.get("headers", ())
            )
        await send(message)

    def prepare(self) -> None:
        """uvicorn sends chunks to HTTP/1.0 too, which cannot read them: prevent that."""
        cycle = self._cycle
        if cycle is not None and cycle.scope["http_version"] == "1.0":
            cycle.chunked_encoding = False

    async def take(self) -> Sink | str:
        """The socket as a sink, or the reason why it cannot be had."""
        for _ in range(_PATIENCE):
            if self._status:
                break
            await asyncio.sleep(0)
        cycle, protocol = self._cycle, self._protocol
        reason = self._obstacle(cycle)
        if reason is not None or cycle is None:
            if cycle is not None and cycle.chunked_encoding is False:
                protocol.transport.close()  # prepared for HTTP/1.0, which ASGI cannot go on with
            return reason or "the request was not watched"
        transport, connections = protocol.transport, protocol.connections
        sink = TransportSink(
            transport, chunked=bool(cycle.chunked_encoding), ended=connections.discard
        )
        connections.discard(protocol)
        connections.add(sink)  # type: ignore[arg-type]
        transport.set_protocol(sink)
        transport.resume_reading()
        _let_go(protocol, cycle)
        self._cycle = None
        return sink

    def _obstacle(self, cycle: httptools_impl.RequestResponseCycle | None) -> str | None:
        protocol = self._protocol
        obstacles = {
            "a middleware held the response back": not self._status,
            "the response is not a plain 200": self._status != 200 or self._encoded,
            "the request was not watched": cycle is None or cycle is not protocol.cycle,
            "the request is not finished": cycle is not None and cycle.more_body,
            "the response is finished": cycle is not None and cycle.response_complete,
            "another request waits on the connection": bool(protocol.pipeline),
            "the reader has left": protocol.transport.is_closing(),
        }
        return next((reason for reason, holds in obstacles.items() if holds), None)


def _let_go(protocol: Protocol, cycle: httptools_impl.RequestResponseCycle) -> None:
    """End uvicorn's part quietly, and break its circles so that memory is free at once."""
    cycle.disconnected = True
    cycle.on_response = _nothing
    cycle.message_event.set()
    protocol.parser = None  # type: ignore[assignment]
    protocol.cycle = None  # type: ignore[assignment]


_CYCLE_NAMES = (
    "disconnected", "on_response", "message_event", "more_body", "chunked_encoding",
    "response_complete",
)  # fmt: skip


def _nothing() -> None:
    pass


def missing() -> list[str]:
    """What this uvicorn lacks of what the fast path relies on."""
    protocol, cycle = httptools_impl.HttpToolsProtocol, httptools_impl.RequestResponseCycle
    protocol_names = protocol.__init__.__code__.co_names
    cycle_names = cycle.__init__.__code__.co_names
    lacking = [
        f"{protocol.__name__}.{name}"
        for name in ("parser", "cycle", "pipeline", "connections", "transport", "scope")
        if name not in protocol_names
    ]
    lacking += [f"{cycle.__name__}.{name}" for name in _CYCLE_NAMES if name not in cycle_names]
    return lacking


_MISSING = missing()
if _MISSING:  # pragma: no cover - only with a uvicorn of the future
    logger.warning(
        "alimi: the fast path is off: uvicorn %s has no %s",
        uvicorn.__version__,
        ", ".join(_MISSING),
    )
