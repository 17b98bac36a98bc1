"""The NATS bus passes the conformance suite, and what is special about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from unittest.mock import create_autospec

import pytest

from alimi.addresses import parse
from alimi.bus import Bus
from alimi.buses.nats import Dialler, make
from alimi.carrier import Ears
from tests.buses.harness import QUICK, OnAServer
from tests.support.nats import NatsServer


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


class TestNatsBus(OnAServer):
    """The contract, on one server."""

    def make_bus(self, name: str = "one", port: int | None = None) -> Bus:
        url = f"nats://127.0.0.1:{port or self.server.port}"  # type: ignore[attr-defined]
        return make(url, self.identity(name), self.metrics, QUICK)


async def test_servers_that_are_told_no_longer_are_forgotten() -> None:
    """G8: in a cluster addresses come and go; only the last ones told, and the named, are tried."""
    greetings = [
        ["10.0.0.1:4222", "[::1]:4223", "nonsense:99999", "b:²"],
        ["10.0.0.2:4222"],
        "nonsense",
    ]

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = json.dumps({"connect_urls": greetings.pop(0)})
        writer.write(f"INFO {info}\r\n".encode())
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.read()
        writer.close()
        ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    host, port = named = server.sockets[0].getsockname()
    dialler = Dialler(parse(f"nats://{host}:{port}", port=4222), "x")
    found = []
    for _ in range(3):
        while next(iter(dialler.servers)) != named:
            dialler.servers.next()
        link = await dialler.connect(create_autospec(Ears))
        link.close()
        await ended.acquire()
        found.append(set(dialler.servers) - {named})
    assert found == [{("10.0.0.1", 4222), ("::1", 4223)}, {("10.0.0.2", 4222)}, set()]
    server.close()
    await server.wait_closed()
