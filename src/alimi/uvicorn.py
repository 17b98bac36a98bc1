"""The fast path: `uvicorn app:app --http alimi.uvicorn:Protocol`.

The response headers of a stream go the normal ASGI way, so that every middleware has its say.  Then
the socket is handed to a sink of the hub, by the same `transport.set_protocol` that uvicorn itself
uses for WebSockets, and the request's task ends.  From then on an idle stream is a socket and two
small objects.  Where a precondition fails nothing is handed over and the stream goes on over ASGI.

Who has not sent a whole head in time is closed, and near the limit of open files who has waited
longest gives way: see `Door`.

The attributes of uvicorn that this relies on are private; `missing()` names those that are gone.
Then nothing is offered or timed, and a line in the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

try:
    import uvicorn
    from uvicorn.protocols.http import httptools_impl
except ModuleNotFoundError as error:
    if error.name not in {"httptools", "uvicorn"}:
        raise
    needs = f"alimi.uvicorn needs {error.name}: pip install uvicorn httptools"
    raise ModuleNotFoundError(needs, name=error.name) from None

from alimi.metrics import CloseReason, of_loop
from alimi.sinks import Sink, TransportSink

logger = logging.getLogger("alimi")

#: Where a stream looks for the offer, in `scope["extensions"]`.
EXTENSION = "alimi.handover"
#: Turns of the loop to wait for headers that a middleware passes on in a task of its own.
_PATIENCE = 20
#: A head takes one packet, or a few over the worst of lines; a body is given as long.
HEAD_SECONDS = 30.0
#: Connections of one server from which a head is awaited.  Each costs some 10 KB.
MAX_WAITING = 10_000
#: Descriptors that connections leave to the database, the log, and what was accepted just now.
SPARE_DESCRIPTORS = 100
#: Closed in one turn of the loop.
_AT_ONCE = 100
#: How often the log says that there is no room.
_SAY_SECONDS = 60.0
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Protocol(httptools_impl.HttpToolsProtocol):
    """uvicorn's httptools protocol, with an offer in the scope of each GET, and time for a head."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, if there is room for it."""
        super().connection_made(transport)
        if not _MISSING:
            Door.of(self).let_in(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        if not _MISSING:
            Door.of(self).forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on.  Where no request is under way after it, the next head is due.

        Any byte ends uvicorn's time for keeping a connection alive, and it sets no other.
        """
        super().data_received(data)
        if not _MISSING and (self.cycle is None or self.cycle.response_complete):
            Door.of(self).expect(self)

    def is_between_requests(self) -> bool:
        """Whether not even the first line of a request has begun."""
        return self.scope is None or "method" in self.scope

    def on_headers_complete(self) -> None:
        """Begin a request, as uvicorn does, with an offer in its scope."""
        if not _MISSING:
            Door.of(self).forget(self)
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


class Door:
    """The connections of one server from which a head is awaited, first those that wait longest.

    One timer serves them all, and runs only while somebody waits.
    """

    __slots__ = ("_loop", "_said", "_timer", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Protocol, float] = {}  # each deadline is later than the one before
        self._timer: asyncio.TimerHandle | None = None
        self._said = -math.inf

    @classmethod
    def of(cls, protocol: Protocol) -> Door:
        """The server's; it lives as long as what uvicorn keeps for all its connections."""
        state = vars(protocol.server_state)
        found: Door | None = state.get(EXTENSION)
        if found is None:
            found = state[EXTENSION] = cls(protocol.loop)
        return found

    def let_in(self, newcomer: Protocol) -> None:
        """Await its head.  Where there is no room, who has waited longest gives way, or it goes."""
        if len(self._waiting) >= MAX_WAITING or not _has_room(newcomer):
            self._say_full()
            if not self._waiting:
                self._count("full")
                newcomer.transport.abort()
                return
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            self._count("room")
            longest.transport.abort()
        self.expect(newcomer)

    def expect(self, protocol: Protocol) -> None:
        """A head is due, unless its time runs already or it has become a WebSocket."""
        if protocol in self._waiting or protocol.transport.get_protocol() is not protocol:
            return
        due = self._waiting[protocol] = self._loop.time() + HEAD_SECONDS
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._turn)

    def forget(self, protocol: Protocol) -> None:
        """Its head is here, or it has gone."""
        self._waiting.pop(protocol, None)

    def _turn(self) -> None:
        self._timer = None
        for _ in range(_AT_ONCE):
            protocol, due = next(iter(self._waiting.items()), (None, 0.0))
            if protocol is None or due > self._loop.time():
                break
            del self._waiting[protocol]
            self._end(protocol)
        if self._waiting:
            due = next(iter(self._waiting.values()))
            self._timer = self._loop.call_at(due, self._turn)

    def _end(self, late: Protocol) -> None:
        """Close it politely; who does not even take that is cut after the same time."""
        if late.transport.is_closing():
            late.transport.abort()
            return
        self._count("head")
        if not late.is_between_requests():
            late.transport.write(_TOO_LATE)
        late.transport.close()
        self.expect(late)

    def _count(self, reason: CloseReason) -> None:
        for each in of_loop(self._loop):
            each.connections_closed.labels(reason).inc()

    def _say_full(self) -> None:
        if self._loop.time() - self._said >= _SAY_SECONDS:
            self._said = self._loop.time()
            logger.warning(
                "alimi: no room for more connections: %d wait to be asked for something, and %s "
                "files may be open (see docs/deployment.md)",
                len(self._waiting),
                _descriptors(),
            )


def _has_room(newcomer: Protocol) -> bool:
    """Whether enough descriptors are left, however many are not connections of this server.

    The system gives the lowest that is free: a high one says that nearly all are taken.
    """
    most = _descriptors()
    room = most - min(SPARE_DESCRIPTORS, most / 4)
    sock = newcomer.transport.get_extra_info("socket")
    return len(newcomer.connections) <= room and (sock is None or sock.fileno() < room)


def _descriptors() -> float:
    """How many this process may have, at this moment."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


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


_PROTOCOL_NAMES = (
    "parser", "cycle", "pipeline", "connections", "transport", "scope", "server_state", "loop",
)  # fmt: skip
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
        f"{protocol.__name__}.{name}" for name in _PROTOCOL_NAMES if name not in protocol_names
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
