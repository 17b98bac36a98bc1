"""`alimi tail`: follows an inbox, over HTTP and from the database, and misses nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.harness import USER_SECRET, Server, Terminal, token_of, until


@pytest.fixture
def server(terminal: Terminal) -> Server:
    return terminal.serve()


def way(server: Server, how: str) -> list[str]:
    """How a follower of user 2 finds the inbox."""
    return ["2", "--url", server.url] if how == "url" else ["2"]


@pytest.mark.parametrize("how", ["url", "db"])
def test_what_is_there_comes_first_and_then_what_is_new(
    terminal: Terminal, server: Server, how: str
) -> None:
    """The last rows, oldest first; then each event as it happens, with the counts (G6)."""
    for text in ("one", "two", "three"):
        server.notify("2", text)
    inbox_reaches(server, 3)
    follower = terminal.start("tail", *way(server, how), "--json", "--last", "2")
    rows = [follower.event("item")["data"]["message"] for _ in range(2)]
    assert rows == ["two", "three"]
    assert follower.event("hello")["data"]["unread"] == 3
    server.notify("2", "four")
    told = follower.event("new")
    assert (told["data"]["message"], told["data"]["unread"]) == ("four", 4)
    assert told["cursor"].endswith(f".{told['data']['version']}")


@pytest.mark.parametrize("how", ["url", "db"])
def test_g5_a_follower_that_was_stopped_goes_on_where_it_was(
    terminal: Terminal, server: Server, how: str
) -> None:
    """G5: with --cursor-file each event is shown once, however often the follower is stopped."""
    place = ["--json", "--cursor-file", "place"]
    for number in range(3):
        follower = terminal.start("tail", *way(server, how), *place)
        follower.event("hello")
        if number:
            assert follower.event("new")["data"]["message"] == f"while away {number}"
        server.notify("2", f"while there {number}")
        bookmark_reaches(terminal, follower.event("new")["cursor"])
        follower.end(signal.SIGINT)
        server.notify("2", f"while away {number + 1}")
        inbox_reaches(server, 2 * (number + 1))


def bookmark_reaches(terminal: Terminal, cursor: str) -> None:
    until(lambda: (terminal.folder / "place").read_text("utf-8").strip() == cursor)


def inbox_reaches(server: Server, unread: int) -> None:
    until(lambda: server.inbox(token_of("2"))["unread"] == unread)


def test_g5_a_follower_survives_the_death_of_the_server(terminal: Terminal, server: Server) -> None:
    """G5: killed and started again, the server's stream is taken up where it broke, once each."""
    follower = terminal.start("tail", "2", "--url", server.url, "--json")
    follower.event("hello")
    server.notify("2", "before")
    assert follower.event("new")["data"]["message"] == "before"
    server.stop(signal.SIGKILL)
    terminal.ok("notify", "2", "--text", "meanwhile")
    again = terminal.serve("--port", server.port)
    assert follower.event("new")["data"]["message"] == "meanwhile"
    again.notify("2", "after")
    assert follower.event("new")["data"]["message"] == "after"
    follower.end(signal.SIGINT)
    assert "connected again" in "\n".join(follower.errors)


@pytest.mark.parametrize("how", ["url", "db"])
def test_g5_after_a_restore_the_follower_is_told_to_begin_anew(
    terminal: Terminal, server: Server, how: str
) -> None:
    """G5: a cursor of another epoch is worthless, and the follower says so instead of skipping."""
    (terminal.folder / "place").write_text("AAAAAAAA.7\n", encoding="utf-8")
    server.notify("2", "kept")
    token = token_of("2")
    cursor = until(lambda: server.inbox(token)["items"] and server.inbox(token)["cursor"])
    follower = terminal.start(
        "tail", *way(server, how), "--json", "--last", "5", "--cursor-file", "place"
    )
    assert follower.event("reset")["cursor"] == cursor
    assert follower.event("item")["data"]["message"] == "kept"
    until(lambda: (terminal.folder / "place").read_text("utf-8").strip() == cursor)


