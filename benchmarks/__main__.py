"""`scripts/bench [measure …] [--rounds 3] [--only NAME …] [--out FILE] [--page]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, page, picture, tables
from benchmarks.entrants import ALIMI, OURS, ROOT, Entrant
from benchmarks.measures import MEASURES
from benchmarks.peers.install import peers
from benchmarks.results import Results, load
from benchmarks.sizes import TINY, Size

RESULTS = ROOT / "benchmarks" / "results"


def main(words: Sequence[str] | None = None) -> None:
    """Take the measures in turn, several rounds, print the table, and keep the figures."""
    asked = _arguments(words)
    if asked.draw:
        results = load(asked.draw)
    else:
        results = measure(asked)
        results.save(asked.out)
    print(tables.text(results))
    if asked.page:
        page.fill(results, asked.out if not asked.draw else asked.draw)
        picture.draw(results, page.PICTURE)


def measure(asked: argparse.Namespace) -> Results:
    """Every entrant in every round, in turn: all share the mood of the machine."""
    entrants, left_out = _entrants(asked.only, alone=asked.alone)
    results = Results(machine.facts(), {each.name: each.note for each in entrants}, left_out)
    machine.take_load_cores()
    size = TINY if asked.tiny else Size()
    for number in range(asked.rounds):
        for name in asked.measures or MEASURES:
            for entrant in entrants:
                if _can(name, entrant, number):
                    _take(results, name, number, entrant, size)
        results.machine["load average after"] = machine.load()
        results.save(asked.out)
    return results


def _take(results: Results, name: str, number: int, entrant: Entrant, size: Size) -> None:
    at = time.strftime("%H:%M:%S")
    print(f"{at} round {number + 1}, {name}: {entrant.name} …", file=sys.stderr, flush=True)
    take, _ = MEASURES[name]
    with tempfile.TemporaryDirectory(prefix="alimi-bench-") as folder:
        try:
            results.add(name, number, entrant.name, take(entrant, Path(folder), size))
        except (RuntimeError, OSError) as error:
            line = f"{name} of {entrant.name}, round {number + 1}: {error}"
            results.left_out.append(line)
            print(line, file=sys.stderr)


def _can(name: str, entrant: Entrant, number: int) -> bool:
    _, for_peers = MEASURES[name]
    if name == "large crowd" and number > 0 and entrant != ALIMI:
        return False  # it takes most of the time, and says the same each time
    if not for_peers:
        return entrant == ALIMI
    return entrant.paces or name != "latency"


def _entrants(only: list[str], *, alone: bool) -> tuple[list[Entrant], list[str]]:
    others, left_out = ([], []) if alone else peers()
    for line in left_out:
        print(line, file=sys.stderr)
    everybody = [*OURS, *others]
    chosen = [each for each in everybody if not only or each.name in only]
    return chosen, left_out


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure Alimi and its peers on this machine."
    )
    parser.add_argument("measures", nargs="*", help=f"of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="entrants by name; default: all")
    parser.add_argument("--alone", action="store_true", help="no peers, install nothing")
    parser.add_argument("--tiny", action="store_true", help="a trial of the benchmark itself")
    parser.add_argument("--out", type=Path, default=RESULTS / "latest.json")
    parser.add_argument("--draw", type=Path, help="measure nothing, show these results")
    parser.add_argument(
        "--page", action="store_true", help="fill docs/performance.md and its picture"
    )
    asked = parser.parse_args(words)
    if unknown := set(asked.measures) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    main()
