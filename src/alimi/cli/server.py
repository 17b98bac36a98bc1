"""uvicorn with Alimi alone on it: says goodbye to its streams before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import uvicorn

from alimi.cli.gathering import Gathering
from alimi.errors import ConfigurationError
from alimi.facade import Alimi
from alimi.settings import Settings
from alimi.uvicorn import Protocol
from alimi.workers import bind

logger = logging.getLogger("alimi")

#: Descriptors beside the streams': the database, the log, requests under way.
_OTHER_DESCRIPTORS = 500
#: Beside the streams' time: requests under way, the last commits, the database's goodbye.
_OTHER_SECONDS = 10
#: How often a worker says that its loop turns.
_TURN_SECONDS = 5


#: sqlite3 gives up the interpreter at every statement; a busy loop hands it back after this long,
#: by default 5 ms, which one relay batch then waits several times.
SWITCH_SECONDS = 0.0005


class Server(uvicorn.Server):
    """Serves one Alimi; `ready` is called once it accepts connections."""

    def __init__(self, config: uvicorn.Config, alimi: Alimi, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._alimi = alimi
        self._ready = ready
        self._delay: float | None = None
        self._draining: asyncio.Future[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember who asks: at a terminal nobody waits for a balancer, even if another did."""
        if sig == signal.SIGINT:
            self._delay = 0
            if self._draining is not None:
                self._draining.get_loop().call_soon_threadsafe(self._draining.cancel)
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn would wait for open streams before anybody tells them: they hear it first."""
        self._draining = asyncio.ensure_future(self._alimi.drain(self._delay))
        await asyncio.wait([self._draining])
        await super().shutdown(sockets)
        # Not later: leaving `serve`, uvicorn raises the signal again.
        await self._alimi.close()


def stop_seconds(settings: Settings) -> float:
    """How long an orderly stop may take."""
    return settings.drain_delay_seconds + 2 * settings.drain_seconds + _OTHER_SECONDS


def serve(
    app: Any,
    alimi: Alimi,
    sockets: list[socket.socket],
    ready: Callable[[], None],
    *,
    turn: Callable[[], None] | None = None,
    gathering: Gathering | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; both end in order and return.

    `turn` is called every few seconds, as long as the loop turns.
    """
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",  # what it would do is done here, where an error can be told in one line
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(alimi.settings.drain_seconds) + 1,
    )
    server = Server(config, alimi, ready)
    sys.setswitchinterval(SWITCH_SECONDS)
    signal.signal(signal.SIGTERM, _ending(server))
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=_loops()) as runner:
        runner.run(_serve(server, alimi, sockets, turn, gathering))


async def _serve(
    server: Server,
    alimi: Alimi,
    sockets: list[socket.socket],
    turn: Callable[[], None] | None,
    gathering: Gathering | None,
) -> None:
    if gathering is not None:
        alimi.metrics.collect = gathering.collect
        await gathering.start()
    await alimi.start()
    # Not by uvicorn's own tick, which ends where a drain begins.
    saying = None if turn is None else asyncio.create_task(_say_turns(turn))
    await server.serve(sockets)
    if saying is not None:
        saying.cancel()
    if gathering is not None:
        gathering.close()


async def _say_turns(turn: Callable[[], None]) -> None:
    while True:
        turn()
        await asyncio.sleep(_TURN_SECONDS)


def _ending(server: Server) -> Callable[[int, FrameType | None], None]:
    """SIGTERM before uvicorn listens for it, and after it has done what it asks."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not server.started:
            raise KeyboardInterrupt

    return end


def _loops() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address that `host` means; `localhost` is two.

    Raises ConfigurationError in words that say what to change.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ConfigurationError(f"host: {host!r} is no address of this machine") from None
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(bind(family, (address[0], port or _port_of(sockets), *address[2:])))
        except OSError as error:
            failed = error
    if not sockets:
        reason = failed.strerror if failed else f"{host}: no address"
        raise ConfigurationError(f"cannot listen on {reason}; see --port, --host")
    return sockets


def _port_of(sockets: Sequence[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1]) if sockets else 0


def address_of(host: str, sockets: Sequence[socket.socket]) -> str:
    """Where a browser on this machine finds the server."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - a name
    shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{_port_of(sockets)}"


def allow_descriptors(streams: int) -> None:
    """Raise the soft limit of open files to what so many streams need, as far as one may."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    wanted = streams + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
            soft = possible
    if soft != resource.RLIM_INFINITY and soft < wanted:
        logger.warning(
            "only %d files may be open: that is less than max_streams (%d) needs; raise ulimit -n",
            soft, streams,
        )  # fmt: skip
