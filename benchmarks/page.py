"""Puts the figures of a run into docs/performance.md, between its two marks."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import tables
from benchmarks.entrants import ROOT
from benchmarks.results import Results

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_BLOCK = re.compile(f"({BEGIN}\n).*({END})", re.DOTALL)


def fill(results: Results, source: Path) -> None:
    """Replace what stands between the marks."""
    body = "\n".join([_facts(results, source), "", tables.markdown(results), *_left_out(results)])
    page = PAGE.read_text("utf-8")
    PAGE.write_text(_BLOCK.sub(lambda found: f"{found[1]}{body}\n{found[2]}", page), "utf-8")


def _facts(results: Results, source: Path) -> str:
    facts = results.machine
    rounds = [
        sum(value is not None for value in values)
        for figures in results.table.values()
        for entrants in figures.values()
        for values in entrants.values()
    ]
    least, most = min(rounds), max(rounds)
    return (
        f"{facts['date']}: {facts['processor']}, {facts['cores']} cores, {facts['system']}, "
        f"Python {facts['python']}, SQLite {facts['sqlite']} with `synchronous=FULL`, "
        f"{facts['descriptors']} descriptors a process, load average at the start "
        f"{facts['load average before']}, at the end {facts['load average after']}. "
        f"Median and range of {f'{least} to ' if least < most else ''}{most} rounds; "
        f"all values are in `benchmarks/results/{source.name}`."
    )


def _left_out(results: Results) -> list[str]:
    return (
        ["Left out:", "", *(f"- {line}" for line in results.left_out), ""]
        if results.left_out
        else []
    )
