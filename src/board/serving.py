"""Sockets and the server."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable

import uvicorn

from alimi import Worker, run_workers
from board.app import create_app
from board.settings import Settings

#: A browser may take either for "localhost".
LOOPBACKS = ("127.0.0.1", "::1")
#: How long open answers may take once the server was told to stop.
STOP_SECONDS = 10
#: How often a worker says that its loop turns.
TURN_SECONDS = 5
#: sqlite3 gives up the interpreter at every statement; a busy loop hands it back after this long,
#: by default 5 ms, which a database transaction then waits several times.
SWITCH_SECONDS = 0.0005
_NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class AddressError(Exception):
    """Nothing can listen there; says what to do."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound sockets; for "localhost" on both loopbacks, as far as the machine has them."""
    if host != "localhost":
        return [_bind(host, port)]
    bound: list[socket.socket] = []
    for address in LOOPBACKS:
        try:
            # Port 0 lets the first choose; the second has to be the same.
            bound.append(_bind(address, bound[0].getsockname()[1] if bound else port))
        except AddressError as error:
            cause = error.__cause__
            if not (isinstance(cause, OSError) and cause.errno in _NOT_HERE):
                raise
    if not bound:
        raise AddressError("this machine has no loopback address")
    return bound


def _bind(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        family, kind, protocol, _, address = found
        # Without the protocol asyncio sets no TCP_NODELAY, and each answer waits 40 ms (measured).
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(f"cannot listen on {host}: {error.strerror}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise AddressError(_advice(host, port, error)) from error
    return bound


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: is the board running already? Another: --port {port + 1}"
    return f"cannot listen on {host}, port {port}: {error.strerror}"


def serve(settings: Settings, sockets: list[socket.socket], welcome: str, workers: int = 1) -> int:
    """Serve until told to stop, by so many processes; answers the exit status."""

    def ready() -> None:
        sys.stdout.write(welcome)
        sys.stdout.flush()

    def work(worker: Worker) -> int:
        own = f"%(levelname)s worker {worker.number}: %(message)s"
        logging.basicConfig(level=logging.WARNING, format=own, force=True)
        return _serve(settings, worker.sockets, worker.ready, worker.turn)

    if workers == 1:
        return _serve(settings, sockets, ready)
    return run_workers(workers, work, sockets, ready=ready, stop_seconds=2 * STOP_SECONDS)


def make_server(
    settings: Settings, ready: Callable[[], None], turn: Callable[[], None] | None = None
) -> uvicorn.Server:
    """A server that says `ready` once it answers, and `turn` every few seconds from its loop."""

    async def notify() -> None:
        if turn is not None:
            turn()

    config = uvicorn.Config(
        create_app(settings),
        http="alimi.uvicorn:Protocol",  # streams that cost a socket and no task
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        callback_notify=notify,
        timeout_notify=TURN_SECONDS,
    )
    return _Server(config, ready)


def _serve(
    settings: Settings,
    sockets: list[socket.socket],
    ready: Callable[[], None],
    turn: Callable[[], None] | None = None,
) -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    server = make_server(settings, ready, turn)
    try:
        server.run(sockets)
    except KeyboardInterrupt:
        return 130
    return 0 if server.started else 3


class _Server(uvicorn.Server):
    """Says so once it really answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._ready()
