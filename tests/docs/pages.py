"""The documentation as data: its pages, their code, their headings, their links."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
)

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    r"<!-- (file|check): (.+?) -->\n+```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
_ANY = re.compile(
    r"(?:<!-- (file|check|shown): (.+?) -->\n+)?^( *)```(\w*)\n(.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def files(page: Path) -> dict[str, str]:
    """The files that a page writes, each put together from its blocks."""
    found: dict[str, str] = {}
    for _, name, code in _named(page, "file"):
        found[name] = "\n\n".join(filter(None, [found.get(name), code]))
    return found


def checks(page: Path) -> dict[str, str]:
    """The blocks of a page that are tried one by one."""
    return {name: code for _, name, code in _named(page, "check")}


class Block(NamedTuple):
    """A fenced block of code, with what the line before it says of it."""

    page: Path
    line: int
    #: `file`, `check`, `shown`, or nothing.
    mark: str
    told: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """All code of a page, marked or not."""
    text = page.read_text("utf-8")
    for match in _ANY.finditer(text):
        line = text.count("\n", 0, match.start(4)) + 1
        yield Block(page, line, match[1] or "", match[2] or "", match[4], match[5])


def _named(page: Path, sort: str) -> Iterator[tuple[str, str, str]]:
    for match in _BLOCK.finditer(page.read_text("utf-8")):
        if match[1] == sort:
            yield match[1], match[2], match[4]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link may name after the #, as the usual renderers make it of headings."""
    return {_anchor(heading) for heading in _HEADING.findall(prose(page))}


def _anchor(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = re.sub(r"[^\w\- ]", "", plain.lower())
    return kept.strip().replace(" ", "-")


def links(page: Path) -> list[str]:
    """Where a page points to, but for the rest of the world."""
    return [link for link in _LINK.findall(prose(page)) if "://" not in link]


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of a Python file; frameworks look for its module, so it is one for a while."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return vars(module)
