"""The schema: a number, and the numbered migrations that lead to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from alimi.errors import SchemaMissing, SchemaTooNew
from alimi.sqlfiles import Migration, load_migrations
from alimi.stores.sqlite.connections import begin, rollback
from alimi.stores.sqlite.sql import SQL

MIGRATIONS = load_migrations("alimi.stores.sqlite")
NEWEST = len(MIGRATIONS)


def number(db: sqlite3.Connection) -> int:
    """Which schema the file has; 0 is none."""
    if not db.execute(SQL["has_schema"]).fetchone()[0]:
        return 0
    return int(db.execute(SQL["schema_number"]).fetchone()[0])


def check(db: sqlite3.Connection) -> None:
    """Raises SchemaTooNew or SchemaMissing."""
    found = number(db)
    refuse_newer(found)
    if found < NEWEST:
        raise SchemaMissing


def refuse_newer(found: int) -> None:
    """Code that does not know a schema must not write to it."""
    if found > NEWEST:
        raise SchemaTooNew(
            f"The tables have schema {found}, this Alimi knows up to {NEWEST}:"
            " install the newer version, or restore a backup from before it."
        )


def pending(found: int) -> list[Migration]:
    """What is still to do from that number on."""
    refuse_newer(found)
    return MIGRATIONS[found:]


def migrate(db: sqlite3.Connection) -> list[str]:
    """Apply what is pending, each in a transaction; another process may be doing the same."""
    done: list[str] = []
    while True:
        begin(db)
        try:
            todo = pending(number(db))
            if todo:
                _apply(db, todo[0])
            db.execute("COMMIT")
        except BaseException:
            rollback(db)
            raise
        if not todo:
            return done
        done.append(f"{todo[0].number:04}_{todo[0].name}")


def _apply(db: sqlite3.Connection, migration: Migration) -> None:
    for statement in statements(migration.sql):
        db.execute(statement)
    db.execute(SQL["note_migration"], (migration.number, migration.name))


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
        parts.append(f"BEGIN IMMEDIATE;\n{each.sql.strip()}\n\n{note};\nCOMMIT;\n")
    return "\n".join(parts)
