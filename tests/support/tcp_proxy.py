"""A TCP proxy that cuts, delays, holds and refuses, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Literal, Self

from tests.support.processes import PATIENCE, free_port
from tests.support.servers import wait_until

Direction = Literal["up", "down"]
#: "up" is what clients send, "down" what the server answers.
BOTH: tuple[Direction, Direction] = ("up", "down")


class TcpProxy:
    """Between clients and 127.0.0.1:`target`; all calls may come from any thread."""

    def __init__(self, target: int) -> None:
        #: Also for another one, where new connections go from then on.
        self.target = target
        #: The address that the server sees, as another machine's.
        self.source: str | None = None
        self.port = free_port()
        #: Seconds that each piece of bytes is late, each way.
        self.delay = 0.0
        #: Bytes that wait behind `hold`, each way, since it was called.
        self.held: dict[Direction, int] = {"up": 0, "down": 0}
        self.accepted = 0
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._gates: dict[Direction, asyncio.Event] = {}

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._links)

    @property
    def sources(self) -> set[int]:
        """The ports of our ends that the server sees."""
        return {link.source for link in set(self._links)}

    def start(self) -> Self:
        self._thread.start()
        self._call(self._open)
        self.accept()
        return self

    def accept(self) -> None:
        """Listen; connections are made again."""
        self._run(self._listen())

    def refuse(self) -> None:
        """Listen no more: new connections are refused, open ones go on."""
        self._call(self._deafen)

    def cut(self) -> None:
        """Reset every open connection; bytes that are held or late are lost."""
        links = set(self._links)
        self._call(self._reset)
        wait_until(lambda: not links & self._links, "the connections to be cut")

    def hold(self, *directions: Direction) -> None:
        """Forward nothing, keep everything, in the named directions or both."""
        for direction in directions or BOTH:
            self.held[direction] = 0
            self._call(self._gates[direction].clear)

    def release(self) -> None:
        """Forward what was held, and go on."""
        for direction in BOTH:
            self._call(self._gates[direction].set)

    def wait_held(self, direction: Direction, at_least: int = 1) -> None:
        """Until so many bytes wait behind `hold`: the other side has spoken."""
        wait_until(lambda: self.held[direction] >= at_least, f"bytes to be held {direction}")

    def wait_connections(self, at_least: int = 1) -> None:
        """Until so many connections are open."""
        wait_until(lambda: self.connections >= at_least, "connections through the proxy")

    def close(self) -> None:
        self.refuse()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def forward(
        self, direction: Direction, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        """One piece of bytes, when its time has come."""
        gate = self._gates[direction]
        if not gate.is_set():
            self.held[direction] += len(data)
        await gate.wait()
        if self.delay:
            await asyncio.sleep(self.delay)  # the fault that was asked for
        writer.write(data)
        await writer.drain()

    def _open(self) -> None:
        for direction in BOTH:
            self._gates[direction] = asyncio.Event()
            self._gates[direction].set()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            source = self.source and (self.source, 0)
            far = await asyncio.open_connection("127.0.0.1", self.target, local_addr=source)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), far)
        self._links.add(link)
        try:
            with suppress(asyncio.CancelledError):  # by `cut`
                await link.run()
        finally:
            self._links.discard(link)

    def _call(self, function: Callable[[], object]) -> None:
        async def run() -> None:
            function()

        self._run(run())

    def _run(self, coroutine: Coroutine[object, object, object]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)


class _Link:
    """One connection of a client and its counterpart."""

    def __init__(
        self,
        proxy: TcpProxy,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._near, self._far = near, far
        self.source: int = far[1].get_extra_info("sockname")[1]
        self._task: asyncio.Task[object] | None = None

    async def run(self) -> None:
        """Forward both ways until either side ends."""
        self._task = asyncio.current_task()
        pumps = [
            asyncio.create_task(self._pump("up", self._near[0], self._far[1])),
            asyncio.create_task(self._pump("down", self._far[0], self._near[1])),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for _, writer in (self._near, self._far):
                writer.close()

    def reset(self) -> None:
        """Both sides get RST, so neither takes it for a polite end."""
        for _, writer in (self._near, self._far):
            raw: socket.socket | None = writer.get_extra_info("socket")
            if raw is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if self._task is not None:
            self._task.cancel()

    async def _pump(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65_536):
            await self._proxy.forward(direction, data, writer)
