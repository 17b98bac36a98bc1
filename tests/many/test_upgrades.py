"""Rolling upgrades: old code on the new schema, and new code on the old one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from alimi.errors import SchemaMissing, SchemaTooNew
from alimi.kinds import Kind
from alimi.model import PageQuery
from alimi.sqlfiles import Migration, load_migrations
from alimi.stores.sqlite import SQLiteStore, schema

KIND = Kind("card.assigned", category="cards", texts={"en": "A card is yours."})
NOW = schema.NEWEST
FUTURE = "ALTER TABLE alimi_notifications ADD COLUMN mood TEXT;"
Release = Callable[..., None]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    """Become the code of a later release, or with nothing that of today again."""
    today = list(schema.MIGRATIONS)

    def become(*later: Migration, oldest: int = 1) -> None:
        monkeypatch.setattr(schema, "MIGRATIONS", [*today, *later])
        monkeypatch.setattr(schema, "NEWEST", len(today) + len(later))
        monkeypatch.setattr(schema, "OLDEST", oldest)

    return become


def step(*, compatible_from: int, ahead: int = 1) -> Migration:
    """A migration of the future."""
    sql = FUTURE.replace("mood", f"mood_{ahead}")
    return Migration(NOW + ahead, "future", sql, compatible_from)


async def works(store: SQLiteStore, recipient: str) -> None:
    """The way of one notification, from the outbox to a page."""
    await store.append([KIND.event(to=recipient)])
    assert (await store.apply(10)).notifications == 1
    assert len((await store.page(recipient, PageQuery())).items) == 1


async def test_old_code_goes_on_where_the_new_schema_says_that_it_may(
    tmp_path: Path, release: Release
) -> None:
    """`alimi migrate` runs while nodes of the last release serve; they go on, restarted too."""
    running = SQLiteStore(tmp_path / "app.db")
    await running.open()
    await works(running, "1")
    release(step(compatible_from=NOW))
    assert await SQLiteStore(tmp_path / "app.db").migrate() == [f"{NOW + 1:04}_future"]
    await works(running, "2")
    await running.close()
    release()
    again = SQLiteStore(tmp_path / "app.db")
    await again.open()
    await works(again, "3")
    assert (await again.inspect()).schema == NOW + 1
    assert await again.migrate() == []
    await again.close()


async def test_old_code_is_refused_by_a_schema_that_breaks_it(
    tmp_path: Path, release: Release
) -> None:
    """Without that line nothing of the old code writes there, whatever it is asked."""
    release(step(compatible_from=NOW + 1))
    await SQLiteStore(tmp_path / "app.db").migrate()
    release()
    store = SQLiteStore(tmp_path / "app.db")
    for verb in (store.open, store.migrate, store.inspect, store.renew_epoch):
        with pytest.raises(SchemaTooNew, match=f"schema {NOW + 1}, this Alimi knows up to {NOW}"):
            await verb()


async def test_printed_migrations_say_the_same(tmp_path: Path, release: Release) -> None:
    """`alimi sql`, run by another tool, lets the same code in as `alimi migrate` does."""
    release(step(compatible_from=NOW))
    with closing(sqlite3.connect(tmp_path / "app.db")) as db:
        db.executescript(SQLiteStore(tmp_path / "app.db").pending_sql())
    release()
    store = SQLiteStore(tmp_path / "app.db", auto_migrate=False)
    await store.open()
    await works(store, "1")
    await store.close()


async def test_new_code_works_before_the_migration_where_it_can(
    tmp_path: Path, release: Release
) -> None:
    """It starts on the schema that it says suffices, and refuses an older one by number."""
    await SQLiteStore(tmp_path / "app.db").migrate()
    release(step(compatible_from=NOW), oldest=NOW)
    store = SQLiteStore(tmp_path / "app.db", auto_migrate=False)
    await store.open()
    await works(store, "1")
    await store.close()
    release(step(compatible_from=NOW), oldest=NOW + 1)
    with pytest.raises(SchemaMissing, match=f"schema {NOW}, this Alimi needs {NOW + 1}"):
        await SQLiteStore(tmp_path / "app.db", auto_migrate=False).open()


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
