"""The board as it is started: its command, its sockets, its streams, its death and its return."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from httpx import Client

from board import __main__ as command
from board.__main__ import main
from board.board import Board
from board.settings import Settings
from tests.board.harness import EMMA, JIWOO
from tests.board.served import Served


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A board with its demo, over many lives."""
    with Served(tmp_path_factory.mktemp("mortal") / "board.db") as mortal:
        yield mortal


@pytest.fixture
def served(mortal: Served) -> Served:
    """A board with its demo, to be stopped and killed."""
    if not mortal.alive:
        mortal.start()
    return mortal


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A board with its demo that nobody stops; each test hands over a card of its own."""
    with Served(tmp_path_factory.mktemp("standing") / "board.db") as served:
        yield served


def hand_over(client: Client, card: int, user: int) -> None:
    """Give a card to somebody."""
    path = f"/api/cards/{card}/assignee"
    client.patch(path, json={"user_id": user}).raise_for_status()


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any, str]]:
    """What a native EventSource would hear: the event's name, its data, its id."""
    name, data, last = "message", "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif field == "id":
            last = value
        elif not line and data:
            yield name, json.loads(data), last
            name, data = "message", ""


def test_the_first_start_says_what_to_do(standing: Served) -> None:
    """The address, the people, the password, and what to try."""
    address, database = standing.address, str(standing.database)
    for word in (address, "Emma Reid", "demo", "김지우", database, "kill -9"):
        assert word in standing.output
    assert "WARNING" not in standing.output


def test_both_loopbacks_answer(standing: Served) -> None:
    """A browser may take 127.0.0.1 or ::1 for localhost."""
    for host in ("127.0.0.1", "[::1]"):
        with Client() as client:
            assert client.get(f"http://{host}:{standing.port}/login").status_code == 200


def test_a_card_changes_hands_and_the_stream_tells(standing: Served) -> None:
    """A page that knows only EventSource hears "message" in its own language, then the signal."""
    with (
        standing.browser(JIWOO) as jiwoo,
        standing.browser(EMMA) as emma,
        jiwoo.stream("GET", f"/sse/{JIWOO}") as stream,
    ):
        assert stream.headers["content-type"] == "text/event-stream"
        heard = events(stream.iter_lines())
        assert next(heard)[0] == "hello"
        hand_over(emma, 12, JIWOO)
        name, data, _ = next(heard)
        assert name == "message"
        assert data["message"] == "카드의 담당자가 사용자님으로 변경되었습니다."
        name, data, _ = next(heard)
        assert (name, data) == ("signal", {"name": "board.changed", "data": {"card": 12}})


def test_log_out_ends_the_streams_of_that_session(standing: Served) -> None:
    """G7: and of no other: the same person's other browser hears on."""
    with standing.browser(JIWOO) as one, standing.browser(JIWOO) as other:
        with one.stream("GET", f"/sse/{JIWOO}") as ends, other.stream("GET", "/sse/2") as stays:
            ending, staying = events(ends.iter_lines()), events(stays.iter_lines())
            assert next(ending)[0] == next(staying)[0] == "hello"
            with Client(base_url=standing.address, cookies=one.cookies) as tab:
                tab.delete("/api/session").raise_for_status()
            assert [name for name, _, _ in ending][-1:] == ["bye"]
            with standing.browser(EMMA) as emma:
                hand_over(emma, 13, JIWOO)
            assert next(staying)[0] == "message"
        assert one.get(f"/sse/{JIWOO}").status_code == 401


def test_g1_kill_and_return_lose_nothing(served: Served) -> None:
    """G1: killed right after the answer and started again: the stream resumes where it was."""
    with served.browser(JIWOO) as jiwoo, served.browser(EMMA) as emma:
        with jiwoo.stream("GET", f"/sse/{JIWOO}") as stream:
            heard = events(stream.iter_lines())
            next(heard)
            hand_over(emma, 12, JIWOO)
            *_, cursor = next(heard)
        hand_over(emma, 6, JIWOO)
        served.kill()
        served.start()
        assert emma.get("/api/cards/6").json()["assignee_id"] == JIWOO
        with jiwoo.stream("GET", f"/sse/{JIWOO}", headers={"last-event-id": cursor}) as stream:
            heard = events(stream.iter_lines())
            assert next(heard)[2] == cursor
            name, data, _ = next(heard)
            assert (name, data["object"]["id"], data["unread"]) == ("message", "6", 2)


def test_the_demo_is_made_once(served: Served) -> None:
    """A second start finds what was left, and adds nothing."""
    with served.browser(EMMA) as emma:
        emma.patch("/api/cards/1", json={"archived": True}).raise_for_status()
        before = emma.get("/api/board").json()
    served.stop()
    served.start()
    with served.browser(EMMA) as emma:
        assert emma.get("/api/board").json() == before


def test_stopping_does_not_wait_for_streams(served: Served) -> None:
    """An open page does not keep the server from stopping; it is told to come back."""
    with served.browser(JIWOO) as jiwoo, jiwoo.stream("GET", f"/sse/{JIWOO}") as stream:
        heard = events(stream.iter_lines())
        next(heard)
        served.stop()
        assert [(name, data["reason"]) for name, data, _ in heard] == [("bye", "drain")]


