"""What the tests of the PostgreSQL store share; those of SQLite have a `store` of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio

from alimi.stores.postgres import PostgresStore
from tests.support.postgres import PostgresServer
from tests.support.tcp_proxy import TcpProxy


@pytest_asyncio.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """An open store on a database of its own."""
    store = PostgresStore(postgres_url)
    await store.open()
    yield store
    await store.close()


@pytest_asyncio.fixture
async def db(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection to the store's database."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[TcpProxy]:
    """A way to the server that can be held up and cut."""
    with TcpProxy(postgres_server.port) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def far(
    postgres_server: PostgresServer, proxy: TcpProxy, postgres_url: str
) -> AsyncIterator[PostgresStore]:
    """An open store on the same database whose connections lead through the proxy."""
    store = PostgresStore(postgres_url.replace(f":{postgres_server.port}/", f":{proxy.port}/"))
    await store.open()
    yield store
    await store.close()
