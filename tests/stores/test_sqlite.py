"""The SQLite store passes the conformance suite."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from alimi.stores.sqlite import SQLiteStore
from alimi.testing.store_conformance import StoreConformance
from alimi.testing.stores.harness import Application, FullStore
from tests.stores.sqlite_application import application


class TestSQLiteStore(StoreConformance):
    """The contract, on a file."""

    def make_store(self, place: Path) -> FullStore:
        return SQLiteStore(place / "app.db")

    def connect(self, place: Path) -> AbstractContextManager[Application]:
        return application(place / "app.db")

    def put_garbage(self, app: Application) -> None:
        app.execute(
            "INSERT INTO alimi_outbox (event_id, recorded_at, body) VALUES ('x', 0, ?)",
            ('{"type": "event", "id": 5}',),
        )
