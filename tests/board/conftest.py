"""A board for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.board.harness import DOHYUN, EMMA, JIWOO, Bench, Person, hash_quickly, open_bench


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
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def bench(database: Path | str) -> AsyncIterator[Bench]:
    """The demo's board."""
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
