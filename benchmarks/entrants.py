"""Who is measured: how each is started, how a stream of it is opened, how it is told to fire."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.asking import Line, get
from benchmarks.process import Process, running

ROOT = Path(__file__).parents[1]
#: This tree, wherever the interpreter has Alimi installed from.
PATH = os.pathsep.join([str(ROOT), str(ROOT / "src")])

Command = Callable[[Path, int], Sequence[str]]


@dataclass(frozen=True)
class Entrant:
    """One program.  `durable`: an event is on the disk before anybody is told."""

    name: str
    command: Command
    note: str
    durable: bool = False
    #: What a stream has said when it is open.
    ready: bytes = b"hello"
    websocket: bool = False
    #: How many streams it can be asked to hold without the measure taking minutes.
    most: int = 19_000
    #: Whether it can pace events with a time in them.
    paces: bool = True
    #: What a recipient's stream is asked for.
    path: Callable[[int], str] = "/stream/{}".format
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def started(self, folder: Path, cores: set[int] | None = None) -> Iterator[Process]:
        """Run it in a fresh folder."""
        with running(
            lambda port: self.command(folder, port),
            folder=folder, cores=cores, environment={"PYTHONPATH": PATH, **self.environment},
        ) as server:  # fmt: skip
            yield server

    def opening(self, recipient: int, cursor: str | None = None) -> bytes:
        """The request for one stream."""
        lines = [f"GET {self.path(recipient)} HTTP/1.1", "Host: localhost"]
        lines += ["Accept: text/event-stream"]
        if self.websocket:
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        if cursor is not None:
            lines += [f"Last-Event-ID: {cursor}"]
        return "\r\n".join([*lines, "", ""]).encode()

    def fire(self, line: Line, count: int, of: int, how: str = "") -> Callable[[], bytes]:
        """Ask for events; answers how to wait until all were sent off."""
        line.send(get(f"/fire?n={count}&of={of}{how}"))
        return line.answer


def python(module: str, interpreter: Path | str = sys.executable) -> Command:
    """A module of this repository that takes its port."""
    return lambda _folder, port: [str(interpreter), "-m", module, str(port)]


def _alimi(http: str, loop: str) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        # One folder serves several starts; each begins with an empty database.
        database = str(folder / f"bench-{port}.db")
        return [sys.executable, "-m", "benchmarks.server", database, str(port), http, loop]

    return command


FAST = "alimi.uvicorn:Protocol"

ALIMI = Entrant(
    "Alimi", _alimi(FAST, "uvloop"), "the whole pipeline, on uvloop", durable=True,
    ready=b"event: hello",
)  # fmt: skip
ALIMI_ASYNCIO = Entrant(
    "Alimi, asyncio", _alimi(FAST, "asyncio"), "the same on asyncio's own loop", durable=True,
    ready=b"event: hello",
)  # fmt: skip
ALIMI_ASGI = Entrant(
    "Alimi, plain ASGI", _alimi("httptools", "uvloop"), "without the fast path", durable=True,
    ready=b"event: hello",
)  # fmt: skip
OURS = (ALIMI, ALIMI_ASYNCIO, ALIMI_ASGI)
