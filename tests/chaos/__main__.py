"""The long form: `python -m tests.chaos --bus nats --events 100000 --seed 7`.

Starts its own PostgreSQL, bus and nodes, and prints what it does and finds; exit 1 for a finding.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec

from tests.chaos.cluster import BUSES
from tests.chaos.round import Plan, run

#: Printed of each problem, of which there may be very many.
SHOWN = 10


def main() -> int:
    """Run one round and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--bus", choices=BUSES, default="nats")
    parser.add_argument("--events", type=int, default=100_000, help="to be acknowledged")
    parser.add_argument("--seed", type=int, default=1, help="decides the faults and their order")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--several", type=int, default=100, help="events in one bulk call")
    given = parser.parse_args()
    plan = msgspec.convert(vars(given), Plan)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)  # noqa: T201 - a report

    with tempfile.TemporaryDirectory(prefix="alimi-chaos-") as folder:
        report = asyncio.run(run(Path(folder), plan, say))
    for problem, times in Counter(each.problem for each in report.findings).items():
        say(f"{times} times {problem}")
        some = [str(each) for each in report.findings if each.problem == problem][:SHOWN]
        for line in some:
            say(line)
    figures = msgspec.structs.asdict(report.figures)
    counts = {"faults": len(report.faults), "resets": report.resets}
    say(json.dumps({**figures, **counts, "connections": report.connections}))
    say(f"{len(report.findings)} findings")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
