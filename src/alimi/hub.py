"""The open streams of one node.

It knows who is connected, begins and ends streams, takes what arrives, and looks after all of them
by one wheel; `alimi.pump` reads and writes for them.

An idle stream has no task, no timer and no queue: one wheel ticks for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from typing import Literal

from alimi import frames
from alimi.bus import Bus
from alimi.following import Following
from alimi.heads import Heads
from alimi.metrics import Metrics
from alimi.model import BusMessage, Changes, HangUp, Hint, Identity, Positions, SignalTo
from alimi.position import Frames, beginning
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

#: Recipients asked for in one position check.
_CHECK = 5_000
#: News that is under way when the heads are read arrives within this, and needs no healing.
_GRACE = 0.05
#: After an interruption of the bus all nodes want to check: over so many seconds they spread.
_SPREAD = 0.25

Reason = frames.ByeReason | Literal["gone"]


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
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._wall_ms = wall_ms
        self._streams: dict[str, set[Stream]] = {}
        self._count = 0
        self._heads = Heads(settings.tail_bytes, settings.page)
        self._following = Following(
            bus, self._heads, settings, metrics,
            clock=clock, needed=self._streams.__contains__,
        )  # fmt: skip
        self._pump = Pump(store, self._heads, settings, metrics, clock=clock, fail=self.end)
        self._wheel: Wheel[Stream] = Wheel(clock())
        self._ending: set[Stream] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._epoch: str | None = None
        self._doubt = asyncio.Event()
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

    def refusal(self, recipient: str) -> frames.ByeReason | None:
        """Why another stream cannot be had now; an older one is never evicted for it."""
        if self.draining:
            return "drain"
        # Those that are ending still hold a socket.
        full = self._count + len(self._ending) >= self._settings.max_streams
        if full or self.streams_of(recipient) >= self._settings.max_streams_per_recipient:
            return "capacity"
        return None

    def count_refusal(self, reason: str) -> None:
        """A reader was told to come back later."""
        self._metrics.streams_refused.labels(reason).inc()

    def retry_ms(self) -> int:
        """This connection's own reconnect delay: equal ones make storms."""
        return random.randint(*self._settings.retry_ms)

    async def open(
        self, sink: Sink, identity: Identity, asked: str | None, locales: tuple[str, ...]
    ) -> Stream | None:
        """Register a stream, then let it read: subscribe first, so nothing falls in between.

        `asked` is the reader's cursor as it came, or None to begin at the head.  Answers None when
        the last place was taken meanwhile: `refusal` may have been asked some awaits ago.
        """
        refused = self.refusal(identity.recipient)
        if refused is not None:
            self.count_refusal(refused)
            sink.write(frames.bye(refused, self.retry_ms()))
            sink.close()
            return None
        stream = Stream(self, sink, identity, beginning(asked, locales))
        now = self._clock()
        stream.opened_at = stream.wrote_at = now
        age = self._settings.max_stream_seconds
        stream.ends_at = now + age * random.uniform(0.8, 1.0)
        self._streams.setdefault(stream.recipient, set()).add(stream)
        self._count += 1
        self._metrics.streams.set(self._count)
        sink.attach(stream)
        sink.write(frames.retry(self.retry_ms()))
        self._schedule(stream)
        try:
            await self._following.join(stream.recipient)
        except BaseException:
            self.end(stream, "gone")
            raise
        self._pump.make_due(stream)
        return stream

    def end(self, stream: Stream, reason: Reason) -> None:
        """Forget a stream and close its sink; says `bye` when the reader can still hear it."""
        if stream.closed:
            return
        self._signals.flush()
        stream.closed = True
        if reason != "gone" and reason != "stalled":  # noqa: PLR1714 - narrows the type
            stream.sink.write(frames.bye(reason, self.retry_ms()))
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
        self._doubt.set()

    def _read_again(self) -> None:
        for group in self._streams.values():
            for stream in group:
                self._pump.make_due(stream)

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
            if not stream.place.begun:
                continue  # its `hello` comes later and tells the page to look
            if stream.sink.backlog > self._settings.backlog_bytes:
                self._metrics.signals_dropped.labels("behind").inc(count)
                continue
            stream.sink.write(body)
            stream.wrote_at = now

    def _hang_up(self, recipient: str, session: str | None) -> None:
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

    async def run_position_checks(self) -> None:
        """Check for ever; apart from the wheel, so that a slow store delays no ping."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.position_check_seconds):
                    await self._doubt.wait()
            if self._doubt.is_set():
                await asyncio.sleep(random.uniform(0, _SPREAD))
            self._doubt.clear()
            try:
                await self.check_positions(_GRACE)
            except BaseException:
                self._doubt.set()
                raise

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

    async def check_positions(self, grace: float = 0) -> None:
        """Compare every stream, and what is known of inboxes, with the store.

        Heals lost hints, notices a restored database.
        """
        recipients = list({**self._streams, **dict.fromkeys(self._heads)})
        for start in range(0, len(recipients), _CHECK):
            # Where they stood before the heads were read: who moved meanwhile needs no help.
            stood = self._resting(recipients[start : start + _CHECK])
            found = await self._store.positions(recipients[start : start + _CHECK])
            if self._is_another_store(found):
                self._heads.doubt()
                self._read_again()
            self._epoch = found.epoch
            for recipient, head in found.heads.items():
                self._heads.check(recipient, head)
            suspects = {s: at for s, at in stood.items() if at != found.heads.get(s.recipient, 0)}
            if suspects and grace:
                await asyncio.sleep(grace)
            self._heal(suspects)

    def _is_another_store(self, found: Positions) -> bool:
        """Restored, failed over or renewed since streams were answered."""
        if self._epoch is None:
            return not self._heads.belong_to(found.epoch)
        return found.epoch != self._epoch

    def _resting(self, recipients: Iterable[str]) -> dict[Stream, int]:
        """Where the streams stand that have no reason to move."""
        return {
            stream: stream.place.cursor
            for recipient in recipients
            for stream in self._streams.get(recipient, ())
            if self._rests(stream)
        }

    def _heal(self, suspects: dict[Stream, int]) -> None:
        for stream, cursor in suspects.items():
            if not stream.closed and stream.place.cursor == cursor and self._rests(stream):
                self._metrics.healed.inc()
                self._pump.make_due(stream)

    def _rests(self, stream: Stream) -> bool:
        return stream.place.begun and not stream.behind and not self._pump.is_due(stream)
