"""Real servers as processes of their own: started, frozen, killed, and started again in place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.support.processes import PATIENCE, free_port


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Ask until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)  # between two questions; the answer decides


class ServerProcess(ABC):
    """One server on one port and one folder of its own, over many lives.

    All calls block; where an event loop has to go on meanwhile, use `asyncio.to_thread`.
    """

    #: What its folder is called.
    name = "server"

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"alimi-{self.name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.folder / "log"

    @abstractmethod
    def command(self) -> list[str]:
        """What is run."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it can be used now."""

    def run_as(self) -> dict[str, Any]:
        """Further arguments of Popen."""
        return {}

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Begin a life and wait until it can be used."""
        self.spawn()
        self.wait_ready()
        return self

    def spawn(self) -> None:
        """Begin a life; `wait_ready` says when it can be used."""
        assert not self.alive
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.run_as(),
            )

    def wait_ready(self) -> None:
        """Connect until it answers; fails with its log when it died instead."""
        wait_until(lambda: not self.alive or self.answers(), f"{self.name}:\n{self.log()}")
        assert self.alive, f"{self.name} did not start:\n{self.log()}"

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it as an operator does."""
        os.kill(self.pid, by)
        self._wait()

    def kill(self) -> None:
        """`kill -9`, with everything it has started."""
        for pid in self.family():
            _send(pid, signal.SIGKILL)
        self._wait()

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and says nothing."""
        wait_until(self._stands_still, "it to stand still")

    def _stands_still(self) -> bool:
        """Also those children that were being born; the dead are not collected by a stopped one."""
        moving = [pid for pid in self.family() if state(pid) not in {"T", "Z", ""}]
        for pid in moving:
            _send(pid, signal.SIGSTOP)
        return not moving

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        for pid in self.family():
            _send(pid, signal.SIGCONT)

    def restart(self) -> None:
        """`kill -9`, and a new life on the same port and folder."""
        if self.alive:
            self.kill()
        self.start()

    def family(self) -> list[int]:
        """The process and its children, the process first, so that it starts no more of them."""
        return [self.pid, *children(self.pid)]

    def log(self) -> str:
        """What all lives have written."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def close(self) -> None:
        """End it, however it is, and remove its folder."""
        if self.alive:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(PATIENCE)


def children(parent: int) -> list[int]:
    """The living children of a process."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent(entry) == parent
    ]


def state(pid: int) -> str:
    """What a process does: R runs, S sleeps, T is stopped; nothing when it is gone."""
    return _stat(pid)[0]


def _parent(entry: Path) -> int:
    return int(_stat(int(entry.name))[1])


def _stat(pid: int) -> list[str]:
    try:
        # The name stands in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["", "0"]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
