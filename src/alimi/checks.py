"""The position check: finds by comparing with the store what the bus has lost (G9).

Every node makes one in turn, and one soon after each interruption of the bus, or after another
process has written to the same file.  It looks at the streams that have no reason to move, and at
what is remembered of inboxes without a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Collection, Iterable, Mapping

from alimi.heads import Heads
from alimi.metrics import Metrics
from alimi.model import Positions
from alimi.pump import Pump
from alimi.settings import Settings
from alimi.store import Store
from alimi.stream import Stream

#: Recipients asked for in one query.
_CHECK = 5_000
#: News that is under way when the heads are read arrives within this, and needs no healing.
_GRACE = 0.05
#: After an interruption of the bus all nodes want to check: over so many seconds they spread.
#: Where two processes write to one file, it joins what each commit of the other asks for.
_SPREAD = 0.25


class PositionChecks:
    """Compares `streams`, the open ones by recipient, and `heads` with the store."""

    def __init__(
        self,
        store: Store,
        heads: Heads,
        pump: Pump,
        settings: Settings,
        metrics: Metrics,
        *,
        streams: Mapping[str, Collection[Stream]],
    ) -> None:
        self._store = store
        self._heads = heads
        self._pump = pump
        self._settings = settings
        self._metrics = metrics
        self._streams = streams
        self._epoch: str | None = None
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Check soon; once for many such calls."""
        self._wanted.set()

    async def run(self) -> None:
        """Check for ever; apart from the wheel, so that a slow store delays no ping."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.position_check_seconds):
                    await self._wanted.wait()
            if self._wanted.is_set():
                await asyncio.sleep(random.uniform(0, _SPREAD))
            self._wanted.clear()
            try:
                await self.compare(_GRACE)
            except BaseException:
                self._wanted.set()
                raise

    async def compare(self, grace: float = 0) -> None:
        """Look at everything once; heals lost hints, notices a restored database.

        What moves by itself within `grace` seconds was only under way, and is not called healed.
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

    def _read_again(self) -> None:
        for group in self._streams.values():
            for stream in group:
                self._pump.make_due(stream)

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
