"""Fixtures: real servers, one of each for the whole run, and fresh databases."""

from __future__ import annotations

from collections.abc import Iterator

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
def nats_server() -> Iterator[NatsServer]:
    """A server that all tests share; who kills or freezes one starts one of their own."""
    with NatsServer() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """A server that all tests share; who kills or freezes one starts one of their own."""
    with ValkeyServer() as server:
        yield server
