"""The schema: a number, and the numbered migrations that lead to it."""

from __future__ import annotations

import asyncpg

from alimi.sqlfiles import Found, Migration, load_migrations
from alimi.stores.postgres.sql import SQL

MIGRATIONS = load_migrations("alimi.stores.postgres")
NEWEST = len(MIGRATIONS)
#: The oldest schema on which this code works, so that it may run before `alimi migrate`
#: (docs/upgrades.md).
OLDEST = 4  # the relay is a function since then

#: Whatever the role's default: what others did before they let go of the lock has to be seen.
_PLAIN = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE"


async def look(connection: asyncpg.Connection) -> Found:
    """Which schema the database has, and since which code it can be used."""
    if not await connection.fetchval(SQL["has_schema"]):
        return Found(0, 0)
    row = await connection.fetchrow(SQL["schema_number"])
    return Found(0, 0) if row is None else Found(row[0], row[1])


async def check(connection: asyncpg.Connection) -> None:
    """Raises SchemaTooNew or SchemaMissing."""
    (await look(connection)).demand_fit(OLDEST, NEWEST)


def pending(found: Found) -> list[Migration]:
    """What is still to do from there on."""
    found.demand_not_newer(NEWEST)
    return MIGRATIONS[found.number :]


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Apply what is pending, each in a transaction; another process may be doing the same."""
    done: list[str] = []
    while True:
        async with connection.transaction():
            await connection.execute(_PLAIN)
            await connection.execute(SQL["lock_schema"])
            ahead = pending(await look(connection))
            if not ahead:
                return done
            await _apply(connection, ahead[0])
        done.append(f"{ahead[0].number:04}_{ahead[0].name}")


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(migration.sql)
    values = (migration.number, migration.name, migration.compatible_from)
    await connection.execute(SQL["note_migration"], *values)


def as_script(migrations: list[Migration]) -> str:
    """What `migrate` would run, for reading or for another tool."""
    parts = []
    for each in migrations:
        note = SQL["note_migration"].replace("$1, $2", f"{each.number}, '{each.name}'")
        note = note.replace("$3", str(each.compatible_from))
        parts.append(
            f"BEGIN;\n{_PLAIN};\n{SQL['lock_schema']};\n{each.sql.strip()}\n\n{note};\nCOMMIT;\n"
        )
    return "\n".join(parts)
