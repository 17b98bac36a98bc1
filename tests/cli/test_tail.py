"""`alimi tail`: follows an inbox, over HTTP and from the database, and misses nothing."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import SECRETS, USER_SECRET, Server, Terminal, token_of, until

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that do not end it."""
    shell = Terminal(tmp_path_factory.mktemp("tail"), SECRETS)
    yield shell.serve()
    shell.close()


@pytest.fixture
def shell(server: Server) -> Iterator[Terminal]:
    """A shell in the server's folder."""
    made = Terminal(server.folder, SECRETS)
    yield made
    made.close()


@pytest.fixture
def person() -> str:
    """Somebody of whom nobody has heard yet."""
    return f"person-{next(_NUMBERS)}"


def way(server: Server, how: str, person: str) -> list[str]:
    """How a follower finds the person's inbox."""
    return [person, "--url", server.url] if how == "url" else [person]


@pytest.mark.parametrize("how", ["url", "db"])
def test_what_is_there_comes_first_and_then_what_is_new(
    shell: Terminal, server: Server, person: str, how: str
) -> None:
    """The last rows, oldest first; then each event as it happens, with the counts (G6)."""
    for text in ("one", "two", "three"):
        server.notify(person, text)
    inbox_reaches(server, person, 3)
    follower = shell.start("tail", *way(server, how, person), "--json", "--last", "2")
    rows = [follower.event("item")["data"]["message"] for _ in range(2)]
    assert rows == ["two", "three"]
    assert follower.event("hello")["data"]["unread"] == 3
    server.notify(person, "four")
    told = follower.event("new")
    assert (told["data"]["message"], told["data"]["unread"]) == ("four", 4)
    assert told["cursor"].endswith(f".{told['data']['version']}")


@pytest.mark.parametrize("how", ["url", "db"])
def test_g5_a_follower_that_was_stopped_goes_on_where_it_was(
    shell: Terminal, server: Server, person: str, how: str
) -> None:
    """G5: with --cursor-file each event is shown once, however often the follower is stopped."""
    place = ["--json", "--cursor-file", person]
    for number in range(3):
        follower = shell.start("tail", *way(server, how, person), *place)
        follower.event("hello")
        if number:
            assert follower.event("new")["data"]["message"] == f"while away {number}"
        server.notify(person, f"while there {number}")
        bookmark_reaches(shell, person, follower.event("new")["cursor"])
        follower.end(signal.SIGINT)
        server.notify(person, f"while away {number + 1}")
        inbox_reaches(server, person, 2 * (number + 1))


def bookmark_reaches(shell: Terminal, person: str, cursor: str) -> None:
    until(lambda: (shell.folder / person).read_text("utf-8").strip() == cursor)


def inbox_reaches(server: Server, person: str, unread: int) -> None:
    until(lambda: server.inbox(token_of(person))["unread"] == unread)


def test_g5_a_follower_survives_the_death_of_the_server(terminal: Terminal) -> None:
    """G5: killed and started again, the server's stream is taken up where it broke, once each."""
    server = terminal.serve()
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
    shell: Terminal, server: Server, person: str, how: str
) -> None:
    """G5: a cursor of another epoch is worthless, and the follower says so instead of skipping."""
    (shell.folder / person).write_text("AAAAAAAA.7\n", encoding="utf-8")
    server.notify(person, "kept")
    token = token_of(person)
    cursor = until(lambda: server.inbox(token)["items"] and server.inbox(token)["cursor"])
    follower = shell.start(
        "tail", *way(server, how, person), "--json", "--last", "5", "--cursor-file", person
    )
    assert follower.event("reset")["cursor"] == cursor
    assert follower.event("item")["data"]["message"] == "kept"
    until(lambda: (shell.folder / person).read_text("utf-8").strip() == cursor)


def test_changes_of_other_tabs_are_told(shell: Terminal, server: Server, person: str) -> None:
    """What is read elsewhere is a line here, in words."""
    token = token_of(person)
    server.notify(person, "x")
    until(lambda: server.inbox(token)["unread"] == 1)
    follower = shell.start("tail", person, "--url", server.url)
    follower.wait_for(lambda line: "●" in line and "x" in line)
    status, _ = mark(server, token, {"action": "read", "upto": 99})
    assert status == 200
    assert "1 notification read" in follower.wait_for(lambda line: "read" in line)


