"""What is measured, one function each; every one answers its figures by name."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.arrivals import fire_all, noted
from benchmarks.asking import Line, post, volley
from benchmarks.entrants import Entrant
from benchmarks.many import measures as many
from benchmarks.many.foreign import foreign
from benchmarks.process import Process
from benchmarks.readers import Readers
from benchmarks.server import API_KEY
from benchmarks.sizes import Figures, Size, percentiles

#: Notifications that a reader can have before the first that is measured.
_WARM = 5
#: Streams that are opened before memory and CPU are counted.
_EARLY = 100
#: After so many seconds without any more of it, the rest of a burst is lost.
_LOST = 10
_ID = re.compile(rb"id: ?(\S+)")


@contextmanager
def _open(
    entrant: Entrant, folder: Path, recipients: list[int]
) -> Iterator[tuple[Process, Readers, Line]]:
    """A server with one stream open for each of these recipients."""
    with entrant.started(folder) as server:
        readers, line = Readers(server.port), Line(server.port)
        try:
            readers.open([entrant.opening(each) for each in recipients], entrant.ready)
            yield server, readers, line
        finally:
            readers.close()
            line.close()


def fan_out(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """B1, B2: one event at a time to many streams of one recipient, then many events at once."""
    with _open(entrant, folder, [0] * size.streams) as (server, readers, line):
        _one_by_one(entrant, readers, line, size.streams, _WARM)
        cpu = server.cpu()
        _one_by_one(entrant, readers, line, size.streams, size.events)
        singly = size.streams * size.events / (server.cpu() - cpu)
        cpu, before, wanted = server.cpu(), readers.count, size.streams * size.burst
        done = entrant.fire(line, size.burst, 1, "&burst=1")
        came = readers.wait(before + wanted, patience=_LOST) - before
        done()
        figures = {
            "B1 deliveries per CPU-second": singly,
            "B2 deliveries per CPU-second": came / (server.cpu() - cpu),
            "B2 arrived, %": 100 * came / wanted,
        }
        if entrant.durable:
            figures["B2 readers that fell behind"] = _metric(line, "alimi_streams_behind_total")
    return figures


def _one_by_one(entrant: Entrant, readers: Readers, line: Line, streams: int, events: int) -> None:
    """The next event only when all have the last."""
    for _ in range(events):
        target = readers.count + streams
        done = entrant.fire(line, 1, 1)
        if readers.wait(target) < target:
            raise RuntimeError(f"{entrant.name}: {target - readers.count} deliveries are missing")
        done()


def small_crowd(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """B3, B4, B8 with as many connected recipients as a small site has."""
    return _crowd(entrant, folder, size.streams, size.fired)


def large_crowd(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """The same with as many as the descriptor limit allows, or as the entrant bears."""
    streams = machine.most_streams(min(size.crowd, entrant.most))
    # Where each event costs milliseconds, fewer of them say as much.
    return _crowd(entrant, folder, streams, size.fired if entrant.name != "NestJS" else 200)


def _crowd(entrant: Entrant, folder: Path, streams: int, events: int) -> Figures:
    with entrant.started(folder) as server:
        readers, line = Readers(server.port), Line(server.port)
        entrant.fire(line, 1, streams)()
        # The first streams load code and fill pools; they stay open and are not counted.
        early = range(streams, streams + max(1, min(_EARLY, streams // 10)))
        readers.open([entrant.opening(each) for each in early], entrant.ready)
        cpu, resident = server.cpu(), server.resident()
        took = readers.open([entrant.opening(each) for each in range(streams)], entrant.ready)
        figures = {
            "streams": float(streams),
            "B4 KB resident per idle stream": (server.resident() - resident) / streams / 1_024,
            "B8 CPU per new stream, µs": (server.cpu() - cpu) / streams * 1e6,
            "B8 new streams per second": streams / took,
        }
        fire_all(entrant, readers, line, streams, _WARM)
        cpu = server.cpu()
        fire_all(entrant, readers, line, streams, events)
        figures["B3 CPU per event to one of them, µs"] = (server.cpu() - cpu) / events * 1e6
        readers.close()
        line.close()
    return figures


def latency(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """B6: to the bytes at the client at a steady rate; from the call, and from the commit."""
    recipients, count = min(100, size.streams), size.paced
    with _open(entrant, folder, list(range(recipients))) as (_, readers, line):
        fire_all(entrant, readers, line, recipients, _WARM)
        arrivals = noted(readers)
        done = entrant.fire(line, count, recipients, f"&rate={size.rate}")
        readers.wait(readers.count + count)
        committed = msgspec.json.decode(done()) if entrant.durable else None
    figures = percentiles("B6 call", [each.came - each.fired for each in arrivals])
    if committed is not None:
        waits = [max(0.0, each.came - committed[each.number]) for each in arrivals]
        figures |= percentiles("B6 commit", waits)
    return figures


def durable(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """B5: durable notifications into inboxes (SQLite, synchronous=FULL), nobody connected."""
    with entrant.started(folder, machine.all_cores()) as server:
        line, cpu = Line(server.port), server.cpu()
        bulk = float(line.ask(f"/bulk?n={size.durable}&producers=8"))
        cpu = server.cpu() - cpu
        alone = float(line.ask(f"/bulk?n={size.durable}&producers=1"))
        many = float(line.ask(f"/crowd?n={size.durable}"))
        recorded, applied = msgspec.json.decode(
            line.ask(f"/singles?n={size.singles}&producers=200"), type=tuple[float, float]
        )
        line.close()
    return {
        "B5 8 producers, batches of 1,000 events, per second": size.durable / bulk,
        "B5 one producer, batches of 1,000 events, per second": size.durable / alone,
        "B5 in batches, CPU per event, µs": cpu / size.durable * 1e6,
        "B5 one event to 1,000 recipients, per second": size.durable / many,
        "B5 single notify(), 200 producers, recorded per second": size.singles / recorded,
        "B5 single notify(), in the inboxes, per second": size.singles / applied,
        **_posted(entrant, folder, size),
    }


def _posted(entrant: Entrant, folder: Path, size: Size) -> Figures:
    body = b'{"kind":"bench","to":"7","object":"7","data":{"mark":"~"}}'
    headers = ("Content-Type: application/json", f"Authorization: Bearer {API_KEY}")
    request = post("/api/v1/events", body, *headers)
    with entrant.started(folder) as server:
        line = Line(server.port)
        volley(server.port, request, min(200, size.posts), 64)
        cpu = server.cpu()
        took = volley(server.port, request, size.posts, 64)
        line.ask("/flush")
        cpu = server.cpu() - cpu
        line.close()
    return {
        "B5 over HTTP, one a request, one core, per second": size.posts / took,
        "B5 over HTTP, CPU per request, µs": cpu / size.posts * 1e6,
    }


def reconnect(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """B7: everybody comes back at once, with nothing missed and with ten missed each."""
    with entrant.started(folder) as server:
        line = Line(server.port)
        line.ask(f"/missed?each=1&of={size.storm}")
        cursors = [""] * size.storm
        _storm(entrant, server, line, [None] * size.storm, cursors, missed=0)
        figures = _storm(entrant, server, line, list(cursors), cursors, missed=0)
        named = {f"B7 nothing missed: {name}": value for name, value in figures.items()}
        line.ask(f"/missed?each=10&of={size.storm}")
        figures = _storm(entrant, server, line, list(cursors), cursors, missed=10)
        named |= {f"B7 ten missed: {name}": value for name, value in figures.items()}
        line.close()
    return named


def _storm(
    entrant: Entrant,
    server: Process,
    line: Line,
    asked: list[str | None],
    cursors: list[str],
    *,
    missed: int,
) -> Figures:
    """Open all with what each asks for, note where each stands then, and leave again."""
    readers = Readers(server.port)

    def note(index: int, said: bytes) -> None:
        cursors[index] = _ID.findall(said)[-1].decode()

    readers.on_open = note
    reads, cpu, started = _metric(line, "alimi_store_reads_total"), server.cpu(), machine.now()
    requests = [entrant.opening(index, cursor) for index, cursor in enumerate(asked)]
    readers.open(requests, entrant.ready)
    count = readers.wait(missed * len(asked))
    took, cpu = machine.now() - started, server.cpu() - cpu
    reads = _metric(line, "alimi_store_reads_total") - reads
    if count != missed * len(asked):
        raise RuntimeError(f"{count} notifications came, not {missed * len(asked)}")
    readers.close()
    while _metric(line, "alimi_streams") > 0:
        time.sleep(0.05)  # between two questions; nothing tells that the last has gone
    return {
        "streams per second": len(asked) / took,
        "CPU per stream, µs": cpu / len(asked) * 1e6,
        "store reads": reads,
    }


def _metric(line: Line, name: str) -> float:
    for row in line.ask("/api/metrics").decode().splitlines():
        if row.startswith(f"{name} "):
            return float(row.split()[1])
    return 0.0


Measure = Callable[[Entrant, Path, Size], Figures]

#: By name; whether peers can do it too.
MEASURES: dict[str, tuple[Measure, bool]] = {
    "fan-out": (fan_out, True),
    "small crowd": (small_crowd, True),
    "large crowd": (large_crowd, True),
    "latency": (latency, True),
    "durable": (durable, False),
    "reconnect": (reconnect, False),
    "postgres": (many.postgres, False),
    "transactions": (many.transactions, False),
    "across nodes": (many.across, False),
    "foreign events": (foreign, False),
    "failover": (many.failover, False),
}
