"""`alimi serve --workers N` on a real PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from alimi.sse import Decoder
from tests.cli.harness import PATIENCE, Server, Terminal, token_of, until
from tests.support.postgres import PostgresServer

WORKERS = 2


@pytest.fixture
def server(terminal: Terminal, postgres_url: str) -> Server:
    """Two workers on a database of their own."""
    return terminal.serve("--db", postgres_url, "--workers", str(WORKERS), "--metrics")


class Stream:
    """One open stream, read by hand."""

    def __init__(self, server: Server, recipient: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(server.port)), PATIENCE)
        request = (
            f"GET /v1/inbox/stream HTTP/1.0\r\nAuthorization: Bearer {token_of(recipient)}\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        self._decoder = Decoder()
        self._waiting: list[str] = []
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(1)

    def until(self, event: str) -> None:
        """Read until such an event has come."""
        while event not in self._waiting:
            chunk = self._socket.recv(4096)
            assert chunk, f"the stream ended before {event}"
            self._waiting += [each.event for each in self._decoder.feed(chunk)]
        del self._waiting[: self._waiting.index(event) + 1]

    def close(self) -> None:
        self._socket.close()


def series(server: Server, name: str) -> dict[str, float]:
    """A series of all workers, by worker, from one scrape of whichever answers."""
    text = server.get("/metrics")[1].decode()
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def spread(server: Server, recipient: str) -> list[Stream]:
    """Streams of one recipient, until each worker has one."""
    streams: list[Stream] = []
    deadline = time.monotonic() + PATIENCE
    while len(streams) < 2 or not all(series(server, "alimi_streams").values()):
        assert time.monotonic() < deadline
        streams.append(Stream(server, recipient))
        streams[-1].until("hello")
    return streams


def test_what_one_worker_takes_rings_at_the_other(server: Server) -> None:
    """Streams of one person are on both workers; each rings, before any position check."""
    streams = spread(server, "2")
    started = time.monotonic()
    server.notify("2", "for all")
    for stream in streams:
        stream.until("message")
        stream.close()
    assert time.monotonic() - started < 5
    assert sum(series(server, "alimi_relay_notifications_total").values()) == 1
    assert sorted(series(server, "alimi_worker_up")) == ["1", "2"]


def test_a_killed_worker_costs_its_streams_a_reconnect(server: Server) -> None:
    """The log names it, another takes its place, and the end is as orderly as ever."""
    children = Path(
        f"/proc/{server.background.process.pid}/task/{server.background.process.pid}/children"
    )
    before = children.read_text().split()
    assert len(before) == WORKERS
    os.kill(int(before[0]), signal.SIGKILL)
    until(lambda: len(set(children.read_text().split()) - set(before)) == 1)
    server.notify("2", "not lost")
    until(lambda: server.inbox(token_of("2"))["unread"] == 1)
    assert server.stop() == 0
    log = "\n".join(server.background.errors)
    assert re.search(rf"worker 1 \(process {before[0]}\) was ended by SIGKILL; it is started", log)


def test_an_orderly_end_says_goodbye_to_the_streams_of_all_workers(server: Server) -> None:
    """`bye` on each, and status 0."""
    streams = spread(server, "2")
    server.background.process.terminate()
    for stream in streams:
        stream.until("bye")
        stream.close()
    assert server.background.wait() == 0


def test_a_database_that_is_not_there_is_told_and_ends_all(terminal: Terminal) -> None:
    """Once, before any worker begins."""
    database = "postgresql://alimi@127.0.0.1:1/none"
    line = terminal.complaint("serve", "--db", database, "--workers", "2", "--port", "0")
    assert "start the server, or check the host and port" in line


def test_a_local_bus_between_processes_is_refused(terminal: Terminal, postgres_url: str) -> None:
    """It would deliver to one worker's streams only; the sentence says what to leave away."""
    line = terminal.complaint("serve", "--db", postgres_url, "--workers", "2", "--bus", "local")
    assert "leave --bus away" in line


def test_readiness_follows_a_killed_database(terminal: Terminal) -> None:
    """503 while PostgreSQL is dead, 200 again once it is back, with the same processes."""
    with PostgresServer() as database:
        url = database.url(database.create_database())
        terminal.ok("migrate", "--db", url)
        server = terminal.serve("--db", url)
        assert server.get("/readyz")[0] == 200
        database.kill()
        until(lambda: server.get("/readyz")[0] == 503)
        assert b'"store":"unavailable"' in server.get("/readyz")[1]
        assert server.get("/healthz")[0] == 200
        database.start()
        until(lambda: server.get("/readyz")[0] == 200)
        server.notify("2", "after the crash")
        until(lambda: server.inbox(token_of("2"))["unread"] == 1)
