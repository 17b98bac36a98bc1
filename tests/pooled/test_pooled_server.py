"""The commands and nodes behind a pooler, as docs/postgres.md tells an operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import SECRETS, Server, Terminal, token_of, until
from tests.support.pgbouncer import PgBouncer


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A shell in an empty folder that has the server's secrets."""
    shell = Terminal(tmp_path, SECRETS)
    yield shell
    shell.close()


def parts(node: Server) -> dict[str, str]:
    """How each part of a node is."""
    status, body = node.get("/readyz")
    assert status == 200, body
    told: dict[str, str] = json.loads(body)["parts"]
    return told


def test_two_nodes_with_a_direct_way_for_the_bus(
    terminal: Terminal, pooler: PgBouncer, empty_postgres: str
) -> None:
    """Every command works through the pooler, and what one node is told rings on the other."""
    pooled = pooler.url(empty_postgres.rpartition("/")[2])
    assert "CREATE FUNCTION alimi_apply(" in terminal.ok("sql", "--db", pooled)
    assert "applied 0001_inbox" in terminal.ok("migrate", "--db", pooled)
    assert "nothing to do" in terminal.ok("migrate", "--db", pooled)
    # No position check helps the bus within the test.
    way = ("--db", pooled, "--bus", empty_postgres, "--position-check-seconds", "600")
    one, two = terminal.serve(*way), terminal.serve(*way)
    until(lambda: all(parts(each)["bus"] == "ok" for each in (one, two)))
    tail = terminal.start("tail", "--url", two.url, "--json", ALIMI_TOKEN=token_of("2"))
    tail.event("hello")
    one.notify("2", "hello")
    assert tail.event("new")["data"]["message"] == "hello"
    assert one.inbox(token_of("2"))["unread"] == 1
    assert json.loads(terminal.ok("doctor", "--json", "--db", pooled))["ok"]
    before = terminal.ok("epoch", "--db", pooled).strip()
    assert terminal.ok("epoch", "--new", "--yes", "--db", pooled).strip() != before
    assert one.stop() == 0
    assert two.stop() == 0


def test_without_one_readiness_says_so_and_the_position_check_delivers(
    terminal: Terminal, pooled_url: str
) -> None:
    """The bus is degraded, the log says what it needs, and other nodes' news come all the same."""
    way = ("--db", pooled_url, "--position-check-seconds", "1")
    one, two = terminal.serve(*way), terminal.serve(*way)
    until(lambda: parts(two) == {"store": "ok", "bus": "degraded", "relay": "ok"})
    tail = terminal.start("tail", "--url", two.url, "--json", ALIMI_TOKEN=token_of("2"))
    tail.event("hello")
    one.notify("2", "hello")
    assert tail.event("new")["data"]["message"] == "hello"
    two.stop()
    assert any("cannot LISTEN: give bus= a" in line for line in two.background.errors)
