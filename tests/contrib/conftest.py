"""An application with a table of its own and our tables in one real SQLite file."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from alimi.contrib.sqlalchemy import prepare
from alimi.store import Joined, Recording
from alimi.stores.sqlite import SQLiteStore
from tests.contrib.assigned import ASSIGNED
from tests.contrib.postgres_site import Site
from tests.support.postgres import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The application's database, with card 1 of nobody."""
    path = tmp_path / "app.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE card (id INTEGER PRIMARY KEY, assignee INTEGER)")
    db.execute("INSERT INTO card VALUES (1, NULL)")
    db.close()
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore]:
    """The store on that file."""
    store = SQLiteStore(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def record(store: SQLiteStore) -> Callable[[Joined], Recording]:
    """Writes one event to recipient 2, as notify() does inside a transaction."""
    return lambda joined: store.write(joined, [ASSIGNED.event(to=2, object=1)])


@pytest.fixture
def assignees(path: Path) -> Iterator[Callable[[], list[int | None]]]:
    """Who has the cards, as another connection sees it."""
    db = sqlite3.connect(path, isolation_level=None)
    yield lambda: [row[0] for row in db.execute("SELECT assignee FROM card ORDER BY id")]
    db.close()


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    """The application's engine, not prepared yet."""
    engine = create_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(path: Path) -> AsyncIterator[AsyncEngine]:
    """The application's engine for asyncio, prepared."""
    engine = prepare(create_async_engine(f"sqlite+aiosqlite:///{path}"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def site(postgres_server: PostgresServer, postgres_url: str) -> AsyncIterator[Site]:
    """The application's database, and the store on it, open."""
    site = Site(postgres_server, postgres_url)
    await site.store.open()
    yield site
    await site.store.close()
    site.ask("DROP TABLE card")  # so that the database serves the next test, too
