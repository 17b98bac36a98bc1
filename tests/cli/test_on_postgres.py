"""The same commands on a PostgreSQL database."""

from __future__ import annotations

import json

from tests.cli.harness import Terminal, token_of, until


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
