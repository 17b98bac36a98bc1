"""The schema: a number, and the numbered migrations that lead to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from alimi.sqlfiles import Found, Migration, load_migrations
from alimi.stores.sqlite.connections import begin, rollback
from alimi.stores.sqlite.sql import SQL

MIGRATIONS = load_migrations("alimi.stores.sqlite")
NEWEST = len(MIGRATIONS)
#: The oldest schema on which this code works, so that it may run before `alimi migrate`
#: (docs/upgrades.md).
OLDEST = 1


def look(db: sqlite3.Connection) -> Found:
    """Which schema the file has, and since which code it can be used."""
    if not db.execute(SQL["has_schema"]).fetchone()[0]:
        return Found(0, 0)
    number, compatible_from = db.execute(SQL["schema_number"]).fetchone()
    return Found(number, number if compatible_from is None else int(compatible_from))


def check(db: sqlite3.Connection) -> None:
    """Raises SchemaTooNew or SchemaMissing."""
    look(db).demand_fit(OLDEST, NEWEST)


def pending(found: Found) -> list[Migration]:
    """What is still to do from there on."""
    found.demand_not_newer(NEWEST)
    return MIGRATIONS[found.number :]


def migrate(db: sqlite3.Connection) -> list[str]:
    """Apply what is pending, each in a transaction; another process may be doing the same."""
    done: list[str] = []
    while True:
        begin(db)
        try:
            ahead = pending(look(db))
            if ahead:
                _apply(db, ahead[0])
            db.execute("COMMIT")
        except BaseException:
            rollback(db)
            raise
        if not ahead:
            return done
        done.append(f"{ahead[0].number:04}_{ahead[0].name}")


def _apply(db: sqlite3.Connection, migration: Migration) -> None:
    for statement in statements(migration.sql):
        db.execute(statement)
    db.execute(SQL["note_migration"], (migration.number, migration.name))
    if migration.compatible_from:
        db.execute(SQL["note_compatible"], (migration.number, migration.compatible_from))


def statements(sql: str) -> Iterator[str]:
    """One by one: executescript() would commit first."""
    buffer = ""
    for line in sql.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            yield buffer.strip()
            buffer = ""


def as_script(migrations: list[Migration]) -> str:
    """What `migrate` would run, for reading or for another tool."""
    parts = []
    for each in migrations:
        note = SQL["note_migration"].replace("?, ?", f"{each.number}, '{each.name}'")
        compatible = f"{each.number}, {each.compatible_from}"
        note += ";\n" + SQL["note_compatible"].replace("?, ?", compatible)
        parts.append(f"BEGIN IMMEDIATE;\n{each.sql.strip()}\n\n{note};\nCOMMIT;\n")
    return "\n".join(parts)
