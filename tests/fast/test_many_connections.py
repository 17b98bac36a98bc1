"""More connections than the system gives descriptors for."""

from __future__ import annotations

import http.client
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alimi.workers import bind
from tests.cli.harness import SECRETS, Terminal

HERE = "127.0.0.1"
DESCRIPTORS = 200
HALF_HEADS = 400
#: What comes before the process has begun those that it has accepted.
AT_ONCE = 20


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Holds connections, and closes them."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A shell in an empty folder."""
    made = Terminal(tmp_path, SECRETS)
    yield made
    made.close()


def test_g8_half_heads_up_to_the_limit_of_open_files_keep_nobody_out(
    terminal: Terminal, clients: ExitStack
) -> None:
    """G8: a server with few descriptors answers whoever asks, however many say half a head."""
    server = terminal.serve("--metrics")
    limits = (DESCRIPTORS, DESCRIPTORS)
    resource.prlimit(server.background.process.pid, resource.RLIMIT_NOFILE, limits)
    place = urlsplit(server.url)
    for _ in range(HALF_HEADS):
        client = clients.enter_context(socket.create_connection((HERE, place.port or 0), 15))
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    asks = http.client.HTTPConnection(HERE, place.port, timeout=15)
    asks.request("GET", "/metrics")
    text = asks.getresponse().read().decode()
    asks.close()
    series = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(series['alimi_connections_closed_total{reason="room"}']) > 0
    assert any("no room for more connections" in line for line in server.background.errors)


def test_g8_few_are_accepted_before_the_first_of_them_begins(clients: ExitStack) -> None:
    """G8: asyncio accepts until it is told that nobody waits; everybody is accepted in the end."""
    listener = clients.enter_context(bind(socket.AF_INET, (HERE, 0)))
    listener.listen(AT_ONCE)
    listener.setblocking(False)
    for _ in range(AT_ONCE):
        clients.enter_context(socket.create_connection(listener.getsockname()))
    turns: list[int] = []
    while sum(turns) < AT_ONCE:
        turns.append(sum(1 for _ in accepted(listener, clients)))
    assert max(turns) < AT_ONCE / 2


def accepted(listener: socket.socket, clients: ExitStack) -> Iterator[socket.socket]:
    """What asyncio accepts in one turn."""
    with suppress(BlockingIOError):
        while True:
            yield clients.enter_context(listener.accept()[0])
