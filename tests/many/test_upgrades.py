"""Rolling upgrades: old code on the new schema, and new code on the old one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alimi.backends import FullStore
from alimi.errors import SchemaMissing, SchemaTooNew
from alimi.kinds import Kind
from alimi.model import PageQuery
from alimi.sqlfiles import Migration, load_migrations
from alimi.stores import postgres, sqlite
from alimi.stores.postgres import schema as postgres_schema
from alimi.stores.sqlite import schema as sqlite_schema

KIND = Kind("card.assigned", category="cards", texts={"en": "A card is yours."})
FUTURE = "ALTER TABLE alimi_notifications ADD COLUMN mood TEXT;"


class Database:
    """One database, and the releases of the code that come to it."""

    def __init__(
        self,
        schema: Any,
        store: Callable[[], FullStore],
        run: Callable[[str], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.store = store
        self.run = run
        self.now: int = schema.NEWEST
        self._schema = schema
        self._today = list(schema.MIGRATIONS)
        self._monkeypatch = monkeypatch

    def release(self, *later: Migration, oldest: int = 1) -> None:
        """Become the code of a later release, or with nothing that of today again."""
        for name, value in {
            "MIGRATIONS": [*self._today, *later],
            "NEWEST": self.now + len(later),
            "OLDEST": oldest,
        }.items():
            self._monkeypatch.setattr(self._schema, name, value)

    def step(self, *, compatible_from: int) -> Migration:
        """A migration of the future."""
        return Migration(self.now + 1, "future", FUTURE, compatible_from)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty one."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("empty_postgres")

        def run_there(script: str) -> None:
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(script.encode())

        return Database(
            postgres_schema, lambda: postgres.PostgresStore(url), run_there, monkeypatch
        )
    path: Path = request.getfixturevalue("tmp_path") / "app.db"

    def run_here(script: str) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(script)

    return Database(
        sqlite_schema, lambda: sqlite.SQLiteStore(path, auto_migrate=False), run_here, monkeypatch
    )


async def works(store: FullStore, recipient: str) -> None:
    """The way of one notification, from the outbox to a page."""
    await store.append([KIND.event(to=recipient)])
    while (await store.apply(10)).more:
        pass
    assert len((await store.page(recipient, PageQuery())).items) == 1


async def test_old_code_goes_on_where_the_new_schema_says_that_it_may(database: Database) -> None:
    """`alimi migrate` runs while nodes of the last release serve; they go on, restarted too."""
    await database.store().migrate()
    running = database.store()
    await running.open()
    await works(running, "1")
    database.release(database.step(compatible_from=database.now))
    assert await database.store().migrate() == [f"{database.now + 1:04}_future"]
    await works(running, "2")
    await running.close()
    database.release()
    again = database.store()
    await again.open()
    await works(again, "3")
    assert (await again.inspect()).schema == database.now + 1
    assert await again.migrate() == []
    await again.close()


async def test_old_code_is_refused_by_a_schema_that_breaks_it(database: Database) -> None:
    """Without that line nothing of the old code writes there, whatever it is asked."""
    database.release(database.step(compatible_from=database.now + 1))
    await database.store().migrate()
    database.release()
    store = database.store()
    told = f"schema {database.now + 1}, this Alimi knows up to {database.now}"
    for verb in (store.open, store.migrate, store.inspect, store.renew_epoch):
        with pytest.raises(SchemaTooNew, match=told):
            await verb()


async def test_new_code_works_before_the_migration_where_it_can(database: Database) -> None:
    """It starts on the schema that it says suffices, and refuses an older one by number."""
    await database.store().migrate()
    later = database.step(compatible_from=database.now)
    database.release(later, oldest=database.now)
    store = database.store()
    await store.open()
    await works(store, "1")
    await store.close()
    database.release(later, oldest=database.now + 1)
    told = f"schema {database.now}, this Alimi needs {database.now + 1}"
    with pytest.raises(SchemaMissing, match=told):
        await database.store().open()


def test_printed_migrations_say_the_same(database: Database) -> None:
    """`alimi sql`, run by another tool, lets the same code in as `alimi migrate` does."""
    database.release(database.step(compatible_from=database.now))
    database.run(database.store().pending_sql())
    database.release()

    async def use() -> None:
        store = database.store()
        await store.open()
        await works(store, "1")
        await store.close()

    asyncio.run(use())


def test_a_later_step_lets_nobody_in_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compatible from 1 after a step that broke 1 is compatible from where that one was."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    declared = {1: "", 2: "-- compatible from: 1\n", 3: "", 4: "-- compatible from: 1\n"}
    for number, line in declared.items():
        (folder / f"{number:04}_step.sql").write_text(f"{line}SELECT {number};\n", encoding="utf-8")
    monkeypatch.setattr("alimi.sqlfiles.resources.files", lambda package: tmp_path)
    assert [each.compatible_from for each in load_migrations("any")] == [1, 1, 3, 3]


def test_a_step_cannot_be_compatible_with_code_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of the pen is found at the next start, not by a node in production."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_step.sql").write_text("-- compatible from: 2\n", encoding="utf-8")
    monkeypatch.setattr("alimi.sqlfiles.resources.files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="compatible from 2"):
        load_migrations("any")
