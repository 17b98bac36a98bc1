"""`alimi notify`: into the outbox or through a server, once and for good."""

from __future__ import annotations

import json
import signal
import sqlite3

import pytest

from tests.cli.harness import Terminal, token_of, until

KINDS = """
[kinds."card.assigned"]
category = "cards"
url = "/cards/{object.id}"
text.en = "{actor.name} gave you {object.name}, due {due}."

[kinds."card.loud"]
category = "cards"
text.en = "loud"
notify_actor = true
"""


def recorded(terminal: Terminal) -> int:
    """In an inbox already, or on its way there."""
    with sqlite3.connect(terminal.folder / "alimi.db") as db:
        (count,) = db.execute(
            "SELECT (SELECT count(*) FROM alimi_outbox)"
            " + (SELECT count(*) FROM alimi_notifications)"
        ).fetchone()
    db.close()
    return int(count)


def test_g1_without_a_server_it_is_there_for_the_next_one(terminal: Terminal) -> None:
    """G1: what the command has answered is shown by the next server, after any kill."""
    terminal.ok("migrate")
    sender = terminal.start("notify", "2", "--text", "later")
    assert sender.wait_for(lambda line: line.startswith("recorded "))
    sender.end(signal.SIGKILL)
    server = terminal.serve()
    token = token_of("2")
    until(lambda: server.inbox(token)["unread"] == 1)
    server.stop(signal.SIGKILL)
    assert recorded(terminal) == 1


def test_a_running_server_delivers_what_another_process_wrote(terminal: Terminal) -> None:
    """The command only appends; the server's own relay tells its streams, within its poll."""
    server = terminal.serve()
    follower = terminal.start("tail", "2", "--url", server.url, "--json")
    follower.event("hello")
    terminal.ok("notify", "2", "3", "--text", "from beside")
    assert follower.event("new")["data"]["message"] == "from beside"


@pytest.mark.parametrize("way", ["url", "db"])
def test_all_parts_arrive(terminal: Terminal, way: str) -> None:
    """Kind, actor, object, target, data, about and expiry reach the inbox by both ways."""
    (terminal.folder / "alimi.toml").write_text(KINDS, encoding="utf-8")
    server = terminal.serve()
    arguments = [
        "notify", "2", "--kind", "card.assigned",
        "--actor", '{"id": 1, "name": "Ada"}', "--object", "12", "--object-name", "Ship it",
        "--target", "b1", "--target-name", "Board", "--data", '{"due": "today"}',
        "--about", "card:12", "--expires", "2h",
    ]  # fmt: skip
    terminal.ok(*arguments, *(["--url", server.url] if way == "url" else []))
    token = token_of("2")
    (item,) = until(lambda: server.inbox(token)["items"])
    assert item["message"] == "Ada gave you Ship it, due today."
    assert item["actor"]["name"] == "Ada"
    assert (item["object"]["id"], item["target"]["name"]) == ("12", "Board")
    assert (item["data"], item["url"]) == ({"due": "today"}, "/cards/12")
    assert item["expires_at"] > item["created_at"]


@pytest.mark.parametrize("way", ["url", "db"])
def test_a_key_makes_it_happen_once(terminal: Terminal, way: str) -> None:
    """The same again answers the same id; the same key for another text is refused."""
    server = terminal.serve()
    how = ["--url", server.url] if way == "url" else []
    first, second = (
        json.loads(terminal.ok("notify", "2", "--text", "x", "--key", "k", "--json", *how))
        for _ in range(2)
    )
    assert first["id"] == second["id"]
    assert (first["status"], second["status"]) == ("recorded", "repeated")
    line = terminal.complaint("notify", "2", "--text", "other", "--key", "k", *how)
    assert "key" in line
    token = token_of("2")
    until(lambda: server.inbox(token)["unread"] == 1)


def test_the_actor_is_not_told_unless_the_kind_says_so(terminal: Terminal) -> None:
    """Nobody is notified of their own act; then nothing is written at all."""
    (terminal.folder / "alimi.toml").write_text(KINDS, encoding="utf-8")
    terminal.ok("migrate")
    terminal.ok("notify", "1", "--text", "x", "--actor", "1")
    assert recorded(terminal) == 0
    terminal.ok("notify", "1", "--kind", "card.loud", "--actor", "1")
    assert recorded(terminal) == 1


def test_a_registered_kind_with_a_missing_field_is_said(terminal: Terminal) -> None:
    """The sentence names kind, language and field."""
    (terminal.folder / "alimi.toml").write_text(KINDS, encoding="utf-8")
    terminal.ok("migrate")
    line = terminal.complaint("notify", "2", "--kind", "card.assigned", "--object", "1")
    assert "card.assigned" in line
    assert "actor" in line
    known = terminal.complaint("notify", "2", "--kind", "card.asigned")
    assert "card.assigned" in known
