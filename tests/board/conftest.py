"""A board for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from board.database import Database
from board.models import Base
from tests.board.harness import DOHYUN, EMMA, JIWOO, Bench, Person, hash_quickly, open_bench
from tests.support.postgres import PostgresServer
from tests.support.real_servers import Databases

#: Cards are numbered from 1.
FROM_ONE = r"""
SELECT setval(format('%I', sequencename), 1, false) FROM pg_sequences
WHERE schemaname = current_schema() AND sequencename NOT LIKE 'alimi\_%'
"""


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    hash_quickly(monkeypatch)


@pytest.fixture
def database(tmp_path: Path) -> Path | str:
    """A fresh file; a module whose claims depend on the database takes `each_database` instead."""
    return tmp_path / "board.db"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A fresh file, then a fresh database of a server."""
    if request.param == "SQLite":
        return tmp_path / "board.db"
    return str(request.getfixturevalue("board_postgres"))


@pytest.fixture(scope="session")
def _board_databases(postgres_server: PostgresServer, postgres_template: str) -> Databases:
    name = postgres_server.create_database(postgres_template, "board_template")

    async def create_tables() -> None:
        database = Database(postgres_server.url(name))
        await database.create_tables()
        await database.close()

    asyncio.run(create_tables())
    return Databases(postgres_server, name)


@pytest.fixture
def board_postgres(_board_databases: Databases) -> Iterator[str]:
    """A database with Alimi's tables and the board's, and nothing in them; used again and again."""
    url = _board_databases.url(Path("board"))
    yield url
    with psycopg.connect(url) as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(f"DELETE FROM {table.name}")
        connection.execute(FROM_ONE)
    _board_databases.give_back()


@pytest.fixture(scope="session")
def _demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first start makes of a file; a copy of it starts in two thirds of the time."""
    path = tmp_path_factory.mktemp("demo") / "board.db"

    async def start_and_stop() -> None:
        async with open_bench(path):
            pass

    with pytest.MonkeyPatch.context() as patch:
        hash_quickly(patch)
        asyncio.run(start_and_stop())
    return path


@pytest.fixture
async def bench(database: Path | str, _demo: Path) -> AsyncIterator[Bench]:
    """The demo's board."""
    if isinstance(database, Path):
        shutil.copy(_demo, database)
    async with open_bench(database) as bench:
        yield bench


@pytest.fixture
async def emma(bench: Bench) -> Person:
    """User 1, who reads English."""
    return await bench.person(EMMA)


@pytest.fixture
async def jiwoo(bench: Bench) -> Person:
    """User 2, who reads Korean."""
    return await bench.person(JIWOO)


@pytest.fixture
async def dohyun(bench: Bench) -> Person:
    """User 3, who reads Korean."""
    return await bench.person(DOHYUN)
