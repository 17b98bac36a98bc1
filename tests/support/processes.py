"""Servers as processes of their own: started, asked whether they are ready, killed, stopped."""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
#: A slow machine starts a server in so many seconds, and stops it.
PATIENCE = 20
#: Lives are forked from a process that has loaded what all of them need: to load it anew for each
#: takes as long as the rest of most tests that start one.
LIVES = get_context("forkserver")
LIVES.set_forkserver_preload(
    ["tests.support.server_run", "alimi.uvicorn", "alimi.stores.sqlite", "alimi.stores.postgres"]
)


@cache
def _client() -> httpx.Client:
    """One for all questions: making one costs as much as twenty of them; lives share nothing."""
    return httpx.Client(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))


def free_port() -> int:
    """A port that stays free while a server restarts: outside of what clients are given."""
    while True:
        port = random.randint(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class AppProcess:
    """The application under test on one database and one port, over many lives.

    `database` is a file, or the URL of one that others share; then `log` says where it writes.
    """

    def __init__(
        self,
        database: Path | str,
        *,
        server: str = "uvicorn-httptools",
        log: Path | None = None,
        **config: Any,
    ) -> None:
        self.port = free_port()
        self.server = server
        self.database = database
        #: A crash point of this life was chosen.
        self.armed = False
        self.address = f"http://127.0.0.1:{self.port}"
        self._config = {
            "server": server, "port": self.port, "database": str(database), **config,
        }  # fmt: skip
        self._process: ForkServerProcess | None = None
        self._log = log or Path(database).with_suffix(".log")
        # A life that a failed test has left would be waited for, in vain, when the tests end.
        atexit.register(AppProcess.close, self)

    def start(self, **config: Any) -> None:
        """Begin another life; `wait_ready` says when it can be used."""
        assert not self.alive
        self.armed = "point" in config
        self._process = LIVES.Process(target=_live, args=(self._log, {**self._config, **config}))
        self._process.start()
        while self.alive and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)  # between two questions: it is signalled as a group

    @property
    def process(self) -> ForkServerProcess:
        assert self._process is not None, "not started"
        return self._process

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def wait_ready(self) -> None:
        """Ask until it says that it is; fails with its log when it died instead."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if not self.alive or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log()}")
            time.sleep(0.01)  # between two questions; readiness decides

    def _is_ready(self) -> bool:
        try:
            return _client().get(f"{self.address}/alimi/readyz").is_success
        except httpx.TransportError:
            return False

    def entrance(self) -> int:
        """The port for the next connection."""
        return self.port

    def column(self, query: str) -> set[str]:
        """What the database itself answers, whether the server lives or not."""
        with closing(sqlite3.connect(self.database)) as db:
            return {each for (each,) in db.execute(query)}

    def post(self, path: str, **body: Any) -> Any:
        """Ask the application for something that must work."""
        answer = _client().post(f"{self.address}{path}", json=body)
        assert answer.is_success, (answer.text, self.log())
        return answer.json()

    def metric(self, name: str) -> float:
        """One series; 0 when it has not begun."""
        text = _client().get(f"{self.address}/alimi/metrics").text
        found = [line.split()[1] for line in text.splitlines() if line.split()[0] == name]
        return float(found[0]) if found else 0.0

    def wait_metric(self, name: str, wanted: float) -> None:
        """Ask until the series has that value."""
        self.wait_until(lambda: self.metric(name) == wanted, f"{name} to be {wanted}")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Ask until it holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.02)  # between two questions

    def wait_applied(self) -> None:
        """Look until the outbox is empty."""
        with closing(sqlite3.connect(self.database)) as db:
            self.wait_until(lambda: not _waiting(db), "the outbox to be empty")

    def resident(self) -> int:
        """Resident bytes now; the peak begins anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self._memory("VmRSS")

    def peak(self) -> int:
        """The most resident bytes since `resident` was asked."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

    def kill(self) -> None:
        """`kill -9`, its workers too."""
        os.killpg(self.pid, signal.SIGKILL)
        self.process.join()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay and nobody answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        os.killpg(self.pid, signal.SIGCONT)

    def terminate(self) -> float:
        """SIGTERM; answers how many seconds it took to end, and demands that it ended well."""
        started = time.monotonic()
        self.process.terminate()
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code in {0, -signal.SIGTERM}, (code, self.log())
        return time.monotonic() - started

    def wait_killed(self) -> None:
        """Wait until it has killed itself at the armed point."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, "the point was never reached"
        assert code == -signal.SIGKILL, (code, self.log())

    def log(self) -> str:
        """What all lives have written."""
        return self._log.read_text("utf-8", "replace")

    def close(self) -> None:
        """End it, however it is."""
        if self.alive:
            self.kill()


def _live(log: Path, config: dict[str, Any]) -> None:
    """One life, in a process and a session of its own."""
    os.setsid()
    with log.open("ab") as written:
        for stream in (1, 2):
            os.dup2(written.fileno(), stream)
    from tests.support.server_run import serve

    serve(config)


def _waiting(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM alimi_outbox)").fetchone()[0])


@contextmanager
def ready(app: AppProcess) -> Iterator[AppProcess]:
    """The server while it runs, from when it is ready."""
    app.start()
    try:
        app.wait_ready()
        yield app
    finally:
        app.close()


@contextmanager
def an_app(folder: Path, **config: Any) -> Iterator[AppProcess]:
    """A server that is ready, on a fresh database."""
    with ready(AppProcess(folder / "app.db", **config)) as app:
        yield app
