"""Nodes that only listen, many in one process: `python -m benchmarks.many.listeners DATABASE BUS
PORT COUNT`.

Each has its own connection to the bus and follows somebody of its own; none has a store, a relay or
streams.  Whoever connects to the port finds all of them listening.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from alimi.backends import bus_factory, open_store
from alimi.metrics import Metrics
from alimi.model import BusMessage
from alimi.settings import Settings


async def listen(database: str, bus: str, port: int, count: int) -> None:
    """Until the process ends."""
    store = open_store(database, Settings())
    await store.open()
    identity = (await store.positions(())).identity
    await store.close()
    make = bus_factory(bus, database, Metrics())
    for number in range(count):
        each = make(identity)
        await each.open(_hear, _lose)
        await each.follow([f"listener {number}"])
    server = await asyncio.start_server(_greet, "127.0.0.1", port)
    await server.serve_forever()


def _hear(message: BusMessage) -> None:
    """Nothing that is said concerns anybody here."""


def _lose() -> None:
    """There is nothing that could be looked up."""


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.close()


def main() -> None:
    """Listen; the process ends with SIGTERM."""
    database, bus, port, count = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(listen(database, bus, int(port), int(count)))


if __name__ == "__main__":
    main()
