"""The same commands on a PostgreSQL database."""

from __future__ import annotations

import json

import pytest

from tests.cli.harness import Terminal, token_of, until
from tests.support.postgres import PostgresServer


def test_from_nothing_to_a_bell(terminal: Terminal, empty_postgres: str) -> None:
    """Tables are made by `migrate` only; then serving, notifying and looking work as anywhere."""
    database = empty_postgres.replace("//alimi@", "//alimi:a-secret@")
    missing = terminal.complaint("serve", "--db", database, "--port", "0")
    assert "alimi migrate" in missing
    script = terminal.ok("sql", "--db", database)
    assert "CREATE FUNCTION alimi_apply(" in script
    made = terminal.ok("migrate", "--db", database)
    assert "applied 0001_inbox" in made
    assert "Next: start your application, or alimi serve --db postgresql://alimi:PASSWORD@" in made
    assert terminal.ok("migrate", "--db", database) == "nothing to do: the tables are the newest\n"
    assert "nothing to do" in terminal.ok("sql", "--db", database)

    server = terminal.serve("--db", database)
    assert "secret" not in "".join(server.background.lines)
    server.notify("2", "hello")
    token = token_of("2")
    until(lambda: server.inbox(token)["unread"] == 1)
    report = json.loads(terminal.ok("doctor", "--json", "--db", database))
    assert report["ok"]
    before = terminal.ok("epoch", "--db", database).strip()
    assert terminal.ok("epoch", "--new", "--yes", "--db", database).strip() != before
    server.stop()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_first_start_says_what_to_do_and_its_lines_work(
    bare: Terminal, empty_postgres: str, workers: str
) -> None:
    """As on SQLite, and until somebody was notified; once, however many workers there are."""
    (bare.folder / "user").write_text("user-secret-" * 4, encoding="utf-8")
    start = ("--db", empty_postgres, "--user-secret", "@user", "--workers", workers)
    bare.ok("migrate", "--db", empty_postgres)
    server = bare.serve(*start)
    told = server.steps()
    token = bare.ok(*told["token"]).strip()
    bare.ok(*told["notify"])
    until(lambda: server.inbox(token)["unread"] == 1)
    assert server.stop() == 0
    assert sum(line.startswith("Next") for line in server.background.lines) == 1
    again = bare.serve(*start)
    assert again.stop() == 0
    assert len(again.background.lines) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tables_that_do_not_fit_are_told_in_one_line(
    terminal: Terminal, empty_postgres: str, postgres_server: PostgresServer, workers: str
) -> None:
    """Missing, too old or too new: what to do, once, however many workers there are."""
    start = ("serve", "--db", empty_postgres, "--port", "0", "--workers", workers)
    assert "run `alimi migrate`" in terminal.complaint(*start)
    terminal.ok("migrate", "--db", empty_postgres)
    name = empty_postgres.rpartition("/")[2]
    every = "UPDATE alimi_migrations SET number = number + 1000, compatible_from = 1000"
    postgres_server.execute(every, database=name)
    assert "newer" in terminal.complaint(*start)
    postgres_server.execute("DELETE FROM alimi_migrations", database=name)
    first = "INSERT INTO alimi_migrations VALUES (1, 'inbox', 0, 1)"
    postgres_server.execute(first, database=name)
    assert "run `alimi migrate`" in terminal.complaint(*start)


def test_no_command_shows_the_password(terminal: Terminal, empty_postgres: str) -> None:
    """What is printed of a database, well or not, is its address without the secret."""
    database = empty_postgres.replace("//alimi@", "//alimi:a-secret@")
    nobody = database.replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:").partition(",")[0] + "/x"
    terminal.ok("migrate", "--db", database)
    for address in (database, nobody):
        for command in ("doctor", "migrate", "epoch", "sql"):
            done = terminal.run(command, "--db", address)
            assert "a-secret" not in done.stdout + done.stderr
            assert "Traceback" not in done.stderr


def test_what_a_newcomer_gets_wrong_is_told_with_what_to_do(
    terminal: Terminal, postgres_server: PostgresServer, empty_postgres: str
) -> None:
    """Host, port, database, user, rights, spelling: one line, and what to do."""
    postgres_server.execute("DROP ROLE IF EXISTS lodger")
    postgres_server.execute("CREATE ROLE lodger LOGIN")
    database = empty_postgres.rpartition("/")[2]  # up to PostgreSQL 14 everybody may create there
    postgres_server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=database)
    port = str(postgres_server.port)
    mistakes = {
        empty_postgres.replace(port, "1"): "start the server, or check the host and port",
        empty_postgres.replace("127.0.0.1", "db.invalid"): "check the host of the URL",
        f"{empty_postgres}x": "create it, then run `alimi migrate`",
        empty_postgres.replace("alimi@", "stranger@"): "check the user and password",
        empty_postgres.replace("alimi@", "lodger@"): "grant the rights that docs/postgres.md lists",
        "postgresql://[::1": "write postgresql://user:password@host/name",
    }
    for address, advice in mistakes.items():
        assert advice in terminal.complaint("migrate", "--db", address), address
    terminal.ok("migrate", "--db", empty_postgres)
    lodger = empty_postgres.replace("alimi@", "lodger@")
    for command in (("serve", "--port", "0"), ("notify", "2", "--text", "x"), ("epoch",)):
        assert "grant the rights" in terminal.complaint(*command, "--db", lodger)


def test_the_doctor_speaks_of_the_servers_own_settings(
    terminal: Terminal, empty_postgres: str
) -> None:
    """Nobody is sent to a setting of SQLite."""
    terminal.ok("migrate", "--db", empty_postgres)
    (line,) = [
        check
        for check in json.loads(terminal.ok("doctor", "--json", "--db", empty_postgres))["checks"]
        if check["name"] == "durability"
    ]
    assert "the synchronous_commit of its own role" in line["detail"]
    assert "FULL" not in line["advice"]
