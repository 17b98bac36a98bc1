"""The file under a running store: moved, deleted or replaced, it is told and not hidden."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from alimi.errors import StoreError
from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import deliver, event, ids, settle


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db")
    await store.open()
    await deliver(store, event())
    yield store
    await store.close()


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_name("old.db"))
    path.write_bytes(path.with_name("old.db").read_bytes())


@pytest.mark.parametrize(
    ("happens", "said"), [(deleted, "deleted or moved away"), (replaced, "replaced by another")]
)
async def test_g1_nothing_is_answered_into_a_lost_file(
    store: SQLiteStore, happens: Callable[[Path], None], said: str
) -> None:
    """G1: once the path leads elsewhere no append is answered, and the check of heads says why."""
    happens(store.path)
    answers = await asyncio.gather(
        *(store.append([event()]) for _ in range(5)), return_exceptions=True
    )
    assert [said in str(answer) for answer in answers] == [True] * 5
    assert {type(answer) for answer in answers} == {StoreError}
    with pytest.raises(StoreError, match=said):
        await store.positions(["anna"])


async def test_a_file_that_comes_back_is_used_again(store: SQLiteStore) -> None:
    """Moved away and back it is the same file, and the store goes on."""
    away = store.path.with_name("away.db")
    store.path.rename(away)
    with pytest.raises(StoreError, match="moved away"):
        await store.positions([])
    with pytest.raises(StoreError, match="moved away"):
        await store.append([event("ben")])
    away.rename(store.path)
    (receipt,) = await store.append([event()])
    await settle(store)
    assert receipt.id in await ids(store)
    assert await ids(store, "ben") == []


async def test_pending_speaks_the_store_s_language(store: SQLiteStore) -> None:
    """What goes wrong while looking for work is a StoreError, as of every other verb."""
    assert store._parts is not None
    store._parts.watcher._db.close()
    with pytest.raises(StoreError):
        await store.pending()


def a_directory(path: Path) -> None:
    path.mkdir()


def a_text(path: Path) -> None:
    path.write_text("Dear diary, " * 100)


@pytest.mark.parametrize(("make", "said"), [(a_directory, "directory"), (a_text, "no SQLite")])
async def test_what_is_no_database_is_named(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    """One StoreError with the path and the reason, from every verb that opens; nothing is made."""
    make(tmp_path / "diary")
    store = SQLiteStore(tmp_path / "diary")
    for verb in (store.open, store.migrate, store.inspect, store.renew_epoch):
        with pytest.raises(StoreError, match=said) as caught:
            await verb()
        assert str(tmp_path / "diary") in str(caught.value)
    assert os.listdir(tmp_path) == ["diary"]  # noqa: PTH208 - quick enough
