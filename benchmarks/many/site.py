"""The servers and the nodes of a measure: a fresh PostgreSQL, one bus, some nodes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from alimi.backends import open_store
from alimi.settings import Settings
from benchmarks import machine
from benchmarks.entrants import FAST, PATH
from benchmarks.process import Process, running
from tests.support.nats import NatsServer
from tests.support.postgres import DURABLE, PostgresServer
from tests.support.valkey import ValkeyServer

BusName = Literal["postgres", "nats", "valkey"]
BUSES: tuple[BusName, ...] = ("postgres", "nats", "valkey")


def postgres() -> AbstractContextManager[PostgresServer]:
    """A server that waits for the disk."""
    return PostgresServer(settings={**DURABLE, "shared_buffers": "256MB", "max_wal_size": "4GB"})


@contextmanager
def database() -> Iterator[str]:
    """The URL of a database with Alimi's schema, on a server of its own.

    From here on nobody has a core for himself: servers are children of this process, and pinned to
    the load's core they would wait for it while the other one rests.
    """
    with machine.on_all_cores(), postgres() as server:
        url = server.url(server.create_database())
        asyncio.run(_migrate(url))
        yield url


async def _migrate(url: str) -> None:
    store = open_store(url, Settings())
    await store.migrate()
    await store.close()


@contextmanager
def bus(name: BusName, url: str) -> Iterator[str]:
    """The URL of a bus: a server of its own, or the database."""
    if name == "postgres":
        yield url
        return
    with NatsServer() if name == "nats" else ValkeyServer() as server:
        yield server.url


@contextmanager
def nodes(folder: Path, url: str, bus_url: str, count: int) -> Iterator[list[Process]]:
    """So many nodes; none has a core for itself, for there are more of them than cores."""
    with ExitStack() as stack:
        yield [stack.enter_context(node(folder / str(n), url, bus_url)) for n in range(count)]


def node(
    folder: Path, url: str, bus_url: str, check: float = 10
) -> AbstractContextManager[Process]:
    """One node in a process of its own; `check` seconds between two position checks."""
    words = (FAST, "uvloop", bus_url, str(check))
    return _running(folder, lambda port: ["benchmarks.server", url, str(port), *words])


def listeners(folder: Path, url: str, bus_url: str, count: int) -> AbstractContextManager[Process]:
    """So many nodes that only hear the bus, in one process."""
    return _running(
        folder, lambda port: ["benchmarks.many.listeners", url, bus_url, str(port), str(count)]
    )


def _running(folder: Path, words: Callable[[int], list[str]]) -> AbstractContextManager[Process]:
    folder.mkdir(exist_ok=True)
    return running(
        lambda port: [sys.executable, "-m", *words(port)],
        folder=folder, cores=machine.all_cores(), environment={"PYTHONPATH": PATH},
    )  # fmt: skip
