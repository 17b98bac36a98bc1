"""The board on PostgreSQL: only `--db` is another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import psycopg
import pytest

from board.__main__ import main
from board.accounts import add_user
from board.database import name_of, url_of
from board.settings import Settings
from tests.board.harness import EMMA, JIWOO, open_bench
from tests.board.served import Served
from tests.board.test_serving import board_of, events, hand_over
from tests.support.postgres import PostgresServer


@pytest.fixture
def served(empty_postgres: str) -> Iterator[Served]:
    """A board with its demo, on a database without any table."""
    with Served(empty_postgres) as served:
        yield served


def test_g1_an_empty_database_becomes_a_board_that_loses_nothing(served: Served) -> None:
    """G1: tables and demo are made; the bell rings; killed after the answer, the stream resumes."""
    assert f"It is kept in {served.database}\n" in served.output
    with served.browser(JIWOO) as jiwoo, served.browser(EMMA) as emma:
        with jiwoo.stream("GET", f"/sse/{JIWOO}") as stream:
            heard = events(stream.iter_lines())
            assert next(heard)[0] == "hello"
            hand_over(emma, 12, JIWOO)
            name, data, cursor = next(heard)
            assert (name, data["kind"], data["unread"]) == ("message", "card.assigned", 1)
        hand_over(emma, 6, JIWOO)
        served.kill()
        served.start()
        with jiwoo.stream("GET", f"/sse/{JIWOO}", headers={"last-event-id": cursor}) as stream:
            heard = events(stream.iter_lines())
            assert next(heard)[2] == cursor
            name, data, _ = next(heard)
            assert (name, data["object"]["id"], data["unread"]) == ("message", "6", 2)


async def test_boards_that_start_together_make_one_demo(empty_postgres: str) -> None:
    """Several workers meet an empty database: each table once, each card once."""

    async def start() -> int:
        async with open_bench(empty_postgres) as bench:
            emma = await bench.person(EMMA)
            return len((await emma.get("/api/board"))["cards"])

    assert len(set(await asyncio.gather(*(start() for _ in range(3))))) == 1


async def test_users_are_numbered_after_the_demo(empty_postgres: str) -> None:
    """The demo's people bring their numbers; who comes next has the next one."""
    async with open_bench(empty_postgres):
        said = await add_user(Settings(empty_postgres), "Ada", "secret", "en")
    assert said == "Ada is user 4 and can log in."


def test_a_server_that_cannot_be_used_is_explained(
    postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback and no password, but where and why."""
    url = f"postgresql://alimi:hidden@127.0.0.1:{postgres_server.port}/nowhere"
    assert main(["--db", url]) == 2
    said = capsys.readouterr().err
    assert f"@127.0.0.1:{postgres_server.port}/nowhere cannot be used: " in said
    assert 'database "nowhere" does not exist' in said
    assert "hidden" not in said


def test_a_user_of_the_server_who_may_make_no_tables_is_told(
    postgres_server: PostgresServer, empty_postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, before anything listens, and not by the middle of a traceback."""
    postgres_server.execute("DROP ROLE IF EXISTS lodger")
    postgres_server.execute("CREATE ROLE lodger LOGIN")
    assert main(["--db", empty_postgres.replace("//alimi@", "//lodger@")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "permission denied for schema public" in line
    assert "its user be allowed to make tables" in line


def test_a_server_that_does_not_answer_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line without the password, also for several workers: before any of them starts."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert main(["--db", f"postgresql://a:hidden@127.0.0.1:{port}/b", "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Connect call failed" in line
    assert "hidden" not in line


def test_tables_of_a_newer_alimi_are_explained(
    empty_postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that says what to do, also for several workers: before any of them starts."""
    board_of(empty_postgres)
    with psycopg.connect(empty_postgres) as connection:
        connection.execute("INSERT INTO alimi_migrations VALUES (99, 'later', 0, 99)")
    assert main(["--db", empty_postgres, "--port", "0", "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "have schema 99, this Alimi knows up to " in line
    assert "its user be allowed" not in line


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_urls_are_taken_as_other_programs_write_them(scheme: str) -> None:
    """Any usual scheme, and libpq's name for encryption."""
    url = url_of(f"{scheme}://u:p@db.test/board?sslmode=require")
    assert url.drivername == "postgresql+asyncpg"
    assert url.query == {"ssl": "require"}
    assert name_of(url) == "postgresql://u:***@db.test/board?ssl=require"
