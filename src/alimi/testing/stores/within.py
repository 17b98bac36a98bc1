"""Recording inside the application's own transaction (G2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from alimi.errors import ForeignDatabase, NoTransaction
from alimi.testing.stores.harness import FullStore, StoreHarness, audit, event, ids, record, settle


class WithinTests(StoreHarness):
    """`Outbox.write`."""

    async def test_g2_committed_is_applied(self, store: FullStore, tmp_path: Path) -> None:
        """G2: what the application commits is applied, and nothing before it commits."""
        with self.connect(tmp_path) as app:
            app.begin()
            record(store, app, event(), event("ben"))
            assert not await store.pending()
            app.commit()
        assert await store.pending()
        await settle(store)
        assert (len(await ids(store)), len(await ids(store, "ben"))) == (1, 1)
        await audit(store, "anna", "ben")

    async def test_g2_rolled_back_never_was(self, store: FullStore, tmp_path: Path) -> None:
        """G2: what the application rolls back is never seen by anyone."""
        with self.connect(tmp_path) as app:
            app.begin()
            record(store, app, event())
            app.rollback()
        await settle(store)
        assert await ids(store) == []

    async def test_g2_needs_a_transaction(self, store: FullStore, tmp_path: Path) -> None:
        """G2: without an open transaction nothing is recorded and the caller hears it."""
        with self.connect(tmp_path) as app, pytest.raises(NoTransaction):
            record(store, app, event())
        assert not await store.pending()

    async def test_g2_not_on_another_database(self, store: FullStore, tmp_path: Path) -> None:
        """G2: a transaction on another database could not be atomic with ours; it is refused."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        foreign = self.make_store(elsewhere)
        await foreign.migrate()
        with self.connect(elsewhere) as app:
            app.begin()
            with pytest.raises(ForeignDatabase):
                record(store, app, event())
            app.rollback()

    async def test_g3_order_of_commits(self, store: FullStore, tmp_path: Path) -> None:
        """G3: what committed before another transaction began has the lower version."""
        expected = []
        with self.connect(tmp_path) as app:
            for _ in range(3):
                inside, outside = event(), event()
                app.begin()
                record(store, app, inside)
                app.commit()
                await store.append([outside])
                expected += [inside.id, outside.id]
        await settle(store)
        assert (await ids(store))[::-1] == expected

    async def test_a_key_recorded_twice_is_applied_once(
        self, store: FullStore, tmp_path: Path
    ) -> None:
        """A transaction cannot look for used keys; the relay drops the repeat and counts it."""
        with self.connect(tmp_path) as app:
            for text in ("one", "one", "two"):
                app.begin()
                record(store, app, event(key="k", text=text))
                app.commit()
        (applied,) = await settle(store)
        assert (applied.notifications, applied.repeated, applied.conflicts) == (1, 1, 1)
        await audit(store)
