"""SQL lives in .sql files beside the store that runs it, where an editor and a reader can see it.

A query file holds statements, each under a line `-- name: the_name` and a sentence that says why.
A migration is a file `0001_what_it_brings.sql`.
"""

from __future__ import annotations

import re
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")


class Migration(msgspec.Struct, frozen=True):
    """One numbered step of a schema."""

    number: int
    name: str
    sql: str


def load_queries(package: str) -> dict[str, str]:
    """Every named query of the package's `queries` folder; a name used twice is refused."""
    queries: dict[str, str] = {}
    for file in _files(package, "queries"):
        for name, sql in parse_queries(file.read_text("utf-8")).items():
            if name in queries:
                raise ValueError(f"two queries are named {name}")
            queries[name] = sql
    return queries


def parse_queries(text: str) -> dict[str, str]:
    """Split one file at its `-- name:` lines; comment lines do not travel to the database."""
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError("two queries of one file have the same name")
    return {name: _without_comments(body) for name, body in zip(names, bodies, strict=True)}


def load_migrations(package: str) -> list[Migration]:
    """The package's migrations in order; their numbers run from 1 without a gap."""
    found = []
    for file in _files(package, "migrations"):
        match = _MIGRATION.fullmatch(file.name)
        if match is None:
            raise ValueError(f"{file.name} is not named like 0001_what_it_brings.sql")
        found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    if [each.number for each in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {package} are not numbered 1, 2, 3, …")
    return found


def _files(package: str, folder: str) -> list[Traversable]:
    entries = (resources.files(package) / folder).iterdir()
    return sorted((e for e in entries if e.name.endswith(".sql")), key=lambda e: e.name)


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")
