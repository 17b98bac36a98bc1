"""`alimi serve`: a real process with a real file and real sockets."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from alimi.sse import Decoder, ServerEvent
from tests.cli.harness import API_KEY, PATIENCE, Server, Terminal, token_of, until


def test_the_first_start_says_what_to_do_and_its_lines_work(bare: Terminal) -> None:
    """A newcomer copies three lines and sees a notification arrive."""
    bare.ok("init")
    server = bare.serve()
    told = server.steps()
    follower = bare.start(*told["tail"], "--json")
    follower.event("hello")
    bare.ok(*told["notify"])
    assert follower.event("new")["data"]["message"] == "Hello from Alimi"
    token = bare.ok(*told["token"]).strip()
    assert server.inbox(token)["unread"] == 1


@pytest.mark.parametrize("has_key", [True, False])
def test_the_lines_of_the_first_start_repeat_the_flags_but_no_secret(
    bare: Terminal, has_key: bool
) -> None:
    """They work also for who started with flags; a secret in them stays a file's name."""
    for name, text in (("key", API_KEY), ("user", "user-secret-" * 4)):
        (bare.folder / name).write_text(text, encoding="utf-8")
    key = ["--api-key", "@key"] if has_key else []
    server = bare.serve("--db", "my app.db", "--user-secret", "@user", "--audience", "us", *key)
    told = server.steps()
    assert "user-secret-" not in "".join(server.background.lines)
    bare.ok(*told["notify"])
    token = bare.ok(*told["token"]).strip()
    until(lambda: server.inbox(token)["unread"] == 1)


def test_the_steps_are_told_until_somebody_was_notified(terminal: Terminal) -> None:
    """Also where `alimi migrate` made the tables; later a start says only where it is."""
    assert "Next: start your application, or alimi serve" in terminal.ok("migrate")
    first = terminal.serve()
    assert "notify" in first.steps()
    first.notify("2", "hello")
    assert first.stop() == 0, first.background.errors
    server = terminal.serve()
    server.stop()
    assert len(server.background.lines) == 1


def test_g7_an_inbox_opens_only_to_its_recipients_token(terminal: Terminal) -> None:
    """G7: no token, a wrong one and another audience's are 401; a good one sees its own inbox."""
    server = terminal.serve()
    server.notify("2", "for two")
    tokens = {name: token_of(name) for name in ("2", "3")}
    foreign = terminal.ok("token", "2", "--audience", "another").strip()
    assert server.get("/v1/inbox")[0] == 401
    assert server.get("/v1/inbox", Authorization=f"Bearer {foreign}")[0] == 401
    until(lambda: server.inbox(tokens["2"])["unread"] == 1)
    assert server.inbox(tokens["3"])["items"] == []
    assert server.get("/v1/inbox", Cookie=f"alimi_token={tokens['2']}")[0] == 200


def test_the_language_of_the_token_chooses_the_text(terminal: Terminal) -> None:
    """The claim `locale` is the reader's language; kinds come from the settings file."""
    settings = """
        [kinds."card.assigned"]
        category = "cards"
        url = "/cards/{object.id}"
        text.en = "You are now the assignee of {object.name}."
        text.ko = "{object.name} 카드의 담당자가 되었습니다."
    """
    (terminal.folder / "alimi.toml").write_text(settings, encoding="utf-8")
    server = terminal.serve()
    card = ["--kind", "card.assigned", "--object", "12", "--object-name", "Ship it"]
    terminal.ok("notify", "2", *card, "--url", server.url)
    token = terminal.ok("token", "2", "--locale", "ko").strip()
    (item,) = until(lambda: server.inbox(token)["items"])
    assert item["message"] == "Ship it 카드의 담당자가 되었습니다."
    assert item["url"] == "/cards/12"
    assert item["category"] == "cards"


def test_events_need_a_key_and_two_are_good_for_rotation(terminal: Terminal) -> None:
    """The old and the new key both work; no other; and none is asked for without one."""
    other = "other-api-key-0123456789abcdef0123"
    server = terminal.serve(ALIMI_API_KEYS=f"{other},{API_KEY}")
    for key in (other, API_KEY):
        terminal.ok("notify", "2", "--text", "x", "--url", server.url, ALIMI_API_KEYS=key)
    wrong = {"ALIMI_API_KEYS": "wrong-api-key-0123456789abcdef0123"}
    assert "401" in terminal.complaint("notify", "2", "--text", "x", "--url", server.url, **wrong)


@pytest.mark.parametrize(("flag", "status"), [("--metrics", 200), ("--no-metrics", 404)])
def test_metrics_are_a_choice(terminal: Terminal, flag: str, status: int) -> None:
    """They are open to everybody who reaches the server, so one asks for them."""
    server = terminal.serve(flag)
    assert server.get("/metrics")[0] == status
    assert server.get("/readyz")[0] == 200


