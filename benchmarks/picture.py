"""Three bars beside each other's peers, as an SVG that follows the reader's light or dark."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.results import Results, Spread, spread
from benchmarks.tables import number

_PANELS = (
    ("fan-out", "B1 deliveries per CPU-second",
     "One event to 1,000 streams: deliveries per CPU-second of the server (more is better)"),
    ("small crowd", "B4 KB resident per idle stream",
     "Resident memory per idle stream, KB (less is better)"),
    ("small crowd", "B3 CPU per event to one of them, µs",
     "One event to one of 1,000 connected recipients: CPU, µs (less is better)"),
    ("large crowd", "B3 CPU per event to one of them, µs",
     "The same with as many connected recipients as fit: CPU, µs (less is better)"),
)  # fmt: skip
_WIDTH, _LEFT, _BAR, _ROW, _HEAD = 760, 190, 470, 22, 34
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2430 } .title { font-weight: 600 }
.bar { fill: #9aa5b8 } .ours { fill: #2563c9 } .range { stroke: #1f2430; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9f0 } .bar { fill: #6b7690 } .ours { fill: #6ea0f5 } .range { stroke: #e6e9f0 }
}"""


def draw(results: Results, path: Path) -> None:
    """Write the picture."""
    lines, top = list[str](), 8
    for measure, figure, title in _PANELS:
        rows = _rows(results, measure, figure)
        if rows:
            lines += _panel(title, rows, top)
            top += _HEAD + _ROW * len(rows) + 12
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img"'
    label = f'aria-label="{escape(_spoken(results))}"'
    body = [f"{head} {label}>", f"<style>{_STYLE}</style>", *lines, "</svg>", ""]
    path.write_text("\n".join(body), "utf-8")


def _spoken(results: Results) -> str:
    parts = [f"{name} {number(found.median)}" for name, found in _rows(results, *_PANELS[0][:2])]
    return f"Deliveries per CPU-second: {', '.join(parts)}"


def _rows(results: Results, measure: str, figure: str) -> list[tuple[str, Spread]]:
    entrants = results.table.get(measure, {}).get(figure, {})
    found = [(name, spread(values)) for name, values in entrants.items()]
    return [(name, each) for name, each in found if each is not None]


def _panel(title: str, rows: list[tuple[str, Spread]], top: int) -> list[str]:
    most = max(found.high for _, found in rows) or 1.0
    lines = [f'<text class="title" x="8" y="{top + 16}">{escape(title)}</text>']
    for at, (name, found) in enumerate(rows):
        lines += _bar(name, found, top + _HEAD + at * _ROW, most)
    return lines


def _bar(name: str, found: Spread, y: int, most: float) -> list[str]:
    middle, low, high = (max(1.0, value / most * _BAR) for value in found)
    style = "bar ours" if name.startswith("Alimi") else "bar"
    after = _LEFT + max(middle, high) + 6
    return [
        f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="{style}" x="{_LEFT}" y="{y}" width="{middle:.1f}" height="15" rx="2"/>',
        f'<path class="range" d="M{_LEFT + low:.1f} {y + 7.5}H{_LEFT + high:.1f}"/>',
        f'<text x="{after:.1f}" y="{y + 11}">{number(found.median)}</text>',
    ]