def test_a_taken_port_is_explained(standing: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """With another to try, and no traceback."""
    assert main(["--db", str(standing.database), "--port", str(standing.port)]) == 2
    told = capsys.readouterr().err
    assert f"port {standing.port} is taken" in told
    assert f"--port {standing.port + 1}" in told


@pytest.mark.parametrize(
    ("arguments", "warns"),
    [
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--no-demo"], False),
        (["--host", "127.0.0.2"], False),
    ],
)
def test_a_demo_for_everybody_warns(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    warns: bool,
) -> None:
    """The demo on an address that others can reach says so; without the demo there is no need."""
    listening: list[socket.socket] = []

    def serve(settings: Settings, sockets: list[socket.socket], *_: object) -> int:
        listening.extend(sockets)
        return 0

    monkeypatch.setattr(command, "serve", serve)
    assert main(["--db", str(tmp_path / "board.db"), "--port", "0", *arguments]) == 0
    assert ("WARNING" in capsys.readouterr().err) is warns
    with listening[0] as only:
        assert only.getsockname()[0] == arguments[1]


def test_a_missing_folder_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, but what to do."""
    assert main(["--db", str(tmp_path / "nowhere" / "board.db")]) == 2
    assert "make it, or name another with --db" in capsys.readouterr().err


def test_a_user_is_added_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`user NAME` with the password on standard input."""
    words = ["--db", str(tmp_path / "b.db"), "user", "Ada"]
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert main(words) == 0
    assert capsys.readouterr().out == "Ada is user 1 and can log in.\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(words) == 2
    assert capsys.readouterr().err == "board: an empty password is none\n"


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (["--prot", "5001"], "there is no option --prot, but --port"),
        (["--no-dmo"], "there is no option --no-dmo, but --no-demo"),
        (["--workers", "two"], "argument --workers: a number from 1 to 64, not 'two'"),
        (["frobnicate"], "argument COMMAND: invalid choice: 'frobnicate'"),
        (["user"], "the following arguments are required: NAME"),
    ],
)
def test_a_slip_of_the_command_line_is_named(
    mistake: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with the word that is wrong and where to read on."""
    with pytest.raises(SystemExit) as ended:
        main(mistake)
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert line.endswith("See: scripts/run --help")
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("database", "told"),
    [
        ("mysql://h/board", "mysql:// is neither"),
        ("sqlite:///board.db", "a file's path or a postgresql:// URL"),
        (".", "is a folder"),
        ("postgresql://h:port/board", "write postgresql://user:password@host:5432/database"),
        ("postgresql://[::1", "write postgresql://user:password@host:5432/database"),
    ],
)
def test_what_is_no_database_is_explained(
    database: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what would be one."""
    assert main(["--db", database]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def foreign(path: Path, table: str) -> None:
    """A database of another program, with one table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(table)


def board_of(database: Path | str) -> None:
    """The tables of a board that nobody serves."""

    async def make() -> None:
        board = Board(Settings(database))
        await board.prepare()
        await board.database.close()

    asyncio.run(make())


def newer(path: Path) -> None:
    """A board whose notifications a later Alimi has kept."""
    board_of(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO alimi_migrations VALUES (99, 'later', 0)")
        connection.commit()


def unwritable(path: Path) -> None:
    """A board that SQLite may only read, whoever asks: byte 18 says that it is a later format."""
    board_of(path)
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_text("no database\n" * 100), "file is not a database"),
        (lambda path: path.symlink_to("nowhere/board.db"), "unable to open database file"),
        (unwritable, "attempt to write a readonly database"),
        (newer, "have schema 99, this Alimi knows up to "),
        (lambda path: foreign(path, "CREATE TABLE moz (a)"), "tables of another program (moz)"),
        (lambda path: foreign(path, "CREATE TABLE users (id)"), "table users is not the board's"),
    ],
)
@pytest.mark.parametrize("words", [[], ["--no-demo"], ["user", "Ada"]])
def test_a_file_that_cannot_be_used_is_explained(
    make: Callable[[Path], object],
    told: str,
    words: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In one line with its name and the reason, before anything listens; it stays as it was."""
    path = tmp_path / "board.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    assert main(["--db", str(path), "--port", "0", *words]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"board: the database {path.resolve()} cannot be used: ")
    assert told in line
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_who_can_log_in_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the demo the first start says how to add somebody; with a user there is no need."""
    said: list[str] = []

    def serve(settings: Settings, sockets: list[socket.socket], welcome: str, *_: object) -> int:
        sockets[0].close()
        said.append(welcome)
        return 0

    monkeypatch.setattr(command, "serve", serve)
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    words = ["--db", str(tmp_path / "board.db"), "--host", "127.0.0.1", "--port", "0"]
    start = [*words, "--no-demo"]
    assert [main(start), main([*words, "user", "Ada"]), main(start)] == [0, 0, 0]
    assert ["Add somebody who can log in" in each for each in said] == [True, False]


@pytest.mark.parametrize("port", ["70000", "-1", "x"])
def test_a_port_is_a_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is refused with a sentence."""
    with pytest.raises(SystemExit):
        main([f"--port={port}"])
    assert "port" in capsys.readouterr().err


def test_several_workers_need_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite has one writer and no bus: the sentence says what to leave away, or to give."""
    assert main(["--db", str(tmp_path / "b.db"), "--workers", "2"]) == 2
    told = capsys.readouterr().err
    assert "leave --workers away" in told
    assert "postgresql://" in told
