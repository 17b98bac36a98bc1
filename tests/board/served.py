"""The board on a real port: as a process of its own, or as a thread of this one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from httpx import Client

from board.serving import listen, make_server
from board.settings import Settings


class _Output:
    """What a process says: read to its end, so that a full pipe never stops it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self._lines.append(line)
                if "Ctrl+C" in line:
                    self._ready.set()
        self._ready.set()

    def until_ready(self) -> str:
        """All of it, once the server has said that it is there or has ended."""
        assert self._ready.wait(30)
        return "".join(self._lines)

    def finish(self) -> str:
        """All of it, of a process that has ended."""
        self._thread.join(30)
        return "".join(self._lines)


class Reachable:
    """A board that browsers and clients find on a port."""

    port = 0

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://localhost:{self.port}"

    @contextmanager
    def browser(self, user: int) -> Iterator[Client]:
        """A client in which somebody has logged in."""
        with Client(base_url=self.address, timeout=20) as client:
            wanted = {"user_id": user, "password": "demo"}
            client.post("/api/session", json=wanted).raise_for_status()
            yield client


class Hosted(Reachable):
    """The command's server in a thread: there in a moment, where it matters to nobody's claim.

    What the test has patched holds in it.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        ready = threading.Event()
        self._server = make_server(Settings(database, demo=True), ready.set)
        sockets = listen("localhost", 0)
        self.port = sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=[sockets])
        self._thread.start()
        assert ready.wait(30)

    def stop(self) -> None:
        """End it, and wait for that."""
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


class Served(Reachable):
    """`python -m board` on a database; may be killed and started again on the same port."""

    def __init__(self, database: Path | str, *arguments: str) -> None:
        self.database = database
        self.arguments = arguments
        self.output = ""
        self._running: tuple[subprocess.Popen[str], _Output] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether it was started and not ended since."""
        return self._running is not None

    def start(self) -> None:
        """Start, and wait until it says that it is there."""
        command = [sys.executable, "-m", "board", "--db", str(self.database)]
        command += ["--port", str(self.port), *self.arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
        said = _Output(process)
        self._running = process, said
        self.output = said.until_ready()
        found = re.search(r"http://\S+:(\d+)", self.output)
        assert found is not None, self.output
        self.port = int(found[1])

    def kill(self) -> None:
        """As the power would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator would: it ends by that, and complains of nothing."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._running is None:
            return
        (process, said), self._running = self._running, None
        os.kill(process.pid, how)
        assert process.wait(timeout=30) == -how
        assert "Traceback" not in said.finish()
