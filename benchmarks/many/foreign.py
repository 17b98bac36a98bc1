"""C3: what a node spends on events of which none concerns anybody who is connected to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.asking import Line
from benchmarks.entrants import ALIMI, Entrant
from benchmarks.many import site
from benchmarks.process import Process
from benchmarks.readers import Readers
from benchmarks.sizes import Figures, Size

#: Events per second, none of which concerns a bystander.
_RATES = (100, 300, 1_000)
#: Recipients of the events, and somebody else, whose stream keeps a bystander connected.
_OF, _NOBODY = 100, 999_999


def foreign(entrant: Entrant, folder: Path, size: Size) -> Figures:
    """Two nodes, four, and as many more as listen without streams; each at several rates."""
    del entrant
    figures: Figures = {}
    for name in site.BUSES:
        own = folder / name
        own.mkdir()
        with site.database() as url, site.bus(name, url) as bus, ExitStack() as stack:
            cluster = _Cluster(stack, own, url, bus)
            cluster.add_bystander()
            figures |= _watch(cluster, f"C3 {name}, 2 nodes", size)
            cluster.add_bystander()
            cluster.add_bystander()
            figures |= _watch(cluster, f"C3 {name}, 4 nodes", size)
            cluster.add_listeners(size.listeners)
            figures |= _watch(cluster, f"C3 {name}, 4 nodes and {size.listeners} listening", size)
    return figures


class _Cost(NamedTuple):
    """Seconds that passed, and of CPU: of one bystander, and of one that only listens."""

    took: float
    bystander: float
    listener: float


class _Cluster:
    """One node that writes, and others, each with a stream that nothing is for; it grows."""

    def __init__(self, stack: ExitStack, folder: Path, url: str, bus: str) -> None:
        self._stack = stack
        self._folder = folder
        self._urls = url, bus
        self._bystanders: list[Process] = []
        self._listening: tuple[Process, int] | None = None
        writer = stack.enter_context(site.node(folder / "writer", url, bus))
        self.line = Line(writer.port)
        stack.callback(self.line.close)

    def add_bystander(self) -> None:
        folder = self._folder / f"bystander-{len(self._bystanders)}"
        node = self._stack.enter_context(site.node(folder, *self._urls))
        readers = Readers(node.port)
        self._stack.callback(readers.close)
        readers.open([ALIMI.opening(_NOBODY)], ALIMI.ready)
        self._bystanders.append(node)

    def add_listeners(self, count: int) -> None:
        process = site.listeners(self._folder / "listeners", *self._urls, count)
        self._listening = self._stack.enter_context(process), count

    def fire(self, count: int, rate: int) -> None:
        """So many events at this rate; returns when all are in their inboxes."""
        self.line.ask(f"/fire?n={count}&of={_OF}&rate={rate}")
        self.line.ask("/flush")

    def cost(self, work: Callable[[], object]) -> _Cost:
        """What `work` costs those whom it does not concern."""
        started, before = machine.now(), self._cpu()
        work()
        took, after = machine.now() - started, self._cpu()
        return _Cost(took, after[0] - before[0], after[1] - before[1])

    def _cpu(self) -> tuple[float, float]:
        of_all = sum(each.cpu() for each in self._bystanders) / len(self._bystanders)
        if self._listening is None:
            return of_all, 0.0
        process, count = self._listening
        return of_all, process.cpu() / count


def _watch(cluster: _Cluster, what: str, size: Size) -> Figures:
    """Milliseconds of CPU each second, idle and at each rate, and what one event adds."""
    cluster.fire(_OF, max(_RATES))  # every recipient has an inbox, and every plan is made
    idle = cluster.cost(lambda: time.sleep(size.watch))  # to be idle is what is measured
    figures = {f"{what}, idle: CPU of a bystander, ms/s": idle.bystander / idle.took * 1_000}
    for rate in _RATES:
        count = max(1, int(rate * size.watch))
        busy = cluster.cost(partial(cluster.fire, count, rate))
        figures[f"{what}, {rate} events/s: CPU of a bystander, ms/s"] = (
            busy.bystander / busy.took * 1_000
        )
    share = busy.took / idle.took
    added = max(0.0, busy.bystander - idle.bystander * share) / count
    figures[f"{what}: CPU per foreign event, µs"] = added * 1e6
    if busy.listener:
        added = max(0.0, busy.listener - idle.listener * share) / count
        figures[f"{what}: CPU of one that only listens, µs"] = added * 1e6
    return figures
