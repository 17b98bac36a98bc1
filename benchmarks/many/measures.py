"""C1, C2, C4 and C5, one function each.  Cores are shared: there are more processes than cores."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import msgspec
import psycopg

from alimi.backends import open_store
from alimi.kinds import Kind
from alimi.settings import Settings
from benchmarks import machine
from benchmarks.arrivals import fire_all, noted
from benchmarks.asking import Line, get
from benchmarks.entrants import ALIMI, Entrant
from benchmarks.many import site
from benchmarks.many.transactions import (
    Bank,
    Then,
    insert_only,
    nothing,
    own_notify,
)
from benchmarks.process import Process
from benchmarks.readers import Readers
from benchmarks.sizes import Figures, Size, percentiles

#: Pairs of rates that a ratio is the median of: neighbours in time, on a shared machine.
_PAIRS = 3
_KIND = Kind("bench", category="bench", texts={"en": "Hello"})
#: A recipient whom the load is not for: keeps a node connected, and counts alone.
_NOBODY = 999_999


def postgres(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """C1: one relay on PostgreSQL, nobody connected."""
    del entrant
    with site.database() as url, site.nodes(folder, url, "local", 1) as (node,):
        line = Line(node.port)
        bulk = float(line.ask(f"/bulk?n={size.durable}&producers=8"))
        many = float(line.ask(f"/crowd?n={size.durable}"))
        recorded, applied = msgspec.json.decode(
            line.ask(f"/singles?n={size.singles}&producers=200"), type=tuple[float, float]
        )
        line.close()
    return {
        "C1 8 producers, batches of 1,000 events, per second": size.durable / bulk,
        "C1 one event to 1,000 recipients, per second": size.durable / many,
        "C1 single notify(), 200 producers, recorded per second": size.singles / recorded,
        "C1 single notify(), in the inboxes, per second": size.singles / applied,
    }


def transactions(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """C1, C5: 32 clients' transactions with a notification and without, a relay beside them."""
    del entrant
    with site.database() as url, site.nodes(folder, url, "local", 1):
        return asyncio.run(_transactions(url, size.transactions))


async def _transactions(url: str, count: int) -> Figures:
    bank = Bank(url)
    await bank.open()
    try:
        for then in (nothing, bank.within, own_notify):  # connections and caches are warm
            await bank.rate(then, count // 4, 1)
        one = await _pairs(bank, bank.within, nothing, count, 1)
        five = await _pairs(bank, bank.within, nothing, count, 5)
        _, least_of_one = await _pairs(bank, insert_only, nothing, count, 1)
        _, least_of_five = await _pairs(bank, insert_only, nothing, count, 5)
        by_hand = await _pairs(bank, own_notify, insert_only, count, 1)
    finally:
        await bank.close()
    return {
        "C1 transactions of one statement, with a notification, per second": one[0],
        "C1 of one statement, ratio to those without": one[1],
        "C1 of one statement, ratio with a plain INSERT instead": least_of_one,
        "C1 transactions of five statements, with a notification, per second": five[0],
        "C1 of five statements, ratio to those without": five[1],
        "C1 of five statements, ratio with a plain INSERT instead": least_of_five,
        "C5 one statement and NOTIFY in it, per second": by_hand[0],
        "C5 NOTIFY in it, ratio to the same without": by_hand[1],
        "C5 ours, beside NOTIFY in it": one[0] / by_hand[0],
    }


async def _pairs(
    bank: Bank, then: Then, without: Then, count: int, statements: int
) -> tuple[float, float]:
    """The median rate, and the median ratio of neighbours."""
    rates, ratios = list[float](), list[float]()
    for _ in range(_PAIRS):
        base = await bank.rate(without, count, statements)
        rates.append(await bank.rate(then, count, statements))
        ratios.append(rates[-1] / base)
    return statistics.median(rates), statistics.median(ratios)


def across(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """C2: commit to bytes, recorded on one node and read on another, over each bus."""
    del entrant
    figures: Figures = {}
    for name in site.BUSES:
        with site.database() as url, site.bus(name, url) as bus:
            own = folder / name
            own.mkdir()
            with site.nodes(own, url, bus, 2) as (first, second):
                figures |= _paced(f"C2 {name}, two nodes", first, second, size)
                if name == site.BUSES[0]:
                    figures |= _paced("C2 one node", first, first, size)
    return figures


def _paced(what: str, writer: Process, reader: Process, size: Size) -> Figures:
    recipients, count = min(100, size.streams), size.paced
    readers, line = Readers(reader.port), Line(writer.port)
    readers.open([ALIMI.opening(each) for each in range(recipients)], ALIMI.ready)
    fire_all(ALIMI, readers, line, recipients, recipients)
    arrivals = noted(readers)
    line.send(get(f"/fire?n={count}&of={recipients}&rate={size.rate}"))
    readers.wait(readers.count + count)
    committed = msgspec.json.decode(line.answer(), type=list[float])
    readers.close()
    line.close()
    if len(arrivals) != count:
        raise RuntimeError(f"{what}: {len(arrivals)} of {count} arrived")
    waits = [max(0.0, each.came - committed[each.number]) for each in arrivals]
    return percentiles(f"{what}, commit", waits)


def failover(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """C4: from `kill -9` of the node that relays to the bytes at a reader of another."""
    del entrant
    waits: list[float] = []
    with site.database() as url, site.bus("nats", url) as bus:
        survivor_folder = folder / "survivor"
        with site.node(survivor_folder, url, bus, size.check) as survivor:
            readers = Readers(survivor.port)
            readers.open([ALIMI.opening(_NOBODY)], ALIMI.ready)
            for turn in range(size.kills):
                with site.node(folder / f"dies-{turn}", url, bus) as dies:
                    waits.append(_kill(dies, readers, url))
            unheard = [_apply_silently(readers, url) for _ in range(max(1, size.kills // 3))]
            readers.close()
    return percentiles("C4 committed, not relayed, kill", waits) | {
        "C4 relayed, not hinted, to bytes, longest, ms": max(unheard) * 1_000
    }


def _kill(dies: Process, readers: Readers, url: str) -> float:
    """Load on the node that dies; a commit at the same moment, which nobody was told of."""
    line = Line(dies.port)
    line.send(get("/fire?n=100000&of=50&rate=1000"))
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT alimi_notify('bench', ARRAY[%s], '{\"en\": \"Hello\"}'::json, "
            'data => \'{"mark": "~"}\'::jsonb)',
            [str(_NOBODY)],
        )
        before = readers.count
        time.sleep(0.3)  # it relays under load for a moment
        dies.kill()
        killed = machine.now()
        connection.commit()
    if readers.wait(before + 1) < before + 1:
        raise RuntimeError("the event did not come")
    line.close()
    return machine.now() - killed


def _apply_silently(readers: Readers, url: str) -> float:
    """As if a node had died between its commit and its hint: only the position check can tell."""

    async def apply() -> float:
        store = open_store(url, Settings())
        await store.open()
        event = _KIND.event(to=_NOBODY, data={"mark": "~"})
        await store.append([event])
        await store.apply(100)
        await store.close()
        return machine.now()

    before, began = readers.count, asyncio.run(apply())
    if readers.wait(before + 1) < before + 1:
        raise RuntimeError("the event did not come")
    return machine.now() - began
