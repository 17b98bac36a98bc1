"""Marks of many rows, and retractions beside much that waits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from alimi.model import Retraction, now_ms
from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import audit, do, event, ids, settle


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db", at_once=1000)
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize("action", ["read", "archive"])
async def test_a_large_mark_names_the_newest(store: SQLiteStore, action: str) -> None:
    """Of more than a hundred rows the answer names the newest, and the badge is right (G6)."""
    await store.append([event() for _ in range(130)])
    newest = (await ids(store))[:100]
    marked = await do(store, action, upto=200)
    assert (marked.count, list(marked.ids)) == (130, newest)
    await audit(store)


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("about", ["card:12", "카드", 'a "b"', "a/b"])
async def test_a_retraction_finds_its_matter_however_it_was_written(
    store: SQLiteStore, about: str, escaped: bool
) -> None:
    """JSON writes one name in several ways; a body that waits is found by all of them."""
    await store.append([event(range(1001), about=about), event(range(1001), about="other")])
    if escaped:
        with closing(sqlite3.connect(store.path)) as db, db:
            for seq, body in db.execute("SELECT seq, body FROM alimi_outbox").fetchall():
                written = json.dumps(json.loads(body), indent=1).replace("/", "\\/")
                db.execute("UPDATE alimi_outbox SET body = ? WHERE seq = ?", (written, seq))
    await store.append([Retraction(about, now_ms())])
    await settle(store)
    assert len(await ids(store, "1000")) == 1
    await audit(store, "0", "1000")
