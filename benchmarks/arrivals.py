"""Events that were fired, and how they arrive at the streams that wait for them."""

from __future__ import annotations

import re
from typing import NamedTuple

from benchmarks import machine
from benchmarks.asking import Line
from benchmarks.entrants import Entrant
from benchmarks.readers import Readers

_STAMP = re.compile(rb'"n": ?(\d+), ?"at": ?([\d.]+)')


class Arrival(NamedTuple):
    """One event's number, when it was fired, and when its bytes came."""

    number: int
    fired: float
    came: float


def noted(readers: Readers) -> list[Arrival]:
    """What comes from now on; the list grows while the readers wait."""
    arrivals: list[Arrival] = []

    def note(data: bytes) -> None:
        now = machine.now()
        found = _STAMP.findall(data)
        arrivals.extend(Arrival(int(number), float(at), now) for number, at in found)

    readers.on_data = note
    return arrivals


def fire_all(entrant: Entrant, readers: Readers, line: Line, of: int, events: int) -> None:
    """Events one after another, each to another recipient, until all have come."""
    target = readers.count + events
    done = entrant.fire(line, events, of)
    if readers.wait(target) < target:
        raise RuntimeError(f"{entrant.name}: {target - readers.count} events are missing")
    done()
