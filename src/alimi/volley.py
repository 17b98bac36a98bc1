"""The same frames to many readers at once: in few system calls, where the system offers that."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alimi.sinks import Sink, TransportSink, as_chunk

if TYPE_CHECKING:
    from alimi.uring import Ring

logger = logging.getLogger("alimi")

#: For fewer it is not worth its own cost.
_FEW = 16


class Volley:
    """Writes to many sinks.  With `wanted` through io_uring, if there is one here.

    It belongs to the thread of its loop, and makes its ring when there is first use for it.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._ring: Ring | None = None

    def write(self, sinks: Sequence[Sink], data: bytes) -> list[tuple[int, int]]:
        """`Sink.write` for each; answers the number and the backlog of those who have one."""
        descriptors = [sink.descriptor for sink in sinks] if self._wanted else []
        few = len(sinks) < _FEW or max(descriptors, default=-1) < 0
        if few or (ring := self._open()) is None:
            return [(n, unsent) for n, sink in enumerate(sinks) if (unsent := sink.write(data))]
        try:
            return _at_once(ring, sinks, descriptors, data)
        except OSError as error:  # who got it is not known: they come back with their cursor
            logger.warning("alimi: io_uring broke (%s): %d readers come back", error, len(sinks))
            self._wanted, self._ring = False, None
            for sink in sinks:
                sink.close(abort=True)
            return []

    def _open(self) -> Ring | None:
        if self._ring is None:
            try:
                self._ring = importlib.import_module("alimi.uring").Ring()
            except (OSError, ImportError) as error:
                self._wanted = False
                logger.debug("alimi: readers are written to one by one: no io_uring: %s", error)
        return self._ring


def _at_once(
    ring: Ring, sinks: Sequence[Sink], descriptors: Sequence[int], data: bytes
) -> list[tuple[int, int]]:
    chunk = as_chunk(data)
    results = ring.send(descriptors, chunk)
    if results.count(len(chunk)) == len(results):
        return []
    rest = ((n, result) for n, result in enumerate(results) if result != len(chunk))
    return [(n, unsent) for n, result in rest if (unsent := _finish(sinks[n], data, result))]


def _finish(sink: Sink, data: bytes, result: int) -> int:
    if isinstance(sink, TransportSink) and sink.descriptor >= 0:
        return sink.took(as_chunk(data), result)
    return sink.write(data)  # the ring was given -1 for it