def mark(server: Server, token: str, body: dict[str, object]) -> tuple[int, bytes]:
    return server.post("/v1/inbox/mark", body, Authorization=f"Bearer {token}")


def test_a_person_reads_lines(shell: Terminal, server: Server, person: str) -> None:
    """Text, object, kind and link of a row stand on one line."""
    card = ["--object", "12", "--object-name", "Ship it", "--link", "/cards/12", "--kind", "card.x"]
    shell.ok("notify", person, "--text", "여기", *card, "--category", "c", "--url", server.url)
    follower = shell.start("tail", person, "--url", server.url)
    line = follower.wait_for(lambda text: "여기" in text)
    assert all(word in line for word in ("Ship it", "[card.x]", "/cards/12"))
    server.notify(person, "Hello")
    line = follower.wait_for(lambda text: "Hello" in text)
    assert line.endswith("● Hello  [note]  (2 unread)")


@pytest.mark.parametrize("how", ["url", "db"])
def test_g5_what_is_new_since_the_last_run(
    shell: Terminal, server: Server, person: str, how: str
) -> None:
    """G5: without following, a cursor file makes each run show what came since the one before."""

    def shown() -> list[str]:
        place = ["--no-follow", "--json", "--cursor-file", person]
        lines = shell.ok("tail", *way(server, how, person), *place).splitlines()
        told = [json.loads(line) for line in lines]
        return [each["data"]["message"] for each in told if each["event"] in {"item", "new"}]

    assert shown() == []
    for first, texts in ((0, ["one", "two"]), (2, ["three"])):
        for text in texts:
            server.notify(person, text)
        inbox_reaches(server, person, first + len(texts))
        assert shown() == texts
        assert shown() == []
    # A cursor of another epoch: the inbox anew, and an end.
    (shell.folder / person).write_text("AAAAAAAA.7\n", encoding="utf-8")
    assert shown() == ["one", "two", "three"]
    assert shown() == []


@pytest.mark.parametrize("how", ["url", "db"])
def test_a_notification_cannot_command_the_terminal(
    shell: Terminal, server: Server, person: str, how: str
) -> None:
    """Control characters and direction overrides in a text are shown as nothing."""
    text = "a\x1b]0;owned\x07b\x9bc\u202ed [bold]e"
    server.notify(person, text)
    inbox_reaches(server, person, 1)
    shown = shell.ok("tail", *way(server, how, person), "--no-follow")
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert "[bold]e" in shown


def test_the_language_is_the_terminals(shell: Terminal, server: Server, person: str) -> None:
    """LANG chooses the text; --locale wins."""
    texts = json.dumps({"en": "Hello", "ko": "안녕"})
    shell.ok("notify", person, "--texts", texts, "--url", server.url)
    inbox_reaches(server, person, 1)
    for how in ("url", "db"):
        arguments = ["tail", *way(server, how, person), "--no-follow"]
        assert "안녕" in shell.ok(*arguments, LC_ALL="ko_KR.UTF-8")
        assert "Hello" in shell.ok(*arguments, "--locale", "en", LC_ALL="ko_KR.UTF-8")


def test_a_token_is_enough_and_need_not_stand_in_the_flags(
    bare: Terminal, server: Server, person: str
) -> None:
    """Who has only a token follows their own inbox: from a variable, or from a file."""
    token = token_of(person)
    Path(bare.folder / "token").write_text(token, encoding="utf-8")
    server.notify(person, "mine")
    until(lambda: server.inbox(token)["unread"] == 1)
    arguments = ["tail", "--url", server.url, "--no-follow"]
    assert "mine" in bare.ok(*arguments, ALIMI_TOKEN=token)
    assert "mine" in bare.ok(*arguments, "--token", "@token")


def test_a_token_that_is_refused_ends_the_following(
    shell: Terminal, server: Server, person: str
) -> None:
    """401 is not tried again for ever."""
    line = shell.complaint("tail", "--url", server.url, ALIMI_TOKEN="a.b.c")
    assert "401" in line
    other = {"ALIMI_USER_SECRETS": USER_SECRET[::-1]}
    assert "401" in shell.complaint("tail", person, "--url", server.url, **other)


def test_another_page_is_not_taken_for_a_server(
    shell: Terminal, server: Server, person: str
) -> None:
    """--url with a wrong path is said, not followed."""
    wrong = server.url + "/nowhere"
    assert "404" in shell.complaint("tail", person, "--url", wrong)