def read_stream(server: Server, token: str) -> tuple[socket.socket, Decoder, list[ServerEvent]]:
    """An open stream that has said hello, read by hand."""
    connection = socket.create_connection(("127.0.0.1", int(server.port)), timeout=PATIENCE)
    request = f"GET /v1/inbox/stream HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(request.encode())
    decoder, events, head = Decoder(), list[ServerEvent](), b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1)
    while not any(event.event == "hello" for event in events):
        events += decoder.feed(connection.recv(4096))
    return connection, decoder, events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_says_goodbye_to_open_streams(
    terminal: Terminal, number: signal.Signals
) -> None:
    """On SIGTERM and Ctrl-C every reader hears `bye`; then the server ends with status 0."""
    server = terminal.serve()
    token = token_of("2")
    connection, decoder, events = read_stream(server, token)
    with connection:
        started = time.monotonic()
        server.background.process.send_signal(number)
        while chunk := connection.recv(4096):
            events += decoder.feed(chunk)
    assert server.background.wait() == 0, server.background.errors
    assert time.monotonic() - started < 5
    assert (events[-1].event, json.loads(events[-1].data)) == ("bye", {"reason": "drain"})
    assert decoder.retry is not None
    assert server.background.errors == []


def test_g8_a_reader_that_takes_nothing_does_not_hold_up_the_end(terminal: Terminal) -> None:
    """G8: the drain has a bound; who does not read is cut off."""
    server = terminal.serve("--drain-seconds", "0.5")
    token = token_of("2")
    connection, _, _ = read_stream(server, token)
    with connection:
        text = "x" * 1900
        for _ in range(3):
            server.notify("2", text)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10


def test_a_port_in_use_is_one_line(terminal: Terminal) -> None:
    """The text says which port, and which flag chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = terminal.complaint("serve", "--port", port)
    assert port in line
    assert "--port" in line


def test_localhost_is_both_loopbacks(terminal: Terminal) -> None:
    """A browser that prefers IPv6 and a tool that prefers IPv4 find the same server."""
    server = terminal.serve("--host", "localhost")
    hosts = {each[4][0] for each in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    for host in hosts:
        name = f"[{host}]" if ":" in str(host) else host
        with urllib.request.urlopen(f"http://{name}:{server.port}/healthz") as answer:
            assert answer.status == 200


def test_g1_what_was_answered_survives_kill_9(terminal: Terminal) -> None:
    """G1: the server is killed right after the answer; the next one delivers."""
    server = terminal.serve()
    server.notify("2", "not lost")
    server.stop(signal.SIGKILL)
    token = token_of("2")
    again = terminal.serve()
    until(lambda: again.inbox(token)["unread"] == 1)


def test_readers_of_the_log_get_no_secret(terminal: Terminal) -> None:
    """At the most talkative level neither token nor key is written."""
    server = terminal.serve("--log-level", "debug")
    token = token_of("2")
    server.notify("2", "x")
    server.inbox(token)
    server.stop()
    log = "\n".join([*server.background.errors, *server.background.lines])
    assert token not in log
    assert API_KEY not in log


def test_secrets_of_files_are_read_where_they_are_used(bare: Terminal) -> None:
    """Other commands do not need the right to read the server's secrets."""
    settings = 'api_keys = ["@gone"]\nuser_secrets = ["@gone"]\n'
    Path(bare.folder / "alimi.toml").write_text(settings, encoding="utf-8")
    bare.ok("migrate")
    assert "gone cannot be read" in bare.complaint("serve")


def test_sqlite_with_several_workers_is_refused_with_what_to_do(terminal: Terminal) -> None:
    """The sentence says what one worker can do, and what to take for more."""
    line = terminal.complaint("serve", "--workers", "2", "--port", "0")
    assert "--workers 1" in line
    assert "18,000 streams" in line
    assert "postgresql://" in line


def test_a_node_that_is_told_to_stop_serves_until_balancers_have_seen_it(
    terminal: Terminal,
) -> None:
    """`drain_delay_seconds`: readiness says no at once, all else goes on; Ctrl-C does not wait."""
    server = terminal.serve("--drain-delay-seconds", "600")
    token = token_of("2")
    server.background.process.send_signal(signal.SIGTERM)
    until(lambda: server.get("/readyz")[0] == 503)
    server.notify("2", "while it leaves")
    connection, _, events = read_stream(server, token)
    with connection:
        assert [event.event for event in events] == ["hello"]
    assert server.get("/healthz")[0] == 200
    assert server.stop(signal.SIGINT) == 0
    impatient = terminal.serve("--drain-delay-seconds", "600")
    assert impatient.stop(signal.SIGINT) == 0
