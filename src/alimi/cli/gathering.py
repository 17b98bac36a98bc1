"""Metrics of several workers behind one port: whoever is scraped asks the others.

Each worker has a socket in a private folder and answers there with its own series; the one that
is scraped joins them, each with a label `worker`.  Nothing is shared while nobody scrapes, so
counting costs what it costs in one process, and a worker that hangs is a missing one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

#: A worker that needs longer to tell its series hangs.
_PATIENCE = 1.0
#: All series of one worker, one line, are some 20 KiB.
_MOST_BYTES = 4 << 20


class _Sample(msgspec.Struct, array_like=True):
    name: str
    labels: dict[str, str]
    value: float


class _Family(msgspec.Struct, array_like=True):
    name: str
    documentation: str
    type: str
    unit: str
    samples: list[_Sample]


_decode = msgspec.json.Decoder(list[_Family]).decode


class Gathered:
    """Series that were collected a moment ago, as an exposition takes them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> list[Metric]:
        """All families."""
        return self._families


class Gathering:
    """One worker's end; `folder` is the same for all `count` of them."""

    def __init__(self, folder: Path, number: int, count: int, registry: CollectorRegistry) -> None:
        self._folder = folder
        self._number = number
        self._count = count
        self._registry = registry
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer the others."""
        path = self._path(self._number)
        path.unlink(missing_ok=True)  # of the process that was here before
        self._server = await asyncio.start_unix_server(self._answer, path)

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.close()

    async def collect(self) -> Gathered:
        """The series of all workers that answer."""
        numbers = range(1, self._count + 1)
        told = await asyncio.gather(*(self._ask(number) for number in numbers))
        return Gathered(_joined(dict(zip(numbers, told, strict=True))))

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(_encoded(self._registry) + b"\n")
        writer.close()

    async def _ask(self, number: int) -> bytes | None:
        if number == self._number:
            return _encoded(self._registry)
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_unix_connection(
                    self._path(number), limit=_MOST_BYTES
                )
                try:
                    told = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):  # away, too slow, too much
            return None
        return told


def _encoded(registry: CollectorRegistry) -> bytes:
    families = [
        _Family(
            each.name, each.documentation, each.type, each.unit,
            [_Sample(sample.name, sample.labels, sample.value) for sample in each.samples],
        )
        for each in registry.collect()
    ]  # fmt: skip
    return msgspec.json.encode(families)


def _joined(told: dict[int, bytes | None]) -> Iterable[Metric]:
    up = GaugeMetricFamily("alimi_worker_up", "Whether a worker answered.", labels=["worker"])
    joined: dict[str, Metric] = {}
    for number, answer in told.items():
        families = _families(answer)
        up.add_metric([str(number)], 1 if families else 0)
        for family in families:
            whole = joined.setdefault(
                family.name, Metric(family.name, family.documentation, family.type, family.unit)
            )
            for sample in family.samples:
                labels = {**sample.labels, "worker": str(number)}
                whole.add_sample(sample.name, labels, sample.value)
    return [up, *joined.values()]


def _families(answer: bytes | None) -> list[_Family]:
    """What a worker has told; nothing when it ended in the middle."""
    with contextlib.suppress(msgspec.DecodeError):
        return _decode(answer or b"[]")
    return []
