"""The tables of docs/settings.md: `python -m alimi.cli.reference docs/settings.md` puts them in.

A test holds the file against them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from alimi.cli.options import OPTIONS, Option, default_text

_TABLE = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_COLUMNS = (
    "| in the file | flag | variable | default | least to most | meaning |\n"
    "|---|---|---|---|---|---|\n"
)


def with_tables(page: str) -> str:
    """The page with its tables as they should be."""
    return _TABLE.sub(lambda match: match[1] + table(match[2]) + match[3], page)


def table(group: str) -> str:
    """The settings of one group."""
    rows = [_row(option) for option in OPTIONS.values() if option.group == group]
    return _COLUMNS + "".join(f"{row}\n" for row in rows)


def _row(option: Option) -> str:
    shown = default_text(option)
    cells = [
        f"`{option.name}`",
        "<br>".join(_flags(option)),
        f"`{option.variable}`",
        f"`{shown}`" if shown else "",
        "" if option.limits is None else str(option.limits).removeprefix("from "),
        option.help.replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} |"


def _flags(option: Option) -> Iterator[str]:
    for declaration in option.declarations:
        for flag in declaration.split("/"):
            yield f"`{flag}`"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_tables(target.read_text(encoding="utf-8")), encoding="utf-8")
