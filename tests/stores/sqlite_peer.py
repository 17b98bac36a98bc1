"""Another process on the same file; run as a script: `sqlite_peer.py VERB PATH …`.

It says on standard output what it has done, one word a line, and waits on standard input.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

from alimi.model import Content, Event, event_id, now_ms
from alimi.stores.sqlite import SQLiteStore


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def hold(path: str) -> None:
    """Hold the write lock until told."""
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    say("locked")
    sys.stdin.readline()
    db.execute("ROLLBACK")
    db.close()


async def write(path: str, applied: bool) -> None:
    """Append for ever from several tasks and say each id once it was answered."""
    store = SQLiteStore(Path(path))
    await store.open()

    async def one(who: str) -> None:
        while True:
            event = Event(event_id(), "k", "c", Content({"en": "x"}), now_ms(), (who,))
            (receipt,) = await store.append([event])
            if applied:
                await store.apply(10)
            say(f"{who} {receipt.id}")

    await asyncio.gather(*(one(str(n)) for n in range(8)))


async def relay(path: str) -> None:
    """Apply what there is in small batches, then say how many."""
    store = SQLiteStore(Path(path))
    await store.open()
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    count = 0
    while (applied := await store.apply(7)).more:
        count += applied.notifications
    say(count + applied.notifications)
    await store.close()


if __name__ == "__main__":
    verb, path = sys.argv[1:3]
    match verb:
        case "hold":
            hold(path)
        case "relay":
            asyncio.run(relay(path))
        case _:
            asyncio.run(write(path, applied=verb == "write-and-apply"))
