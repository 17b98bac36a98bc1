"""Several processes on one file, and processes that die."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alimi.errors import StoreBusy
from alimi.model import Mark
from alimi.stores.sqlite import SQLiteStore, connections, writer
from alimi.testing.stores.harness import ALL, audit, event, ids, settle

PEER = Path(__file__).parent / "sqlite_peer.py"
Process = asyncio.subprocess.Process


@asynccontextmanager
async def peer(verb: str, path: Path) -> AsyncIterator[Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PEER), verb, str(path), stdin=pipe, stdout=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def heard(process: Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


def tell(process: Process) -> None:
    assert process.stdin
    process.stdin.write(b"go\n")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "app.db")
    await store.open()
    yield store
    await store.close()


async def test_a_locked_file_is_waited_for(store: SQLiteStore) -> None:
    """While another process holds the lock, writes wait and reads go on; then all is written."""
    async with peer("hold", store.path) as holder:
        assert await heard(holder) == "locked"
        writes = [asyncio.ensure_future(store.append([event()])) for _ in range(5)]
        for _ in range(20):
            assert await ids(store) == []
        assert not any(write.done() for write in writes)
        tell(holder)
        await asyncio.gather(*writes)
    await settle(store)
    assert len(await ids(store)) == 5


async def test_patience_has_an_end(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock kept too long is StoreBusy for who waited, and nothing of theirs is written."""
    monkeypatch.setattr(writer, "begin", lambda db: connections.begin(db, 0.05))
    async with peer("hold", store.path) as holder:
        assert await heard(holder) == "locked"
        with pytest.raises(StoreBusy, match="within="):
            await store.append([event()])
        tell(holder)
        await holder.wait()
    assert (await store.apply(10)).entries == 0
    await store.append([event()])


@pytest.mark.parametrize("verb", ["write", "write-and-apply"])
async def test_g1_kill_9_keeps_what_was_answered(store: SQLiteStore, verb: str) -> None:
    """G1: a process killed in the middle of writing loses nothing that it had acknowledged."""
    async with peer(verb, store.path) as process:
        answered = [await heard(process) for _ in range(150)]
        process.kill()
        rest = (await process.communicate())[0].decode()
        answered += rest[: rest.rfind("\n") + 1].split("\n")[:-1]
    await settle(store)
    found: set[str] = set()
    for who in map(str, range(8)):
        found |= {f"{who} {name}" for name in await ids(store, who, limit=ALL)}
    assert set(answered) <= found
    await audit(store, *map(str, range(8)))


async def test_two_processes_apply_each_entry_once(store: SQLiteStore) -> None:
    """Relays in two processes and one here share the outbox; no entry is applied twice or never."""
    await store.append([event(n % 5) for n in range(400)])
    async with peer("relay", store.path) as one, peer("relay", store.path) as two:
        assert [await heard(one), await heard(two)] == ["ready", "ready"]
        tell(one)
        tell(two)
        mine = 0
        while (applied := await store.apply(7)).more:
            mine += applied.notifications
        counts = [int(await heard(one)), int(await heard(two)), mine + applied.notifications]
    assert sum(counts) == 400
    people = [str(n) for n in range(5)]
    assert (await store.positions(people)).heads == dict.fromkeys(people, 80)
    await audit(store, *people)


@pytest.mark.parametrize("at_once", [0, 10])
async def test_g5_what_others_did_to_inboxes_is_noticed(store: SQLiteStore, at_once: int) -> None:
    """G5: after another store's commit `apply` says so, once: its hints reach no other process."""
    other = SQLiteStore(store.path, at_once=at_once)
    await other.open()
    try:
        await store.append([event()])
        assert not any(each.elsewhere for each in await settle(store))
        await other.append([event("ben")])
        await settle(other)
        assert await store.pending()
        assert [each.elsewhere for each in await settle(store)] == [True]
        assert not await store.pending()
        await other.mark("ben", Mark("read", upto=1))
        await store.append([event()])
        assert any(each.elsewhere for each in await settle(store))
    finally:
        await other.close()
