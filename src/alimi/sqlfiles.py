"""SQL lives in .sql files beside the store that runs it, where an editor and a reader can see it.

A query file holds statements, each under a line `-- name: the_name` and a sentence that says why.
A migration is a file `0001_what_it_brings.sql`.  A line `-- compatible from: 3` in it says that
code which knows the schema up to 3 still works after it; without that line no older code does.
"""

from __future__ import annotations

import re
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from alimi.errors import SchemaMissing, SchemaTooNew

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")
_COMPATIBLE = re.compile(r"^-- compatible from: (\d+)$", re.MULTILINE)


class Migration(msgspec.Struct, frozen=True):
    """One numbered step of a schema."""

    number: int
    name: str
    sql: str
    #: The oldest code, by the newest schema it knows, that works after this step and all before it;
    #: 0 is none but the code that brings the step.
    compatible_from: int = 0


class Found(msgspec.Struct, frozen=True):
    """What a database says of its tables: their number, 0 for none, and which code may use them."""

    number: int
    compatible_from: int

    def demand_not_newer(self, newest: int) -> None:
        """Code must not write to tables that it does not know, unless they say that it may."""
        if min(self.number, self.compatible_from) > newest:
            raise SchemaTooNew(
                f"The tables have schema {self.number}, this Alimi knows up to {newest}:"
                " install the newer version, or restore a backup from before it."
            )

    def demand_fit(self, oldest: int, newest: int) -> None:
        """Raises SchemaTooNew or SchemaMissing; `oldest` is the first schema that suffices."""
        self.demand_not_newer(newest)
        if not self.number:
            raise SchemaMissing
        if self.number < oldest:
            raise SchemaMissing(
                f"The tables have schema {self.number}, this Alimi needs {oldest}:"
                " run `alimi migrate` with your --db; it needs alimi[server]."
            )


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
    found: list[Migration] = []
    for file in _files(package, "migrations"):
        match = _MIGRATION.fullmatch(file.name)
        if match is None:
            raise ValueError(f"{file.name} is not named like 0001_what_it_brings.sql")
        before = found[-1].compatible_from if found else 1
        found.append(_migration(int(match[1]), match[2], file.read_text("utf-8"), before))
    if [each.number for each in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"the migrations of {package} are not numbered 1, 2, 3, …")
    return found


def _migration(number: int, name: str, sql: str, before: int) -> Migration:
    """Code that an earlier step has shut out is not let in again by a later one."""
    declared = _COMPATIBLE.search(sql)
    own = number if declared is None else int(declared[1])
    if own > number:
        raise ValueError(f"migration {number} cannot be compatible from {own}")
    return Migration(number, name, sql, max(own, before))


def _files(package: str, folder: str) -> list[Traversable]:
    entries = (resources.files(package) / folder).iterdir()
    return sorted((e for e in entries if e.name.endswith(".sql")), key=lambda e: e.name)


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")
