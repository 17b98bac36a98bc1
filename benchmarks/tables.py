"""The figures as a table: for a terminal, and as Markdown."""

from __future__ import annotations

from benchmarks.results import Results, Spread, spread
from benchmarks.targets import TARGETS


def number(value: float) -> str:
    """Three digits that matter, thousands in groups."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(results: Results) -> str:
    """For a terminal: median, minimum, maximum."""
    lines = [f"{'':58}{'median':>12}{'min':>12}{'max':>12}"]
    for measure, figures in results.table.items():
        lines += ["", f"{measure}"]
        for figure, entrants in figures.items():
            lines.append(f"  {figure}")
            lines += [_line(name, spread(values)) for name, values in entrants.items()]
    return "\n".join([*lines, "", *_aims(results), "", *results.left_out])


def _line(name: str, found: Spread | None) -> str:
    cells = [number(each) for each in found] if found else []
    return f"    {name:54}" + "".join(f"{cell:>12}" for cell in cells)


def _aims(results: Results) -> list[str]:
    lines = []
    for target in TARGETS:
        found = target.reached(results)
        if found is not None:
            word = "met" if target.met(found.median) else "MISSED"
            bound = f"{'≤' if target.at_most else '≥'} {number(target.bound)}"
            lines.append(f"  {target.text:54}{number(found.median):>12}  {bound:>10}  {word}")
    return lines


def markdown(results: Results) -> str:
    """One table a measure, an entrant a row; then the targets."""
    parts = [_measure(results, measure) for measure in results.table]
    return "\n".join([*parts, *_targets(results)])


_TITLES = {
    "fan-out": "One event to 1,000 streams of one recipient, and a burst of 100",
    "small crowd": "1,000 connected recipients, one stream each",
    "large crowd": "As many connected recipients as fit, one stream each",
    "latency": "500 events a second to 100 recipients",
    "durable": "Durable notifications, nobody connected",
    "reconnect": "10,000 streams come back at once",
    "postgres": "Durable notifications on PostgreSQL, one relay, nobody connected",
    "transactions": "Transactions of 32 clients on PostgreSQL, with a notification and without",
    "across nodes": "500 events a second, recorded on one node and read on another",
    "foreign events": "Events that concern nobody who is connected to a node",
    "failover": "`kill -9` of the node that relays, under load",
}


def _measure(results: Results, measure: str) -> str:
    figures = results.table[measure]
    entrants = list(dict.fromkeys(name for each in figures.values() for name in each))
    head = [f"#### {_TITLES[measure]}", ""]
    if len(entrants) == 1:
        rows = [
            f"| {figure} | {cell(spread(values))} |"
            for figure, each in figures.items()
            for values in each.values()
        ]
        return "\n".join([*head, "| | Alimi |", "|---|---|", *rows, ""])
    head += ["| | " + " | ".join(figures) + " |", "|---" * (len(figures) + 1) + "|"]
    rows = [
        f"| {name} | "
        + " | ".join(cell(spread(results.of(measure, figure, name))) for figure in figures)
        + " |"
        for name in entrants
    ]
    return "\n".join([*head, *rows, ""])


def cell(found: Spread | None) -> str:
    """Median and range."""
    if found is None:
        return "–"
    if found.low == found.high:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)}–{number(found.high)})"


def _targets(results: Results) -> list[str]:
    rows = ["#### Targets", "", "| | target | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        found = target.reached(results)
        bound = f"{'≤' if target.at_most else '≥'} {number(target.bound)}"
        word = (
            "not measured" if found is None else "met" if target.met(found.median) else "**missed**"
        )
        rows.append(f"| {target.text} | {bound} | {cell(found)} | {word} |")
    return [*rows, ""]
