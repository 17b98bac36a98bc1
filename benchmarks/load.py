"""Raw clients and the server's process, seen from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A running benchmarks.server."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def cpu(self) -> float:
        """CPU seconds of the process so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def get(self, path: str) -> None:
        """Ask and wait for the whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:200].decode())
        writer.close()


#: How the server under test writes: (uvicorn's --http, --loop).
FAST = ("alimi.uvicorn:Protocol", "asyncio")
PLAIN = ("httptools", "asyncio")


@asynccontextmanager
async def running(
    folder: Path, core: int = 0, how: tuple[str, str] = FAST
) -> AsyncIterator[Server]:
    """Start the server on a core of its own, on a fresh database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.server", str(folder / "bench.db"), str(port), *how
    )
    if os.cpu_count() != 1:
        os.sched_setaffinity(process.pid, {core})
    try:
        await _until_up(port)
        yield Server(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _until_up(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError("the server did not come up")


class Streams(asyncio.Protocol):
    """Many open streams in one process; counts notifications, keeps nothing else."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._tally.transports.append(transport)
        transport.write(self._tally.request)

    def data_received(self, data: bytes) -> None:
        self._tally.took(data)


class Tally:
    """What all streams have received; `reached(n)` waits for n notifications."""

    def __init__(self, user: str) -> None:
        self.request = f"GET /stream?u={user} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self.transports: list[asyncio.Transport] = []
        self.hellos = 0
        self.notifications = 0
        self._target = 0
        self._kind = "hellos"
        self._done = asyncio.Event()
        self.on_data: Callable[[bytes], None] = lambda _data: None

    def took(self, data: bytes) -> None:
        """Count frames by a mark that each has once and that TCP seldom cuts."""
        self.hellos += data.count(b"event: hello")
        self.notifications += data.count(b'"kind":"bench"')
        self.on_data(data)
        if getattr(self, self._kind) >= self._target:
            self._done.set()

    async def reached(self, kind: str, target: int) -> None:
        """Wait until so many of `kind` have come."""
        self._kind, self._target = kind, target
        self._done.clear()
        if getattr(self, kind) < target:
            await asyncio.wait_for(self._done.wait(), 120)

    async def open(self, server: Server, count: int) -> None:
        """Open `count` streams and wait until each has said hello."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.create_connection(lambda: Streams(self), "127.0.0.1", server.port)
        await self.reached("hellos", count)

    def close(self) -> None:
        """Leave without a word, as browsers do."""
        for transport in self.transports:
            transport.abort()
