"""What is measured, one function each; every one answers its figures by name."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from alimi import Alimi
from benchmarks.load import Tally, running

_AT = re.compile(rb'"data":\{"at":([0-9.]+)\}')


async def fan_out(folder: Path, streams: int = 1_000, events: int = 100) -> dict[str, float]:
    """B1: one event at a time to many streams of one recipient, through the durable pipeline."""
    async with running(folder) as server:
        tally = Tally("2")
        before = server.resident()
        await tally.open(server, streams)
        memory = server.resident() - before
        cpu, started = server.cpu(), time.monotonic()
        for number in range(events):
            await server.get("/burst?u=2&n=1")
            await tally.reached("notifications", (number + 1) * streams)
        cpu, took = server.cpu() - cpu, time.monotonic() - started
        tally.close()
    return {
        "deliveries per CPU-second": streams * events / cpu,
        "deliveries per second": streams * events / took,
        "KB per idle stream": memory / streams / 1_024,
    }


async def burst(folder: Path, streams: int = 1_000, events: int = 100) -> dict[str, float]:
    """B2: a hundred events at once to the same streams."""
    async with running(folder) as server:
        tally = Tally("2")
        await tally.open(server, streams)
        cpu = server.cpu()
        await server.get(f"/burst?u=2&n={events}")
        await tally.reached("notifications", streams * events)
        cpu = server.cpu() - cpu
        tally.close()
    return {"deliveries per CPU-second": streams * events / cpu}


async def durable(folder: Path, count: int = 20_000) -> dict[str, float]:
    """B5: durable notifications into inboxes (SQLite, synchronous=FULL), nobody connected."""
    alimi = Alimi(folder / "durable.db")
    kind = alimi.kind("bench", category="bench", text={"en": "Hello {object.id}"})
    await alimi.start()
    started = time.monotonic()
    for first in range(0, count, 1_000):
        await alimi.append([kind.kind.event(to=str(first + n), object=n) for n in range(1_000)])
    await alimi.flush()
    bulk = count / (time.monotonic() - started)
    started = time.monotonic()
    singles = count // 2

    async def producer(share: int) -> None:
        for number in range(share):
            await kind.notify(to=str(number), object=number)

    await asyncio.gather(*(producer(singles // 200) for _ in range(200)))
    single = singles / (time.monotonic() - started)
    await alimi.close()
    return {"bulk per second": bulk, "single notify() per second, 200 producers": single}


async def latency(folder: Path, rate: int = 500, seconds: int = 4) -> dict[str, float]:
    """B6: from the call of notify() to the bytes at the client, at a steady rate."""
    async with running(folder) as server:
        tally, waits = Tally("2"), list[float]()

        def note(data: bytes) -> None:
            now = time.monotonic()
            waits.extend((now - float(at)) * 1_000 for at in _AT.findall(data))

        await tally.open(server, 1)
        tally.on_data = note
        await server.get(f"/pace?u=2&n={rate * seconds}&rate={rate}")
        await tally.reached("notifications", rate * seconds)
        tally.close()
    waits.sort()
    return {
        "p50 ms": waits[len(waits) // 2],
        "p99 ms": waits[len(waits) * 99 // 100],
    }


Measure = Callable[[Path], Awaitable[dict[str, float]]]
MEASURES: dict[str, Measure] = {
    "fan-out": fan_out,
    "burst": burst,
    "durable": durable,
    "latency": latency,
}
