"""The board is an application like any other: what it needs of Alimi, Alimi exports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import alimi
import board

SOURCES = sorted(Path(board.__file__).parent.rglob("*.py"))


def imports_of_alimi(source: Path) -> Iterator[str]:
    """Every name that a file takes from Alimi, and every module of it that it names."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == "alimi")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "alimi":
            yield from (f"{node.module}:{each.name}" for each in node.names)


def test_the_board_uses_what_alimi_exports() -> None:
    """`from alimi import …`, names of `alimi.__all__` only: no module inside, nothing private."""
    allowed = {f"alimi:{name}" for name in alimi.__all__}
    used = {(path.name, name) for path in SOURCES for name in imports_of_alimi(path)}
    assert used
    assert [each for each in sorted(used) if each[1] not in allowed] == []


def test_nothing_private_of_alimi_is_touched() -> None:
    """No attribute that begins with an underscore, but one's own."""
    found = [
        f"{path.name}:{node.lineno} {node.attr}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    ]
    assert found == []
