"""The pump: reads for the streams of a node that have news, and writes to them.

A stream that has something to read is *due*; the pump reads for all due streams in one query, or
answers from what the node knows of their inboxes, and hands each its frames in one write.  Replay
and live are the same thing, a place that moves to what a read covered, so nothing falls between
them and nothing doubles.  News that arrives during a replay is not queued, it only keeps the stream
due.

A slow reader: past its cap nothing more is queued; it is *behind*, and catches up once its sink has
drained.  The producer never waits for a reader (the lesson of websockets' "broadcast" page).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from alimi.heads import Heads
from alimi.metrics import Metrics
from alimi.model import Changes
from alimi.position import Frames, Place, Step
from alimi.settings import Settings
from alimi.store import Store
from alimi.stream import Stream
from alimi.volley import Volley

logger = logging.getLogger("alimi")

#: Streams served by one query; keeps one turn of the loop short.
_TURN = 500
#: How long the pump feeds readers before others on the loop have their turn, in seconds.
_BREATH = 0.005
#: One row that cannot be told must not silence the others of a turn.
_UNTELLABLE = "alimi: a stream cannot go on and is ended"

#: An inbox, and after which version; None asks only for its head.
_Wanted = tuple[str, int | None]


class Pump:
    """Serves due streams.  `fail` ends a stream that cannot be told what there is."""

    def __init__(
        self,
        store: Store,
        heads: Heads,
        settings: Settings,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        fail: Callable[[Stream, Literal["unavailable"]], None],
    ) -> None:
        self._store = store
        self._heads = heads
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._fail = fail
        self._volley = Volley(wanted=settings.io_uring)
        self._due: dict[Stream, None] = {}
        self._wake = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    def is_due(self, stream: Stream) -> bool:
        """Whether the stream is going to be read for."""
        return stream in self._due

    def make_due(self, stream: Stream) -> None:
        """There may be something to read for it."""
        if stream.closed or stream.behind:
            return
        self._due[stream] = None
        self.idle.clear()
        self._wake.set()

    def drop(self, stream: Stream) -> None:
        """Nothing more is read for it."""
        self._due.pop(stream, None)

    async def run(self) -> None:
        """Serve due streams for ever; a failed read leaves them due and raises."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                await self._serve(self._take_turn())
                await asyncio.sleep(0)
            self.idle.set()

    def _take_turn(self) -> list[Stream]:
        """No longer due before the read begins: news during the read makes them due again."""
        turn = list(itertools.islice(self._due, _TURN))
        for stream in turn:
            del self._due[stream]
        return turn

    async def _serve(self, turn: Sequence[Stream]) -> None:
        wanted: dict[_Wanted, list[Stream]] = {}
        for stream in turn:
            wanted.setdefault((stream.recipient, stream.place.wanted), []).append(stream)
        try:
            known = {key: found for key in wanted if (found := self._heads.answer(*key))}
            self._metrics.memory_answers.inc(len(known))
            await self._feed_all(known, wanted)
            asked = [key for key in wanted if key not in known]
            if asked:
                await self._feed_all(await self._read(asked), wanted)
        except BaseException:
            for stream in turn:
                self.make_due(stream)
            raise

    async def _read(self, asked: list[_Wanted]) -> dict[_Wanted, Changes]:
        heads = [self._heads.get(recipient) for recipient, _ in asked]
        found = await self._store.changes_after(asked, self._settings.page)
        self._metrics.reads.inc()
        for changes, head in zip(found, heads, strict=True):
            self._heads.learn(changes, head)
        return dict(zip(asked, found, strict=True))

    async def _feed_all(
        self, found: dict[_Wanted, Changes], wanted: dict[_Wanted, list[Stream]]
    ) -> None:
        until = self._clock() + _BREATH
        for key, changes in found.items():
            made = Frames(changes, self._settings.backlog_bytes)
            for stream in wanted[key]:
                if self._clock() > until:
                    await asyncio.sleep(0)
                    until = self._clock() + _BREATH
                if stream.closed or stream.behind:
                    continue
                if stream.place.wanted == key[1]:
                    self._feed(stream, made)
                elif stream.place.lacks(changes):  # `deliver` moved it meanwhile, but less far
                    self.make_due(stream)

    def spread(self, streams: Iterable[Stream], made: Frames) -> None:
        """Feed those who stand where these changes begin, have the others read.

        What runs for each reader of each event: those who stand alike share one place, and are
        written to together.
        """
        last: Place | None = None
        step: Step | None = None
        alike: list[Stream] = []
        groups: dict[int, tuple[Step, list[Stream]]] = {}
        now = self._clock()
        for stream in streams:
            if stream.place is not last:
                last = stream.place
                step = self._at_once(stream, made)
                if step is not None:
                    alike = groups.setdefault(id(step), (step, []))[1]
            if stream.behind:
                continue
            if step is None:
                self._catch_up(stream, made)
                continue
            stream.place = step.place
            stream.wrote_at = now
            alike.append(stream)
        for each, group in groups.values():
            self._write_all(group, each.body)

    def _write_all(self, streams: Sequence[Stream], data: bytes) -> None:
        for number, unsent in self._volley.write([stream.sink for stream in streams], data):
            self._note_unsent(streams[number], unsent, len(data))

    def _at_once(self, stream: Stream, made: Frames) -> Step | None:
        try:
            return made.at_once(stream.place)
        except Exception:
            logger.exception(_UNTELLABLE)
            self._fail(stream, "unavailable")
            return None

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
            self._fail(stream, "unavailable")
            return
        if step.place.cursor < made.changes.head:
            self.make_due(stream)

    def _catch_up(self, stream: Stream, made: Frames) -> None:
        """Take what begins here in several writes, or read."""
        if stream.closed:
            return
        if stream.place.continues_with(made.changes):
            self._feed(stream, made)
        elif stream.place.lacks(made.changes):
            self.make_due(stream)

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
            self.drop(stream)
