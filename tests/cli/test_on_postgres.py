"""The same commands on a PostgreSQL database."""

from __future__ import annotations

import json

from tests.cli.harness import Terminal, token_of, until
from tests.support.postgres import PostgresServer


def test_from_nothing_to_a_bell(terminal: Terminal, empty_postgres: str) -> None:
    """Tables are made by `migrate` only; then serving, notifying and looking work as anywhere."""
    database = empty_postgres.replace("//alimi@", "//alimi:a-secret@")
    missing = terminal.complaint("serve", "--db", database, "--port", "0")
    assert "alimi migrate" in missing
    script = terminal.ok("sql", "--db", database)
    assert "CREATE FUNCTION alimi_apply(" in script
    assert "applied 0001_inbox" in terminal.ok("migrate", "--db", database)
    assert "nothing to do" in terminal.ok("migrate", "--db", database)
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
    port = str(postgres_server.port)
    mistakes = {
        empty_postgres.replace(port, "1"): "start the server, or check the host and port",
        empty_postgres.replace("127.0.0.1", "db.invalid"): "check the host of the URL",
        f"{empty_postgres}x": "create it, then run `alimi migrate`",
        empty_postgres.replace("alimi@", "stranger@"): "check the user and password",
        empty_postgres.replace("alimi@", "lodger@"): "grant the rights that docs/postgres.md lists",
        "postgresql://[::1": "write postgresql://user:password@host/name",
    }
    for database, advice in mistakes.items():
        assert advice in terminal.complaint("migrate", "--db", database), database
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
