"""What `tail` follows, where servers and databases misbehave on purpose."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alimi.cli.inboxes import DatabaseInbox, RemoteInbox
from alimi.cli.remote import Refused, Remote, Unreachable
from alimi.errors import SchemaTooNew, StoreError
from alimi.kinds import Kind
from alimi.model import Changes, Cursor, Mark
from alimi.stores.sqlite import SQLiteStore
from tests.cli.harness import PATIENCE

Script = Sequence[bytes]
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


class Scripted:
    """Answers each connection with the next bytes of a script, and remembers what was asked."""

    def __init__(self, script: Script) -> None:
        self.asked: list[str] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._script:
            connection, _ = self._listener.accept()
            with connection:
                self.asked.append(connection.recv(65_536).decode())
                connection.sendall(answer)
        self._listener.close()

    def close(self) -> None:
        self._thread.join(PATIENCE)


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    servers: list[Scripted] = []

    def start(*script: bytes) -> Scripted:
        servers.append(Scripted(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Follower:
    """A RemoteInbox whose waits are noted and not waited."""

    def __init__(self, url: str) -> None:
        self.waits: list[float] = []
        self.notes: list[str] = []
        self.inbox = RemoteInbox(Remote(url), dict, self.notes.append, self.waits.append)


def block(id: str | None, data: dict[str, Any] | None = None, event: str = "") -> bytes:
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {event}"] if event else []
    return ("\n".join([*lines, f"data: {json.dumps(data or {})}"]) + "\n\n").encode()


def row(id: str, version: int) -> dict[str, Any]:
    return {"id": id, "version": version}


def test_g4_a_version_that_a_cut_divided_is_shown_once(scripted: Callable[..., Scripted]) -> None:
    """G4: only the last frame of a version has the id, so after a cut its first come again."""
    first = SSE + block("t.1", row("a", 1)) + block(None, row("b", 2))
    again = SSE + block(None, row("b", 2)) + block("t.2", row("c", 2))
    server = scripted(first, again)
    events = Follower(server.url).inbox.events("t.0")
    shown = [json.loads(next(events).data)["id"] for _ in range(3)]
    assert shown == ["a", "b", "c"]
    assert "Last-Event-ID: t.0" in server.asked[0]
    assert "Last-Event-ID: t.1" in server.asked[1]


def test_the_server_says_when_to_come_back(scripted: Callable[..., Scripted]) -> None:
    """The delay of the `retry` line is kept, to the millisecond: the server has jittered it."""
    goodbye = SSE + b"retry: 2350\n\n" + block("t.1", event="bye")
    server = scripted(goodbye, SSE + block("t.2", event="hello"))
    follower = Follower(server.url)
    events = follower.inbox.events("t.0")
    assert [next(events).event, next(events).event] == ["bye", "hello"]
    assert follower.waits == [2.35]


def test_failures_are_tried_again_ever_more_slowly_and_never_in_step(
    scripted: Callable[..., Scripted],
) -> None:
    """Back-off with jitter, a bound, and never sooner than the server asked for."""
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"
    server = scripted(busy, *[b""] * 7, SSE + block("t.1", event="hello"))
    follower = Follower(server.url)
    assert next(follower.inbox.events("t.0")).event == "hello"
    assert 5.5 <= follower.waits[0] <= 6
    assert all(each <= 30 for each in follower.waits[1:])
    assert follower.waits[-1] >= 15
    assert len({round(each, 6) for each in follower.waits}) == 8
    assert follower.notes[-1] == "connected again"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_that_will_not_change_is_not_repeated(
    scripted: Callable[..., Scripted], status: int
) -> None:
    """No loop against a server that says no."""
    server = scripted(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
    with pytest.raises(Refused, match=str(status)):
        next(Follower(server.url).inbox.events("t.0"))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_another_server_is_recognised(scripted: Callable[..., Scripted], answer: bytes) -> None:
    """A wrong --url is said, and a redirection is not followed with a token."""
    with pytest.raises(Refused):
        Follower(scripted(answer).url).inbox.page(10)
    with pytest.raises(Refused):
        next(Follower(scripted(answer).url).inbox.events("t.0"))


def test_what_is_no_http_is_unreachable(scripted: Callable[..., Scripted]) -> None:
    """Garbage is one sentence."""
    with pytest.raises(Unreachable):
        Follower(scripted(b"SSH-2.0-OpenSSH\r\n").url).inbox.page(10)


def test_g8_an_endless_event_is_not_kept(scripted: Callable[..., Scripted]) -> None:
    """G8: a server that sends a line without end costs a megabyte, then the connection."""
    endless = SSE + b"data: " + b"x" * (3 << 20)
    server = scripted(endless, SSE + block("t.1", event="hello"))
    follower = Follower(server.url)
    assert next(follower.inbox.events("t.0")).event == "hello"
    assert "not one of Alimi's" in follower.notes[0]


KIND = Kind("card.assigned", category="cards", texts={"en": "A card is yours."})


class FailingStore(SQLiteStore):
    """A database whose reads fail as they are told to."""

    failures: list[StoreError]

    async def changes_after(self, *arguments: Any, **given: Any) -> list[Changes]:
        if self.failures:
            raise self.failures.pop()
        return await super().changes_after(*arguments, **given)


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    made = FailingStore(tmp_path / "alimi.db")
    made.failures = []
    return made


async def record(store: SQLiteStore, count: int = 1) -> None:
    await store.append([KIND.event(to="2") for _ in range(count)])
    while (await store.apply(500)).more:
        pass


def test_g5_a_database_that_was_away_is_taken_up_again(store: FailingStore) -> None:
    """G5: what came meanwhile is told; and one that cannot come back ends the following."""
    waits: list[float] = []
    notes: list[str] = []
    with DatabaseInbox(store, "2", (), notes.append, waits.append) as inbox:
        _, cursor = inbox.page(1)
        events = inbox.events(cursor)
        assert next(events).event == "hello"
        inbox._runner.run(record(store))
        store.failures = [StoreError("the server was ended")] * 2
        assert next(events).event == "message"
        assert [note.partition(";")[0] for note in notes] == [
            "the server was ended", "the server was ended", "connected again",
        ]  # fmt: skip
        assert waits[2] > waits[1]
        store.failures = [SchemaTooNew()]
        with pytest.raises(SchemaTooNew):
            next(events)


def test_g5_rows_that_a_bulk_change_hides_are_not_passed_over(store: FailingStore) -> None:
    """G5: read elsewhere before they were shown, too many to be named: the inbox anew, in words."""
    with DatabaseInbox(store, "2", (), print, lambda seconds: None) as inbox:
        _, cursor = inbox.page(1)
        events = inbox.events(cursor)
        assert next(events).event == "hello"
        inbox._runner.run(record(store, 300))
        _, head = inbox.page(1)
        upto = Cursor.parse(head).version
        inbox._runner.run(store.mark("2", Mark(action="read", upto=upto)))
        told = next(events)
        assert (told.event, json.loads(told.data)["reason"]) == ("reset", "bulk")
