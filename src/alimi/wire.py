"""A TCP connection to a bus's server: joins what one turn of the loop writes, and knows its end."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import cast

#: No server sends us more in one piece; a peer that does speaks another protocol.
_MOST = 64 * 1024 * 1024
#: Bytes that may wait in the transport before `drain` waits.
_HIGH_WATER = 256 * 1024


class LinkError(Exception):
    """The server cannot be used now; the text says why, for a log."""


class Wire(asyncio.Protocol):
    """Buffers both ways; a subclass reads what has come and says how to ping.

    10,000 subscriptions made in one turn are one write, and those who wait for the server's answer
    in one turn share one ping.
    """

    ping = b"PING\r\n"

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: Done with the reason when the connection has ended.
        self.gone: asyncio.Future[str] = self._loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []
        self._flush_planned = False
        self._writable = asyncio.Event()
        self._writable.set()
        #: Answers to pings, in the order of the pings.
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._asked: asyncio.Future[None] | None = None

    async def dial(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> None:
        """Connect; with `tls`, encrypted from the first byte, `name` being its certificate's."""
        name = name if tls else None
        await self._loop.create_connection(lambda: self, host, port, ssl=tls, server_hostname=name)

    async def encrypt(self, tls: ssl.SSLContext, name: str) -> None:
        """Go on encrypted, on a connection that began in the clear."""
        assert self.transport is not None  # noqa: S101 - dialled before
        upgraded = await self._loop.start_tls(self.transport, self, tls, server_hostname=name)
        if upgraded is None:
            raise LinkError("the connection broke while it was being encrypted")
        self._use(upgraded)

    # -- what a subclass says -----------------------------------------------------------------

    def take(self, data: bytearray) -> int:
        """Read what has come as far as it is whole; answers how many bytes that was.

        Raises LinkError for what the protocol does not allow.
        """
        raise LinkError

    def pinged(self) -> None:
        """A ping goes out now, after everything that was written before."""

    # -- asyncio's side -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless nobody waits for it any more."""
        self._use(cast("asyncio.Transport", transport))  # uvloop's own is no subclass of it
        if self.gone.done():
            self.close()

    def data_received(self, data: bytes) -> None:
        """Read what is whole, keep the rest."""
        self._incoming += data
        try:
            taken = self.take(self._incoming)
        except LinkError as error:
            self.close(str(error))
            return
        del self._incoming[:taken]
        if len(self._incoming) > _MOST:
            self.close("the server sends more than any of its frames may hold")

    def pause_writing(self) -> None:
        """The server takes too little."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; those who wait for an answer hear of it."""
        self._end(f"the connection broke: {exc}" if exc else "the server closed the connection")

    def _use(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport = transport

    # -- our side -----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send at the end of this turn."""
        self._outgoing.append(data)
        self._plan_flush()

    def confirm(self) -> asyncio.Future[None]:
        """Done when the server has taken in everything written so far; fails when it went."""
        if self.gone.done():
            failed: asyncio.Future[None] = self._loop.create_future()
            failed.set_exception(LinkError(self.gone.result()))
            return failed
        if self._asked is None:
            self._asked = self._loop.create_future()
            # Who stopped waiting leaves nobody to fetch its failure.
            self._asked.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._plan_flush()
        return self._asked

    async def probe(self) -> None:
        """Ask whether the server is still there; raises LinkError."""
        await asyncio.shield(self.confirm())

    def answered(self) -> None:
        """The server has answered the oldest ping."""
        if not self._pongs:
            raise LinkError("the server answers what nobody asked")
        pong = self._pongs.popleft()
        if not pong.done():
            pong.set_result(None)

    async def drain(self) -> None:
        """Wait while the server takes too little."""
        self.flush()
        if not self._writable.is_set():
            await self._writable.wait()

    def flush(self) -> None:
        """Send now."""
        self._flush_planned = False
        if self.gone.done() or self.transport is None:
            self._outgoing.clear()
            return
        if self._asked is not None:
            self._outgoing.append(self.ping)
            self._pongs.append(self._asked)
            self._asked = None
            self.pinged()
        if self._outgoing:
            self.transport.write(b"".join(self._outgoing))
            self._outgoing.clear()

    def close(self, reason: str = "closed") -> None:
        """End at once; what was not sent is lost."""
        self._end(reason)
        if self.transport is not None:
            self.transport.abort()

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self.flush)

    def _end(self, reason: str) -> None:
        if self.gone.done():
            return
        self.gone.set_result(reason)
        self._writable.set()
        waiting = [*self._pongs, *([self._asked] if self._asked else [])]
        self._pongs.clear()
        self._asked = None
        for pong in waiting:
            if not pong.done():
                pong.set_exception(LinkError(reason))
