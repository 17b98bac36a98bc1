"""The PostgreSQL store passes the conformance suite."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from alimi.stores.postgres import PostgresStore
from alimi.testing.store_conformance import StoreConformance
from alimi.testing.stores.harness import Application, FullStore
from tests.stores.postgres_application import application
from tests.support.real_servers import Databases


class PostgresConformance(StoreConformance):
    """The contract, on databases that a subclass has to say."""

    databases: Databases

    def make_store(self, place: Path) -> FullStore:
        return PostgresStore(self.databases.url(place))

    def connect(self, place: Path) -> AbstractContextManager[Application]:
        return application(self.databases.url(place))

    def put_garbage(self, app: Application) -> None:
        """What nothing that reads the outbox accepts."""
        app.execute(
            "INSERT INTO alimi_outbox (event_id, recorded_at, created_at, recipients, kind)"
            " VALUES ('x', 0, 0, '{anna}', NULL)"
        )


class TestPostgresStore(PostgresConformance):
    """The contract, on a server."""

    @pytest.fixture(autouse=True)
    def _use(self, postgres_databases: Databases) -> None:
        self.databases = postgres_databases
