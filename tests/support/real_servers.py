"""Fixtures: real servers, one of each for the whole run, and fresh databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats import NatsServer
from tests.support.postgres import PostgresServer, empty_tables, recycle, shape
from tests.support.valkey import ValkeyServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A cluster that all tests share; who kills or freezes one starts one of their own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database without our schema."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a database with our schema; a copy of it is made in some milliseconds."""
    from alimi.stores.postgres import PostgresStore

    name = postgres_server.create_database(name="alimi_template")
    asyncio.run(PostgresStore(postgres_server.url(name)).migrate())
    return name


class Databases:
    """A database of its own with our schema for each place that asks.

    Making and removing one takes 230 ms, emptying one 30; who is done gives it back to those who
    come later.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._as_made: object = None
        self._idle: list[str] = []
        self._taken: dict[Path, str] = {}

    def url(self, place: Path) -> str:
        """The same for the same place."""
        if place not in self._taken:
            self._taken[place] = self._idle.pop() if self._idle else self._make()
        return self._server.url(self._taken[place])

    def give_back(self) -> None:
        """Nobody uses those that were asked for any more."""
        while self._taken:
            _, name = self._taken.popitem()
            if recycle(self._server.url(name), self._as_made):
                self._idle.append(name)
            else:
                self._server.drop_database(name)

    def _make(self) -> str:
        name = self._server.create_database(self._template)
        url = self._server.url(name)
        empty_tables(url)
        self._as_made = self._as_made or shape(url)
        return name


@pytest.fixture(scope="session")
def _all_databases(postgres_server: PostgresServer, postgres_template: str) -> Databases:
    return Databases(postgres_server, postgres_template)


@pytest.fixture
def postgres_databases(_all_databases: Databases) -> Iterator[Databases]:
    """Databases by place."""
    yield _all_databases
    _all_databases.give_back()


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> str:
    """The URL of a database with our schema and nothing in it; do to it what you like."""
    return postgres_databases.url(Path("the only one"))


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A server that all tests share; who kills or freezes one starts one of their own."""
    with NatsServer() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A server that all tests share; who kills or freezes one starts one of their own."""
    with ValkeyServer() as server:
        yield server