def test_changes_of_other_tabs_are_told(terminal: Terminal, server: Server) -> None:
    """What is read elsewhere is a line here, in words."""
    token = token_of("2")
    server.notify("2", "x")
    until(lambda: server.inbox(token)["unread"] == 1)
    follower = terminal.start("tail", "2", "--url", server.url)
    follower.wait_for(lambda line: "●" in line and "x" in line)
    status, _ = mark(server, token, {"action": "read", "upto": 99})
    assert status == 200
    assert "1 notification read" in follower.wait_for(lambda line: "read" in line)


def mark(server: Server, token: str, body: dict[str, object]) -> tuple[int, bytes]:
    return server.post("/v1/inbox/mark", body, Authorization=f"Bearer {token}")


def test_a_person_reads_lines(terminal: Terminal, server: Server) -> None:
    """Text, object, kind and link of a row stand on one line."""
    card = ["--object", "12", "--object-name", "Ship it", "--link", "/cards/12", "--kind", "card.x"]
    terminal.ok("notify", "2", "--text", "여기", *card, "--category", "c", "--url", server.url)
    follower = terminal.start("tail", "2", "--url", server.url)
    line = follower.wait_for(lambda text: "여기" in text)
    assert all(word in line for word in ("Ship it", "card.x", "/cards/12"))


@pytest.mark.parametrize("how", ["url", "db"])
def test_a_notification_cannot_command_the_terminal(
    terminal: Terminal, server: Server, how: str
) -> None:
    """Control characters and direction overrides in a text are shown as nothing."""
    text = "a\x1b]0;owned\x07b\x9bc\u202ed [bold]e"
    server.notify("2", text)
    inbox_reaches(server, 1)
    shown = terminal.ok("tail", *way(server, how), "--no-follow")
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert "[bold]e" in shown


def test_the_language_is_the_terminals(terminal: Terminal, server: Server) -> None:
    """LANG chooses the text; --locale wins."""
    texts = json.dumps({"en": "Hello", "ko": "안녕"})
    terminal.ok("notify", "2", "--texts", texts, "--url", server.url)
    inbox_reaches(server, 1)
    for how in ("url", "db"):
        arguments = ["tail", *way(server, how), "--no-follow"]
        assert "안녕" in terminal.ok(*arguments, LC_ALL="ko_KR.UTF-8")
        assert "Hello" in terminal.ok(*arguments, "--locale", "en", LC_ALL="ko_KR.UTF-8")


def test_a_token_is_enough_and_need_not_stand_in_the_flags(
    bare: Terminal, terminal: Terminal, server: Server
) -> None:
    """Who has only a token follows their own inbox: from a variable, or from a file."""
    token = token_of("2")
    Path(bare.folder / "token").write_text(token, encoding="utf-8")
    server.notify("2", "mine")
    until(lambda: server.inbox(token)["unread"] == 1)
    arguments = ["tail", "--url", server.url, "--no-follow"]
    assert "mine" in bare.ok(*arguments, ALIMI_TOKEN=token)
    assert "mine" in bare.ok(*arguments, "--token", "@token")


def test_a_token_that_is_refused_ends_the_following(terminal: Terminal, server: Server) -> None:
    """401 is not tried again for ever."""
    line = terminal.complaint("tail", "--url", server.url, ALIMI_TOKEN="a.b.c")
    assert "401" in line
    other = {"ALIMI_USER_SECRETS": USER_SECRET[::-1]}
    assert "401" in terminal.complaint("tail", "2", "--url", server.url, **other)


def test_another_page_is_not_taken_for_a_server(terminal: Terminal, server: Server) -> None:
    """--url with a wrong path is said, not followed."""
    wrong = server.url + "/nowhere"
    assert "404" in terminal.complaint("tail", "2", "--url", wrong)
