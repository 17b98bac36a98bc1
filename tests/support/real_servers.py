"""Fixtures: real servers, one of each for the whole run, and fresh databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats import NatsServer
from tests.support.postgres import PostgresServer
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


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh database with our schema."""
    name = _copy(postgres_server, postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _copy(server: PostgresServer, template: str) -> str:
    """A database of its own: a copy would be taken for the same store."""
    name = server.create_database(template)
    own = "UPDATE alimi_meta SET value = gen_random_uuid() WHERE name IN ('epoch', 'store')"
    server.execute(own, database=name)
    return name


class Databases:
    """A fresh database with our schema for each place that asks."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._names: dict[Path, str] = {}

    def url(self, place: Path) -> str:
        """The same for the same place."""
        if place not in self._names:
            self._names[place] = _copy(self._server, self._template)
        return self._server.url(self._names[place])

    def drop(self) -> None:
        for name in self._names.values():
            self._server.drop_database(name)


@pytest.fixture
def postgres_databases(
    postgres_server: PostgresServer, postgres_template: str
) -> Iterator[Databases]:
    """Databases by place."""
    databases = Databases(postgres_server, postgres_template)
    yield databases
    databases.drop()


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
