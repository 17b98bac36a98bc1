"""No code on a page is left untried: each language has its way, and what has none says why.

A block of Python or SQL is marked with what tries it: `<!-- file: name -->`,
`<!-- check: name -->`, or `<!-- shown: why nothing does -->`.  The other languages are tried here
as they stand.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import uvicorn

from alimi.cli import app as program
from alimi.cli import configuration
from alimi.kinds import Kind
from alimi.web import routes
from tests.docs import pages

ROOT, DOCS = pages.ROOT, pages.DOCS
PAGES = [*pages.PAGES, ROOT / "src/alimi/client/README.md"]
BLOCKS = [block for page in PAGES for block in pages.blocks(page)]
MARKED = {"python", "sql"}
TRIED_HERE = {"sh", "console", "toml", "json", "html", "js"}
#: Configuration of others (tests/fast/test_proxies.py), what goes over a wire, drawings, styles.
PLAIN = {"", "nginx", "http", "css"}


def of(*languages: str) -> pytest.MarkDecorator:
    """A test for each block of these languages."""
    found = [block for block in BLOCKS if block.language in languages and not block.mark]
    assert found
    return pytest.mark.parametrize("block", found, ids=str)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_code_is_left_untried(page: Path) -> None:
    """Who adds code to a page adds what tries it, or says why nothing can."""
    untried = [
        str(block)
        for block in pages.blocks(page)
        if not block.mark and block.language not in TRIED_HERE | PLAIN
    ]
    assert untried == []
    assert len(re.findall(r"^ *```", page.read_text("utf-8"), re.MULTILINE)) == 2 * len(
        list(pages.blocks(page))
    )


def test_every_check_is_asked_for() -> None:
    """A marked block has a test that names its page and it."""
    tests = [path.read_text("utf-8") for path in (ROOT / "tests").glob("*/*.py")]
    for block in BLOCKS:
        if block.mark == "check" and block.page.name != "README.md":
            of_page = [test for test in tests if f'"{block.page.name}"' in test]
            assert any(f'"{block.told}"' in test for test in of_page), (str(block), block.told)


def test_what_another_test_runs_is_run_there() -> None:
    """A block that is only shown names a test elsewhere only if that reads its page."""
    for block in BLOCKS:
        for name in re.findall(r"tests/\S+\.py", block.told if block.mark == "shown" else ""):
            assert block.page.name in (ROOT / name).read_text("utf-8"), str(block)


# Commands


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command, without what only prepares the next."""
    for line in code.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                words.append(word)
            elif words:
                yield words
                words = []


def alimi(words: list[str]) -> None:
    """The command and each of its flags exist, and take such values."""
    group: Any = typer.main.get_command(program.program())
    group.commands[words[0]].make_context(words[0], words[1:])


def uvicorns(words: list[str]) -> None:
    uvicorn.main.make_context("uvicorn", words)


def pip(words: list[str]) -> None:
    """The extras are ours."""
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    named = re.findall(r"\[(.+?)\]", " ".join(words))
    for extra in ",".join(named).split(",") if named else ():
        assert f"\n{extra} = [" in project.partition("optional-dependencies")[2]


def python(words: list[str]) -> None:
    assert words[0] == "-m"
    assert importlib.util.find_spec(words[1]) is not None


def curl(words: list[str]) -> None:
    """What is posted to the events API is an event of it."""
    if "-d" in words:
        assert words[-1].endswith(routes.EVENTS[0].path)
        msgspec.json.decode(words[words.index("-d") + 1], type=routes.EVENTS[0].body)


def sqlites(words: list[str]) -> None:
    """Statements of SQLite; the shell's own commands begin with a dot."""
    for statement in words[1:]:
        if not statement.startswith("."):
            sqlite3.connect(":memory:").execute(f"EXPLAIN {statement}").close()


KNOWN: dict[str, Callable[[list[str]], None]] = {
    "alimi": alimi,
    "uvicorn": uvicorns,
    "pip": pip,
    "python": python,
    "curl": curl,
    "sqlite3": sqlites,
    ".": lambda words: None,
}


@of("sh", "console")
def test_every_command_is_understood(block: pages.Block) -> None:
    """Programs, their commands and their flags are there; a renamed flag is noticed."""
    for name, *words in commands(block.code):
        if name.startswith("scripts/"):
            assert (ROOT / name).stat().st_mode & 0o100
        else:
            KNOWN[name.removeprefix(".venv/bin/")](words)


# Data


@of("toml")
def test_every_configuration_loads(block: pages.Block, tmp_path: Path) -> None:
    """As `alimi serve --config` reads it: settings have these names, kinds can be made."""
    file = tmp_path / "alimi.toml"
    file.write_text(block.code, "utf-8")
    loaded = configuration.load({"config": file}, environ={})
    assert loaded.kinds
    for name, table in loaded.kinds.items():
        fields = msgspec.structs.asdict(table)
        fields["texts"] = fields.pop("text", None) or fields["texts"]
        Kind(name, **fields)


@of("json")
def test_every_json_is_json(block: pages.Block) -> None:
    """What is shown of bodies and answers can be read."""
    assert json.loads(block.code)


# The page


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def attributes() -> set[str]:
    """What docs/bell.md lists."""
    section = (DOCS / "bell.md").read_text("utf-8").partition("\n## Attributes\n")[2]
    rows = re.findall(r"^\| (.+?) \|", section.partition("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z-]+)", row)}


@of("html")
def test_every_bell_has_attributes_that_there_are(block: pages.Block) -> None:
    """And its script is the module that the mount serves."""
    parser = _Elements()
    parser.feed(block.code)
    for tag, given in parser.found:
        if tag == "alimi-bell":
            assert set(given) <= attributes()
        if src := given.get("src") if tag == "script" else None:
            assert src.endswith("/bell.js")


#: What the page of an application has besides.
PRELUDE = """
import "alimi";
declare global {
  const openCard: string;
  const icons: Record<string, string>;
  const badge: { textContent: string | number };
  function reloadBoard(): void;
  function join(id: string): void;
  function show(message: string): void;
  function update(change: unknown): void;
  function freshToken(): Promise<string>;
}
"""
SCRIPT = re.compile(r'<script type="module">\n(.*?)</script>', re.DOTALL)


def test_every_script_fits_the_types_of_the_client(tmp_path: Path) -> None:
    """Events, their details, properties and methods of the bell and its client are named right."""
    folder = tmp_path / "node_modules"
    folder.mkdir()
    (folder / "alimi").symlink_to(ROOT / "src/alimi/client")
    (tmp_path / "prelude.ts").write_text(PRELUDE)
    scripts = [(block, block.code) for block in BLOCKS if block.language == "js"]
    for block in BLOCKS:
        if block.language == "html":
            scripts += [(block, code) for code in SCRIPT.findall(block.code)]
    for block, code in scripts:
        name = re.sub(r"\W", "_", str(block))
        module = code.replace('from "/alimi/', 'from "alimi/')
        (tmp_path / f"{name}.js").write_text(f"{module}\nexport {{}};\n", "utf-8")
    options = {
        "allowJs": True, "checkJs": True, "noEmit": True, "strict": False, "target": "es2022",
        "module": "esnext", "moduleResolution": "bundler", "types": [], "preserveSymlinks": True,
    }  # fmt: skip
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))
    command = f". tests/client/tools.sh; tsc -p {shlex.quote(str(tmp_path))}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert len(scripts) > 7
    assert done.stdout + done.stderr == ""
