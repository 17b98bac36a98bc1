"""The epoch: an older, a foreign or a recreated file is noticed at the next start (G5)."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path

import pytest

from alimi.stores.sqlite import SQLiteStore
from alimi.testing.stores.harness import deliver, event, read


async def tag_after(path: Path, events: int = 0) -> str:
    """Open, add events, close; answers the tag of anna's cursors in between."""
    store = SQLiteStore(path)
    await store.open()
    for _ in range(events):
        await deliver(store, event())
    tag = (await read(store)).tag
    await store.close()
    return tag


async def test_a_restart_keeps_the_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Closing and opening the same file keeps every cursor good, from the very first."""
    first = await tag_after(tmp_path / "app.db")
    assert await tag_after(tmp_path / "app.db", 2) == first
    assert await tag_after(tmp_path / "app.db") == first
    assert caplog.records == []


async def test_g5_a_restored_older_copy_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """G5: after a backup is put back, cursors that point past it are of another epoch."""
    path = tmp_path / "app.db"
    await tag_after(path, 1)
    shutil.copy(path, tmp_path / "backup")
    before = await tag_after(path, 2)
    shutil.copy(tmp_path / "backup", path)
    restored = await tag_after(path, 2)
    assert restored != before
    assert "commits are missing" in caplog.text
    assert await tag_after(path) == restored


async def test_g5_an_older_copy_under_a_new_epoch(tmp_path: Path) -> None:
    """G5: a copy from before the epoch was renewed is noticed though its count may be high."""
    path = tmp_path / "app.db"
    await tag_after(path, 3)
    shutil.copy(path, tmp_path / "backup")
    await SQLiteStore(path).renew_epoch()
    renewed = await tag_after(path)
    shutil.copy(tmp_path / "backup", path)
    assert await tag_after(path) != renewed


async def test_g5_a_file_copied_elsewhere_gets_its_own_epoch(tmp_path: Path) -> None:
    """G5: two lives of one file give their cursors different tags."""
    original = await tag_after(tmp_path / "app.db", 1)
    shutil.copy(tmp_path / "app.db", tmp_path / "copy.db")
    assert await tag_after(tmp_path / "copy.db") != original
    assert await tag_after(tmp_path / "app.db") == original


async def test_a_deleted_database_begins_a_new_epoch(tmp_path: Path) -> None:
    """A file made anew where another was has nothing to do with its cursors."""
    path = tmp_path / "app.db"
    before = await tag_after(path, 2)
    path.unlink()
    assert await tag_after(path) != before


async def test_two_processes_share_the_epoch(tmp_path: Path) -> None:
    """A store that opens while another one writes renews nothing."""
    first, second = SQLiteStore(tmp_path / "app.db"), SQLiteStore(tmp_path / "app.db")
    await first.open()
    await deliver(first, event())
    await second.open()
    await deliver(second, event())
    assert (await read(first)).tag == (await read(second)).tag
    await first.close()
    await deliver(second, event())
    tag = (await read(second)).tag
    await second.close()
    assert await tag_after(tmp_path / "app.db") == tag


async def test_without_a_place_to_remember(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the file beside the database cannot be written, that is told, and all else works."""
    (tmp_path / "app.db-alimi").mkdir()
    with caplog.at_level(logging.WARNING):
        first = await tag_after(tmp_path / "app.db", 1)
    assert "will go unnoticed" in caplog.text
    assert await tag_after(tmp_path / "app.db") == first


async def test_a_truncated_memory_is_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who empties the file beside a running store's database ends nothing and loses no cursor."""
    store = SQLiteStore(tmp_path / "app.db")
    await store.open()
    os.truncate(tmp_path / "app.db-alimi", 0)
    await deliver(store, event())
    tag = (await read(store)).tag
    await store.close()
    assert await tag_after(tmp_path / "app.db") == tag
    assert caplog.records == []


async def test_no_room_for_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room for the memory is told once; the application and all else go on."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    await tag_after(tmp_path / "app.db", 3)
    assert ["No space left" in record.getMessage() for record in caplog.records] == [True]


async def test_renewing_while_open(tmp_path: Path) -> None:
    """`alimi epoch` beside a running server: its next answers carry the new tag."""
    store = SQLiteStore(tmp_path / "app.db")
    await store.open()
    await deliver(store, event())
    before = (await read(store)).tag
    await SQLiteStore(tmp_path / "app.db").renew_epoch()
    after = (await read(store)).tag
    (applied,) = await deliver(store, event())
    assert before != after == applied.changes[0].tag
    await store.close()
    assert await tag_after(tmp_path / "app.db") == after
