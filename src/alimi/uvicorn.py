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
import logging
import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http import httptools_impl

from alimi.sinks import Sink, TransportSink

logger = logging.getLogger("alimi")

#: Where a stream looks for the offer, in `scope["extensions"]`.
EXTENSION = "alimi.handover"
#: Turns of the loop to wait for headers that a middleware passes on in a task of its own.
_PATIENCE = 20


class Protocol(httptools_impl.HttpToolsProtocol):
    """uvicorn's httptools protocol, with an offer in the scope of each GET."""

    def on_headers_complete(self) -> None:
        """Begin a request, as uvicorn does, with an offer in its scope."""
        if _MISSING or self.parser.get_method() != b"GET":
            super().on_headers_complete()
            return
        scope: MutableMapping[str, Any] = self.scope  # type: ignore[assignment]
        offer = Handover(self)
        scope["extensions"] = {EXTENSION: offer}
        super().on_headers_complete()
        if "path" in scope:  # else it has become a WebSocket
            self.cycle.__class__ = Cycle
            offer.watch(self.cycle)


class Cycle(httptools_impl.RequestResponseCycle):
    """uvicorn's side of a request, which notes what headers the response really got.

    A request becomes one by its `__class__`: whatever wrapped its `send` would be a circle of
    references, and each request garbage that only the collector removes.
    """

    status = 0
    encoded = False

    async def send(self, message: Any) -> None:
        """Send, as uvicorn does."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.encoded = any(
                name.lower() == b"content-encoding" for name, _ in message.get("headers", ())
            )
        await super().send(message)


class Handover:
    """The offer of one request: `prepare` before its response starts, `take` after.

    It is held by the scope, which both others hold: so it holds them weakly.
    """

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: Protocol) -> None:
        self._protocol: Callable[[], Protocol | None] = weakref.ref(protocol)
        self._cycle: Callable[[], Cycle | None] = _nothing

    def watch(self, cycle: httptools_impl.RequestResponseCycle) -> None:
        """This is the request that the offer is for."""
        if isinstance(cycle, Cycle):
            self._cycle = weakref.ref(cycle)

    def prepare(self) -> None:
        """uvicorn sends chunks to HTTP/1.0 too, which cannot read them: prevent that."""
        cycle = self._cycle()
        if cycle is not None and cycle.scope["http_version"] == "1.0":
            cycle.chunked_encoding = False

    async def take(self) -> Sink | str:
        """The socket as a sink, or the reason why it cannot be had."""
        for _ in range(_PATIENCE):
            cycle = self._cycle()
            if cycle is None or cycle.status:
                break
            await asyncio.sleep(0)
        cycle, protocol = self._cycle(), self._protocol()
        if cycle is None or protocol is None:
            return "the reader has left"
        reason = _obstacle(protocol, cycle)
        if reason is None:
            return _swap(protocol, cycle)
        if cycle.chunked_encoding is False:
            protocol.transport.close()  # prepared for HTTP/1.0, which ASGI cannot go on with
        return reason


def _obstacle(protocol: Protocol, cycle: Cycle) -> str | None:
    obstacles = {
        "the reader has left": cycle.disconnected or protocol.transport.is_closing(),
        "a middleware held the response back": not cycle.status,
        "the response is not a plain 200": cycle.status != 200 or cycle.encoded,
        "the response is finished": cycle.response_complete,
        "the request is not finished": cycle.more_body,
        "another request waits on the connection": bool(protocol.pipeline)
        or cycle is not protocol.cycle,
    }
    return next((reason for reason, holds in obstacles.items() if holds), None)


def _swap(protocol: Protocol, cycle: Cycle) -> Sink:
    """Put a sink into the protocol's place, as uvicorn does when a WebSocket begins."""
    transport, connections = protocol.transport, protocol.connections
    sink = TransportSink(transport, chunked=bool(cycle.chunked_encoding), ended=connections.discard)
    connections.discard(protocol)
    connections.add(sink)  # type: ignore[arg-type]
    transport.set_protocol(sink)
    transport.resume_reading()
    _let_go(protocol, cycle)
    return sink


def _let_go(protocol: Protocol, cycle: Cycle) -> None:
    """End uvicorn's part quietly, and break its circles so that memory is free at once."""
    cycle.disconnected = True
    cycle.on_response = _nothing
    cycle.message_event.set()
    protocol.parser = None  # type: ignore[assignment]
    protocol.cycle = None  # type: ignore[assignment]
    protocol.scope = None  # type: ignore[assignment]


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
    try:
        object.__new__(cycle).__class__ = Cycle
    except TypeError:
        lacking.append(f"{cycle.__name__}.__dict__")
    return lacking


_MISSING = missing()
if _MISSING:  # pragma: no cover - only with a uvicorn of the future
    logger.warning(
        "alimi: the fast path is off: uvicorn %s has no %s",
        uvicorn.__version__,
        ", ".join(_MISSING),
    )
