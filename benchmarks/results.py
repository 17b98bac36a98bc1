"""Figures of all rounds: medians, ranges, and ratios that come from the same round."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import NamedTuple

import msgspec

#: Measure, then figure, then entrant: one value a round.
Table = dict[str, dict[str, dict[str, list[float | None]]]]


class Spread(NamedTuple):
    """What several rounds say."""

    median: float
    low: float
    high: float


def spread(values: list[float | None]) -> Spread | None:
    """Of the rounds that were taken."""
    taken = [value for value in values if value is not None]
    return Spread(statistics.median(taken), min(taken), max(taken)) if taken else None


class Results(msgspec.Struct):
    """What one run measured, where, and what it left out."""

    machine: dict[str, object] = {}
    notes: dict[str, str] = {}
    left_out: list[str] = []
    table: Table = {}

    def add(self, measure: str, number: int, entrant: str, figures: dict[str, float]) -> None:
        """Figures of round `number`, counted from 0."""
        for figure, value in figures.items():
            rounds = self.table.setdefault(measure, {}).setdefault(figure, {})
            values = rounds.setdefault(entrant, [])
            values.extend([None] * (number - len(values)))
            values.append(round(value, 3))

    def of(self, measure: str, figure: str, entrant: str) -> list[float | None]:
        """The rounds of one figure; empty when it was not taken."""
        return self.table.get(measure, {}).get(figure, {}).get(entrant, [])

    def ratio(self, above: tuple[str, str, str], below: tuple[str, str, str]) -> Spread | None:
        """One figure over another, round by round."""
        pairs = zip(self.of(*above), self.of(*below), strict=False)
        return spread([top / base for top, base in pairs if top is not None and base])

    def save(self, path: Path) -> None:
        """As JSON for people and programs."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def load(path: Path) -> Results:
    """What `save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
