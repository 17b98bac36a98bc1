"""The open streams of one node.

It knows who is connected, begins and ends streams, takes what arrives, and looks after all of them
by one wheel; `alimi.pump` reads and writes for them, and `alimi.checks` finds what was not heard.

An idle stream has no task, no timer and no queue: one wheel ticks for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from alimi import frames
from alimi.bus import Bus
from alimi.checks import PositionChecks
from alimi.following import Following
from alimi.heads import Heads
from alimi.metrics import EndReason, Metrics, RefusalReason
from alimi.model import BusMessage, Changes, HangUp, Hint, Identity, SignalTo
from alimi.position import Beginning, Frames, beginning
from alimi.pump import Pump
from alimi.settings import Settings
from alimi.signals import Signals
from alimi.sinks import Sink
from alimi.store import Store
from alimi.stream import Stream
from alimi.wheel import Wheel

logger = logging.getLogger("alimi")
#: A server's access log has only a stream's beginning; this has its end.
access = logging.getLogger("alimi.access")

#: A refused reader waits so many times longer than one that was merely cut.
_REFUSED_TIMES = 5


class Again(NamedTuple):
    """How to ask once more whose stream it is.

    Between that it was asked and that the stream hears of hang-ups the login may have ended.
    """

    #: Answers as `who` does: a recipient, an Identity, or None for nobody.
    ask: Callable[[], Awaitable[object]]
    #: The loop's time (seconds) just before it was asked first.
    asked_at: float = -math.inf


class Hub:
    """Registry and wheel of this node's streams.

    `store`, `bus` and `clock` (seconds of a steady clock) are the caller's; its tasks keep `run`
    and `run_wheel` running.  All other methods belong to the same event loop.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        settings: Settings,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        wall_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._wall_ms = wall_ms
        self._streams: dict[str, set[Stream]] = {}
        self._count = 0
        self._heads = Heads(settings.tail_bytes, settings.page, clock)
        self._following = Following(
            bus, self._heads, settings, metrics,
            clock=clock, needed=self._streams.__contains__,
        )  # fmt: skip
        self._pump = Pump(store, self._heads, settings, metrics, clock=clock, fail=self.end)
        self.checks = PositionChecks(
            store, self._heads, self._pump, settings, metrics, streams=self._streams
        )
        self._wheel: Wheel[Stream] = Wheel(clock())
        self._ending: set[Stream] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._signals = Signals(self._signal, settings.backlog_bytes // 4)
        self.draining = False

    # -- opening and ending -------------------------------------------------------------------

    def __len__(self) -> int:
        return self._count

    def open_streams(self) -> list[Stream]:
        """All of them, as they are now."""
        return [stream for group in self._streams.values() for stream in group]

    def streams_of(self, recipient: str) -> int:
        """How many streams of this recipient are open here."""
        return len(self._streams.get(recipient, ()))

    def refusal(self, recipient: str) -> RefusalReason | None:
        """Why another stream cannot be had now; an older one is never evicted for it."""
        if self.draining:
            return "drain"
        # Those that are ending still hold a socket.
        full = self._count + len(self._ending) >= self._settings.max_streams
        if full or self.streams_of(recipient) >= self._settings.max_streams_per_recipient:
            return "capacity"
        return None

    def refuse(self, recipient: str) -> bytes | None:
        """What a reader who cannot be taken is told instead of a stream; None for one who can."""
        reason = self.refusal(recipient)
        if reason is None:
            return None
        self._metrics.streams_refused.labels(reason).inc()
        return frames.bye(reason, self._retry_ms() * _REFUSED_TIMES)

    async def open(
        self,
        sink: Sink,
        identity: Identity,
        asked: str | None,
        locales: tuple[str, ...],
        again: Again | None = None,
    ) -> Stream | None:
        """Register a stream, then let it read: subscribe first, so nothing falls in between.

        `asked` is the reader's cursor as it came, or None to begin at the head.  Answers None when
        the last place was taken meanwhile: `refuse` may have been asked some awaits ago.  Without
        `again` a hang-up from before it was registered is not noticed before the stream's age.
        """
        goodbye = self.refuse(identity.recipient)
        if goodbye is not None:
            sink.write(goodbye)
            sink.close()
            return None
        stream = self._register(sink, identity, beginning(asked, locales))
        try:
            await self._following.join(stream.recipient)
            if not await self._may_stay(stream, again):
                self.end(stream, "hangup")
        except BaseException:
            self.end(stream, "gone")
            raise
        self._pump.make_due(stream)
        return stream

    def _register(self, sink: Sink, identity: Identity, place: Beginning) -> Stream:
        stream = Stream(self, sink, identity, place)
        now = self._clock()
        stream.opened_at = stream.wrote_at = now
        age = self._settings.max_stream_seconds
        stream.ends_at = now + age * random.uniform(0.8, 1.0)
        self._streams.setdefault(stream.recipient, set()).add(stream)
        self._count += 1
        self._metrics.streams.set(self._count)
        sink.attach(stream)
        sink.write(frames.retry(self._retry_ms()))
        self._schedule(stream)
        return stream

    async def _may_stay(self, stream: Stream, again: Again | None) -> bool:
        """Whether the identity still holds (G7).  From here on hang-ups reach the stream."""
        if again is None or self._heads.is_quiet(stream.recipient, again.asked_at):
            return True
        now = Identity.of(await again.ask())
        was = stream.identity
        return now is not None and (now.recipient, now.session) == (was.recipient, was.session)

    def end(self, stream: Stream, reason: EndReason) -> None:
        """Forget a stream and close its sink; says `bye` when the reader can still hear it."""
        if stream.closed:
            return
        self._signals.flush()
        stream.closed = True
        if reason != "gone" and reason != "stalled":  # noqa: PLR1714 - narrows the type
            stream.sink.write(frames.bye(reason, self._retry_ms()))
        self._forget(stream)
        self._metrics.streams_ended.labels(reason).inc()
        lived = self._clock() - stream.opened_at
        access.info("stream of %r ended after %.1f s: %s", stream.recipient, lived, reason)
        if reason != "gone":
            self._ending.add(stream)
            self._all_ended.clear()
            stream.ends_at = self._clock() + self._settings.stall_seconds
            self._wheel.put(stream, stream.ends_at)
        stream.sink.close(abort=reason == "stalled")

    def reader_gone(self, stream: Stream) -> None:
        """A sink has ended, by us or by the reader."""
        self.end(stream, "gone")
        self._ending.discard(stream)
        self._wheel.drop(stream)
        if not self._ending:
            self._all_ended.set()

    def server_stops(self, stream: Stream) -> None:
        """The server around us stops: newcomers are refused and this reader is told."""
        self.draining = True
        self.end(stream, "drain")

    async def drain(self, seconds: float) -> None:
        """End all streams, spread over `seconds`; each reader gets its own delay to come back."""
        self.draining = True
        streams = self.open_streams()
        slices = max(1, min(len(streams) // 100, 50))
        for start in range(slices):
            for stream in streams[start::slices]:
                self.end(stream, "drain")
            if start + 1 < slices:
                await asyncio.sleep(seconds / slices)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()
        for stream in tuple(self._ending):
            stream.sink.close(abort=True)

    def _retry_ms(self) -> int:
        """This connection's own reconnect delay: equal ones make storms."""
        return random.randint(*self._settings.retry_ms)

    def _forget(self, stream: Stream) -> None:
        self._pump.drop(stream)
        self._wheel.drop(stream)
        group = self._streams.get(stream.recipient)
        if group is not None and stream in group:
            group.discard(stream)
            self._count -= 1
            self._metrics.streams.set(self._count)
            if not group:
                del self._streams[stream.recipient]
                self._following.leave(stream.recipient)

    # -- what arrives -------------------------------------------------------------------------

    def hear(self, message: BusMessage) -> None:
        """Take a message of the bus."""
        match message:
            case Hint(recipient, version):
                self._hint(recipient, version)
            case SignalTo(recipient, name, data):
                if recipient in self._streams:
                    self._signals.add(recipient, name, data)
            case HangUp(recipient, session):
                self._hang_up(recipient, session)

    def bus_was_lost(self) -> None:
        """What was said meanwhile is unknown: check soon, once for many such calls."""
        self._heads.doubt()
        self.checks.want()

    def follows(self, recipient: str) -> bool:
        """Whether anything here would take a recipient's changes."""
        return recipient in self._heads or recipient in self._streams

    def deliver(self, batch: Iterable[Changes]) -> None:
        """Take rows that this node's relay has just written, so that they need not be read.

        Only a stream that stands exactly where a batch begins takes it; others read.
        """
        self._signals.flush()
        for changes in batch:
            streams = self._streams.get(changes.recipient)
            if streams:
                made = Frames(changes, self._settings.backlog_bytes)
                self._pump.spread(tuple(streams), made)
            self._heads.deliver(changes)

    def _hint(self, recipient: str, version: int) -> None:
        if not self._heads.hear(recipient, version):
            return
        for stream in self._streams.get(recipient, ()):
            if stream.place.cursor < version:
                self._pump.make_due(stream)

    def _signal(self, recipient: str, body: bytes, count: int) -> None:
        now = self._clock()
        for stream in tuple(self._streams.get(recipient, ())):
            if not stream.place.begun:  # its `hello` comes later and tells the page to look
                self._metrics.signals_dropped.labels("early").inc(count)
                continue
            if stream.sink.backlog > self._settings.backlog_bytes:
                self._metrics.signals_dropped.labels("behind").inc(count)
                continue
            stream.sink.write(body)
            stream.wrote_at = now

    def _hang_up(self, recipient: str, session: str | None) -> None:
        self._heads.hang_up(recipient)  # also for those who are only about to come
        for stream in tuple(self._streams.get(recipient, ())):
            if session is None or stream.identity.session == session:
                self.end(stream, "hangup")

    # -- the pump -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve streams for ever; a failed read leaves them due and raises."""
        await self._pump.run()

    async def settled(self) -> None:
        """Wait until nothing is due; for tests and shutdown."""
        await self._pump.idle.wait()

    def reader_drained(self, stream: Stream) -> None:
        """A sink is empty again: a stream that was behind reads what it missed."""
        stream.unsent = 0
        if stream.behind and not stream.closed:
            stream.behind = False
            self._pump.make_due(stream)

    # -- the wheel ----------------------------------------------------------------------------

    async def run_wheel(self) -> None:
        """Tick once a second: pings, ages, expiries, stalled readers."""
        while True:
            await asyncio.sleep(1)
            self.turn_wheel()

    def turn_wheel(self) -> None:
        """Everything that has become due by the clock."""
        now = self._clock()
        for stream in self._wheel.turn(now):
            self._look_after(stream, now)
        self._following.expire()

    def _look_after(self, stream: Stream, now: float) -> None:
        expires_at = stream.identity.expires_at
        if stream.closed:  # it was told to end and has not: its reader takes nothing
            stream.sink.close(abort=True)
        elif expires_at is not None and expires_at <= self._wall_ms():
            self.end(stream, "expired")
        elif stream.ends_at <= now:
            self.end(stream, "age")
        elif self._stalled(stream, now):
            self.end(stream, "stalled")
        else:
            if now - stream.wrote_at >= self._settings.ping_seconds and not stream.sink.backlog:
                stream.sink.write(frames.PING)
                stream.wrote_at = now
            self._schedule(stream)

    def _stalled(self, stream: Stream, now: float) -> bool:
        """Something is unsent, and it has not become less for too long."""
        backlog = stream.sink.backlog
        if not backlog or backlog < stream.unsent:
            stream.progress_at = now
        stream.unsent = backlog
        return backlog > 0 and now - stream.progress_at >= self._settings.stall_seconds

    def _schedule(self, stream: Stream) -> None:
        next_look = min(stream.wrote_at + self._settings.ping_seconds, stream.ends_at)
        if stream.unsent:
            next_look = min(next_look, self._clock() + self._settings.stall_seconds / 4)
        if stream.identity.expires_at is not None:
            left = (stream.identity.expires_at - self._wall_ms()) / 1_000
            next_look = min(next_look, self._clock() + left)
        self._wheel.put(stream, next_look)
