"""The open streams of one node.

One loop serves everything: a stream that has something to read is *due*; the pump reads for all due
streams in one query and hands each its frames in one write.  Replay and live are the same thing, a
position that moves to what a read covered, so nothing falls between them and nothing doubles.  News
that arrives during a replay is not queued, it only keeps the stream due.

A slow reader: past its cap nothing more is queued; it is *behind*, and catches up from the store
once its sink has drained.  The producer never waits for a reader (the lesson of websockets'
"broadcast" page).

An idle stream has no task, no timer and no queue: one wheel ticks for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from alimi import frames
from alimi.bus import Bus
from alimi.metrics import Metrics
from alimi.model import BusMessage, Changes, HangUp, Hint, Identity, SignalTo
from alimi.position import Frames, Place, Step, beginning
from alimi.settings import Settings
from alimi.sinks import Sink
from alimi.store import Store
from alimi.wheel import Wheel

logger = logging.getLogger("alimi")
#: A server's access log has only a stream's beginning; this has its end.
access = logging.getLogger("alimi.access")

#: Streams served by one query; keeps one turn of the loop short.
_TURN = 500
#: How long the pump feeds readers before others on the loop have their turn, in seconds.
_BREATH = 0.005
#: Recipients asked for in one position check.
_CHECK = 5_000
#: News that is under way when the heads are read arrives within this, and needs no healing.
_GRACE = 0.05
#: After an interruption of the bus all nodes want to check: over so many seconds they spread.
_SPREAD = 0.25

#: One row that cannot be told must not silence the others of a turn.
_UNTELLABLE = "alimi: a stream cannot go on and is ended"

Reason = frames.ByeReason | Literal["gone"]


class Stream:
    """One open SSE connection of one recipient; the hub's view of it."""

    __slots__ = (
        "_hub", "behind", "closed", "ends_at", "identity", "opened_at", "place", "progress_at",
        "sink", "tick", "unsent", "wrote_at",
    )  # fmt: skip

    def __init__(self, hub: Hub, sink: Sink, identity: Identity, place: Place) -> None:
        self._hub = hub
        self.sink = sink
        self.identity = identity
        self.place = place
        #: Nothing more is queued until the sink has drained.
        self.behind = False
        self.closed = False
        self.opened_at = self.wrote_at = self.ends_at = 0.0
        #: What was unsent when it was last looked at, and when that last became less.
        self.unsent = 0
        self.progress_at = 0.0
        self.tick = 0

    @property
    def recipient(self) -> str:
        """Whose stream it is."""
        return self.identity.recipient

    def sink_drained(self) -> None:
        """The reader took everything: catch up if it fell behind."""
        self._hub.reader_drained(self)

    def sink_gone(self) -> None:
        """The reader has left."""
        self._hub.reader_gone(self)

    def sink_stopping(self) -> None:
        """The server stops: newcomers are refused and this reader is told."""
        self._hub.draining = True
        self._hub.end(self, "drain")


