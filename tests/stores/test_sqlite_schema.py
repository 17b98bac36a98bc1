"""Migrations, the schema they lead to, and files this code must not touch."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alimi.errors import ConfigurationError, SchemaMissing, SchemaTooNew, StoreError
from alimi.sqlfiles import load_migrations, load_queries, parse_queries
from alimi.stores.sqlite import SQLiteStore, schema
from alimi.testing.stores.harness import event, record
from tests.stores.sqlite_application import application

SCHEMA = Path(schema.__file__).parent / "schema.sql"


def tables(db: sqlite3.Connection) -> dict[str, str]:
    """Every object's definition, without layout and comments."""
    found = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in found}


async def test_schema_is_the_sum_of_migrations(tmp_path: Path) -> None:
    """schema.sql, which people read, is exactly what the migrations lead to."""
    await SQLiteStore(tmp_path / "app.db").migrate()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, closing(sqlite3.connect("")) as told:
        told.executescript(SCHEMA.read_text("utf-8"))
        assert tables(db) == tables(told)


async def test_printed_sql_does_what_migrate_does(tmp_path: Path) -> None:
    """pending_sql(), run by any SQLite tool, makes the same database, and then prints nothing."""
    store = SQLiteStore(tmp_path / "printed.db", auto_migrate=False)
    with closing(sqlite3.connect(tmp_path / "printed.db")) as db:
        db.executescript(store.pending_sql())
    assert store.pending_sql() == ""
    assert await store.migrate() == []
    await store.open()
    assert (await store.inspect()).schema == schema.NEWEST
    await store.close()


async def test_migrate_names_what_it_did(tmp_path: Path) -> None:
    """The first migrate() answers the names of all migrations, the second none."""
    store = SQLiteStore(tmp_path / "app.db")
    assert await store.migrate() == ["0001_inbox"]
    assert await store.migrate() == []


async def test_missing_tables_are_an_error_that_helps(tmp_path: Path) -> None:
    """Without auto_migrate a file without tables is refused by name of the command to run."""
    with pytest.raises(SchemaMissing, match="alimi migrate"):
        await SQLiteStore(tmp_path / "app.db", auto_migrate=False).open()
    with pytest.raises(SchemaMissing, match="alimi migrate"):
        await SQLiteStore(tmp_path / "none.db").inspect()


async def test_recording_before_the_first_start_names_the_command(tmp_path: Path) -> None:
    """Nothing starts when an application records, so nobody has made the tables: it is told so."""
    store = SQLiteStore(tmp_path / "app.db")
    with application(tmp_path / "app.db") as app:
        app.begin()
        with pytest.raises(SchemaMissing, match="alimi migrate"):
            record(store, app, event())
        app.rollback()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A file made by a newer Alimi is not opened, migrated, or printed for."""
    store = SQLiteStore(tmp_path / "app.db")
    await store.migrate()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute("INSERT INTO alimi_migrations VALUES (99, 'future', 0)")
    for verb in (store.open, store.migrate, store.inspect, store.renew_epoch):
        with pytest.raises(SchemaTooNew, match="99"):
            await verb()
    with pytest.raises(SchemaTooNew):
        store.pending_sql()


async def test_a_migration_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is one transaction: its first statements are undone with the one that failed."""
    broken = schema.MIGRATIONS[0].sql + "\nCREATE TABLE alimi_outbox (again);\n"
    bad = type(schema.MIGRATIONS[0])(1, "broken", broken)
    monkeypatch.setattr(schema, "MIGRATIONS", [bad])
    with pytest.raises(StoreError, match="already exists"):
        await SQLiteStore(tmp_path / "app.db").migrate()
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        assert tables(db) == {}


@pytest.mark.parametrize(
    "path", [":memory:", "", "file::memory:?cache=shared", "file:x?mode=memory"]
)
def test_in_memory_databases_are_refused(path: str) -> None:
    """An in-memory database is another one for each connection; the error says to give a file."""
    with pytest.raises(ConfigurationError, match="file"):
        SQLiteStore(path)


def test_unknown_durability_is_refused(tmp_path: Path) -> None:
    """`synchronous` takes only what SQLite knows."""
    with pytest.raises(ConfigurationError, match="FULL"):
        SQLiteStore(tmp_path / "app.db", synchronous="SOMETIMES")  # type: ignore[arg-type]


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A path in a folder that does not exist is an error that names the folder."""
    with pytest.raises(StoreError, match="no directory"):
        await SQLiteStore(tmp_path / "nowhere" / "app.db").open()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file with something else in it is refused and left as it was."""
    path = tmp_path / "app.db"
    path.write_text("my shopping list, which is rather long " * 50)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no SQLite database"):
        await SQLiteStore(path).open()
    assert path.read_bytes() == before


def test_each_query_has_one_name() -> None:
    """Named queries carry no comments and a name used twice is refused."""
    assert all("--" not in sql for sql in load_queries("alimi.stores.sqlite").values())
    assert parse_queries("-- name: one\n-- why\nSELECT 1;\n") == {"one": "SELECT 1"}
    with pytest.raises(ValueError, match="same name"):
        parse_queries("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")


def test_migrations_are_numbered_without_a_gap() -> None:
    """The numbers of the migrations are 1, 2, 3 … and their files say what they bring."""
    found = load_migrations("alimi.stores.sqlite")
    assert [each.number for each in found] == list(range(1, len(found) + 1))
