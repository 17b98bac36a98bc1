"""A server under test, seen from outside: its CPU time and its memory come from the system."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks import machine
from tests.support.processes import free_port

_PATIENCE = 30


class Process:
    """A running server and the port it listens on."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        # What clock_getcpuclockid(3) answers: all threads, those that have ended too, in ns.
        self._clock = (~pid << 3) | 2

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        return time.clock_gettime(self._clock)

    def kill(self) -> None:
        """`kill -9`."""
        os.kill(self.pid, signal.SIGKILL)

    def resident(self) -> int:
        """Resident bytes, shared ones too."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(
    command: Callable[[int], Sequence[str]],
    *,
    folder: Path,
    cores: set[int] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Start `command(port)` on the server's core (or on `cores`) and wait until it listens."""
    port = free_port()
    cores = cores or {machine.SERVER_CORE}
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command(port),
            env={**os.environ, **(environment or {})},
            # Threads inherit it; set from outside it would miss those already there.
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - one thread
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _until_up(process, port)
        yield Process(process.pid, port)
    except BaseException:
        print((folder / "server.log").read_text(errors="replace")[-2_000:])
        raise
    finally:
        _end(process)


def _until_up(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)  # between two tries; a listener decides
    raise RuntimeError("the server did not come up")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