class Hub:
    """Registry, pump and wheel of this node's streams.

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
        self._bus = bus
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._wall_ms = wall_ms
        self._streams: dict[str, set[Stream]] = {}
        self._count = 0
        self._due: dict[Stream, None] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._following: dict[str, asyncio.Future[None]] = {}
        self._wheel: Wheel[Stream] = Wheel(clock())
        self._ending: set[Stream] = set()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._epoch: str | None = None
        self._doubt = asyncio.Event()
        self._last_signal: tuple[str, object, bytes] | None = None
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
            await self._follow(stream.recipient)
        except BaseException:
            self.end(stream, "gone")
            raise
        self._make_due(stream)
        return stream

    def end(self, stream: Stream, reason: Reason) -> None:
        """Forget a stream and close its sink; says `bye` when the reader can still hear it."""
        if stream.closed:
            return
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
        self._due.pop(stream, None)
        self._wheel.drop(stream)
        group = self._streams.get(stream.recipient)
        if group is not None and stream in group:
            group.discard(stream)
            self._count -= 1
            self._metrics.streams.set(self._count)
            if not group:
                del self._streams[stream.recipient]
                self._following.pop(stream.recipient, None)
                self._bus.unfollow((stream.recipient,))

    async def _follow(self, recipient: str) -> None:
        """Wait until the bus has confirmed; streams of one recipient share the wait."""
        waiting = self._following.get(recipient)
        if waiting is None:
            waiting = self._following[recipient] = asyncio.ensure_future(
                self._bus.follow((recipient,))
            )
        await asyncio.shield(waiting)

    # -- what arrives -------------------------------------------------------------------------

    def hear(self, message: BusMessage) -> None:
        """Take a message of the bus."""
        match message:
            case Hint(recipient, version):
                self._hint(recipient, version)
            case SignalTo(recipient, name, data):
                if recipient in self._streams:
                    self._signal(recipient, self._signal_frame(name, data))
            case HangUp(recipient, session):
                self._hang_up(recipient, session)

    def bus_was_lost(self) -> None:
        """What was said meanwhile is unknown: check soon, once for many such calls."""
        self._doubt.set()

    def _read_again(self) -> None:
        for group in self._streams.values():
            for stream in group:
                self._make_due(stream)

    def deliver(self, batch: Iterable[Changes]) -> None:
        """Take rows that this node's relay has just written, so that they need not be read.

        Only a stream that stands exactly where a batch begins takes it; others read.
        """
        for changes in batch:
            streams = self._streams.get(changes.recipient)
            if streams:
                self._spread(tuple(streams), Frames(changes, self._settings.backlog_bytes))

    def _spread(self, streams: Iterable[Stream], made: Frames) -> None:
        """Feed those who stand where these changes begin, have the others read.

        What runs for each reader of each event: those who stand alike share one place, so that it
        is mostly a comparison and a write.
        """
        last: Place | None = None
        step: Step | None = None
        now = self._clock()
        for stream in streams:
            if stream.place is not last:
                last = stream.place
                step = self._at_once(stream, made)
            if stream.behind:
                continue
            if step is None:
                self._catch_up(stream, made)
                continue
            stream.place = step.place
            stream.wrote_at = now
            unsent = stream.sink.write(step.body)
            if unsent:
                self._note_unsent(stream, unsent, len(step.body))

    def _at_once(self, stream: Stream, made: Frames) -> Step | None:
        try:
            return made.at_once(stream.place)
        except Exception:
            logger.exception(_UNTELLABLE)
            self.end(stream, "unavailable")
            return None

    def _hint(self, recipient: str, version: int) -> None:
        for stream in self._streams.get(recipient, ()):
            if stream.place.cursor < version:
                self._make_due(stream)

    def _signal_frame(self, name: str, data: object) -> bytes:
        """A signal goes to many recipients in a row: encoded once."""
        last = self._last_signal
        if last is None or last[0] != name or last[1] is not data:
            last = self._last_signal = (name, data, frames.signal(name, data))
        return last[2]

    def _signal(self, recipient: str, frame: bytes) -> None:
        now = self._clock()
        for stream in self._streams.get(recipient, ()):
            if not stream.place.begun:
                continue  # its `hello` comes later and tells the page to look
            if stream.sink.backlog > self._settings.backlog_bytes:
                self._metrics.signals_dropped.labels("behind").inc()
                continue
            stream.sink.write(frame)
            stream.wrote_at = now

    def _hang_up(self, recipient: str, session: str | None) -> None:
        for stream in tuple(self._streams.get(recipient, ())):
            if session is None or stream.identity.session == session:
                self.end(stream, "hangup")

    # -- the pump -----------------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until nothing is due; for tests and shutdown."""
        await self._idle.wait()

    async def run(self) -> None:
        """Serve due streams for ever; a failed read leaves them due and raises."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                await self._serve(self._take_turn())
                await asyncio.sleep(0)
            self._idle.set()

    def _take_turn(self) -> list[Stream]:
        """No longer due before the read begins: news during the read makes them due again."""
        turn = list(itertools.islice(self._due, _TURN))
        for stream in turn:
            del self._due[stream]
        return turn

    async def _serve(self, turn: Sequence[Stream]) -> None:
        wanted: dict[tuple[str, int | None], list[Stream]] = {}
        for stream in turn:
            wanted.setdefault((stream.recipient, stream.place.wanted), []).append(stream)
        try:
            answers = await self._store.changes_after(list(wanted), self._settings.page)
        except BaseException:
            for stream in turn:
                self._make_due(stream)
            raise
        self._metrics.reads.inc()
        until = self._clock() + _BREATH
        for (key, group), changes in zip(wanted.items(), answers, strict=True):
            made = Frames(changes, self._settings.backlog_bytes)
            for stream in group:
                if self._clock() > until:
                    await asyncio.sleep(0)
                    until = self._clock() + _BREATH
                if stream.closed or stream.behind:
                    continue
                if stream.place.wanted == key[1]:
                    self._feed(stream, made)
                elif stream.place.lacks(changes):  # `deliver` moved it meanwhile, but less far
                    self._make_due(stream)

    def _feed(self, stream: Stream, made: Frames) -> None:
        """Write what one read found, piece by piece, until the reader has it or falls behind."""
        try:
            while True:
                step = made.step(stream.place)
                if step.lost is not None:
                    self._metrics.resets.labels(step.lost).inc()
                stream.place = step.place
                if step.body:
                    self._write(stream, step.body)
                if step.place.cursor >= made.changes.upto or stream.behind:
                    break
        except Exception:
            logger.exception(_UNTELLABLE)
            self.end(stream, "unavailable")
            return
        if step.place.cursor < made.changes.head:
            self._make_due(stream)

    def _catch_up(self, stream: Stream, made: Frames) -> None:
        """Take what begins here in several writes, or read."""
        if stream.closed:
            return
        if stream.place.continues_with(made.changes):
            self._feed(stream, made)
        elif stream.place.lacks(made.changes):
            self._make_due(stream)

    def _write(self, stream: Stream, data: bytes) -> None:
        stream.wrote_at = self._clock()
        unsent = stream.sink.write(data)
        if unsent:
            self._note_unsent(stream, unsent, len(data))

    def _note_unsent(self, stream: Stream, unsent: int, size: int) -> None:
        """The reader has not taken everything, this write of `size` bytes included."""
        if not stream.unsent or unsent < stream.unsent + size:
            stream.progress_at = stream.wrote_at
        stream.unsent = unsent
        if unsent > self._settings.backlog_bytes:
            stream.behind = True
            self._metrics.streams_behind.inc()
            self._due.pop(stream, None)

    def reader_drained(self, stream: Stream) -> None:
        """A sink is empty again: a stream that was behind reads what it missed."""
        stream.unsent = 0
        if stream.behind and not stream.closed:
            stream.behind = False
            self._make_due(stream)

    def _make_due(self, stream: Stream) -> None:
        if stream.closed or stream.behind:
            return
        self._due[stream] = None
        self._idle.clear()
        self._wake.set()

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
        """Compare every stream with its inbox: heals lost hints, notices a restored database."""
        recipients = list(self._streams)
        for start in range(0, len(recipients), _CHECK):
            # Where they stood before the heads were read: who moved meanwhile needs no help.
            stood = self._resting(recipients[start : start + _CHECK])
            found = await self._store.positions(recipients[start : start + _CHECK])
            if self._epoch is not None and found.epoch != self._epoch:
                self._read_again()
            self._epoch = found.epoch
            suspects = {s: at for s, at in stood.items() if at != found.heads.get(s.recipient, 0)}
            if suspects and grace:
                await asyncio.sleep(grace)
            self._heal(suspects)

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
                self._make_due(stream)

    def _rests(self, stream: Stream) -> bool:
        return stream.place.begun and not stream.behind and stream not in self._due
