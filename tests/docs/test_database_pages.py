"""The Python of docs/sqlite.md, docs/postgres.md and docs/bus.md."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from alimi import Alimi
from alimi.contrib.sqlalchemy import holds_write_transaction
from tests.docs import pages

SQLITE = pages.checks(pages.DOCS / "sqlite.md")
POSTGRES = pages.checks(pages.DOCS / "postgres.md")
BUS = pages.checks(pages.DOCS / "bus.md")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(code: str, **names: Any) -> dict[str, Any]:
    """The names after a block."""
    exec(code, names)
    return names


async def test_connections_with_patience() -> None:
    """The driver waits for as long as the page says, before it gives up."""
    engine = run(SQLITE["patience"], create_async_engine=create_async_engine)["engine"]
    async with engine.connect() as connection:
        waits = (await connection.execute(text("PRAGMA busy_timeout"))).scalar()
    await engine.dispose()
    assert waits == 10_000


def test_a_prepared_engine_has_the_write_lock_from_its_first_statement() -> None:
    """Also when that only reads."""
    engine = run(SQLITE["prepare"], create_engine=create_engine)["engine"]
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        assert holds_write_transaction(engine)
        other = sqlite3.connect("app.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("CREATE TABLE late (id)")
        other.close()
    engine.dispose()


async def test_readers_do_not_queue() -> None:
    """Two of them are open at once, beside a transaction that writes."""
    engine = create_async_engine("sqlite+aiosqlite:///app.db")
    alimi = Alimi(engine)
    await alimi.start()
    names = run(SQLITE["readers"], async_sessionmaker=async_sessionmaker, engine=engine)
    async with engine.begin() as writer, names["readers"]() as one, names["readers"]() as other:
        await writer.execute(text("CREATE TABLE card (id)"))
        for session in (one, other):
            assert (await session.execute(text("SELECT count(*) FROM sqlite_master"))).scalar()
    await alimi.close()
    await engine.dispose()


async def test_g2_the_standard_library_s_connection() -> None:
    """G2: the card and the notification are committed together."""
    with sqlite3.connect("app.db") as db:
        db.execute("CREATE TABLE card (id, assignee)")
        db.execute("INSERT INTO card VALUES (12, 1)")
    db.close()
    alimi = Alimi("app.db")
    await alimi.start()
    kind = alimi.kind("card.assigned", category="cards", text={"en": "You have {object.name}."})
    names = run(SQLITE["sqlite3"], sqlite3=sqlite3, card_assigned=kind)
    await alimi.flush()
    (row,) = (await alimi.inbox(2).page()).items
    await alimi.close()
    assert row.texts["en"] == "You have Ship it."
    assert names["db"].execute("SELECT assignee FROM card").fetchone() == (2,)
    names["db"].close()


async def test_what_alembic_is_told_leaves_our_tables_alone() -> None:
    """Of the tables in a file the application's own remain."""
    alimi = Alimi("app.db")
    await alimi.start()
    await alimi.close()
    told: dict[str, Any] = {}
    context = SimpleNamespace(configure=told.update)
    run(SQLITE["alembic"], context=context, connection=None, target_metadata=None)
    engine = create_engine("sqlite:///app.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE card (id)"))
    found = inspect(engine).get_table_names()
    engine.dispose()
    assert len(found) > 4
    assert [name for name in found if told["include_name"](name, "table", {})] == ["card"]
    assert told["include_name"]("alimi_card", "column", {})


async def test_the_engine_of_postgres() -> None:
    """An engine with asyncpg is taken; nothing is asked for before the start."""
    names = run(POSTGRES["engine"], create_async_engine=create_async_engine, Alimi=Alimi)
    await names["alimi"].close()
    await names["engine"].dispose()


async def test_every_bus_is_named_as_the_page_says() -> None:
    """What is wrong with a URL would be said at once."""
    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    made: list[Alimi] = []
    run(BUS["buses"], engine=engine, Alimi=lambda *a, **b: made.append(Alimi(*a, **b)))
    for each in made:
        await each.close()
    await engine.dispose()
    assert len(made) == 3
