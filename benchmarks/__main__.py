"""`python -m benchmarks [measure …] [--rounds 3] [--out file.json]`."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measures import MEASURES, Measure


def main() -> None:
    """Take the measures in turn, several rounds, and print medians."""
    parser = argparse.ArgumentParser(description="Measure Alimi on this machine.")
    parser.add_argument("measures", nargs="*", help=f"of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the results here, as JSON")
    asked = parser.parse_args()
    if unknown := set(asked.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    names = asked.measures or list(MEASURES)
    if os.cpu_count() != 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 2)))
    results: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for number in range(asked.rounds):
        for name in names:
            print(f"round {number + 1}/{asked.rounds}: {name} …", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                figures = asyncio.run(_take(MEASURES[name], Path(folder)))
            for figure, value in figures.items():
                results[name].setdefault(figure, []).append(round(value, 2))
    show(results)
    if asked.out:
        asked.out.write_text(json.dumps({"machine": facts(), "results": results}, indent=2) + "\n")


async def _take(measure: Measure, folder: Path) -> dict[str, float]:
    return await measure(folder)


def show(results: dict[str, dict[str, list[float]]]) -> None:
    """A table: median, minimum, maximum."""
    print(f"{'measure':44} {'median':>12} {'min':>12} {'max':>12}")
    for name, figures in results.items():
        for figure, values in figures.items():
            middle = statistics.median(values)
            label = f"{name}: {figure}"
            print(f"{label:44} {middle:12,.1f} {min(values):12,.1f} {max(values):12,.1f}")


def facts() -> dict[str, object]:
    """What the numbers belong to."""
    return {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
    }


if __name__ == "__main__":
    main()
