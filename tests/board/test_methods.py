"""HEAD, OPTIONS and Allow: what an address takes, for probes and for programs that ask first."""

from __future__ import annotations

import pytest

from tests.board.harness import Bench, Person


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/cards/12", "GET, HEAD, OPTIONS"),
        ("/login", "GET, HEAD, OPTIONS"),
        ("/faces/1.svg", "GET, HEAD, OPTIONS"),
        ("/static/board.css", "GET, HEAD, OPTIONS"),
        ("/sse/1", "GET, HEAD, OPTIONS"),
        ("/api/openapi.json", "GET, HEAD, OPTIONS"),
        ("/api/session", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("/api/board", "GET, HEAD, OPTIONS"),
        ("/api/archive", "GET, HEAD, OPTIONS"),
        ("/api/lists", "POST, OPTIONS"),
        ("/api/lists/1", "PATCH, OPTIONS"),
        ("/api/cards", "POST, OPTIONS"),
        ("/api/cards/12", "GET, HEAD, PATCH, OPTIONS"),
        ("/api/cards/12/assignee", "PATCH, OPTIONS"),
        ("/api/cards/12/watching", "PUT, OPTIONS"),
        ("/api/cards/12/comments", "GET, HEAD, POST, OPTIONS"),
        ("/api/comments/1", "PATCH, OPTIONS"),
    ],
)
async def test_an_address_says_what_it_takes(bench: Bench, path: str, allow: str) -> None:
    """All its methods, to OPTIONS of whoever asks and beside each 405."""
    stranger = await bench.stranger()
    answer = await stranger.options(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == allow
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {*allow.split(", ")}:
        answer = await stranger.request(method, path)
        assert (method, answer.status_code) == (method, 405)
        assert answer.headers["allow"] == allow
        if method != "HEAD":
            assert answer.json()["type"] == "urn:alimi-board:problem:method"


async def test_options_of_nothing(bench: Bench) -> None:
    """An address that does not exist takes nothing."""
    assert (await (await bench.stranger()).options("/nothing")).status_code == 404


async def test_below_alimi_the_library_answers(bench: Bench) -> None:
    """It knows its own methods."""
    stranger = await bench.stranger()
    answer = await stranger.options("/alimi/v1/inbox/mark")
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")
    answer = await stranger.put("/alimi/v1/inbox/mark")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["/", "/cards/12", "/login", "/faces/1.svg", "/static/board.css", "/api/board", "/api/cards/12",
     "/api/session", "/api/archive", "/api/cards/12/comments", "/api/openapi.json", "/nothing"],
)  # fmt: skip
async def test_head_is_get_without_its_body(bench: Bench, emma: Person, path: str) -> None:
    """The same status and headers, and nothing else: to a person and to a probe."""
    for client in (emma.client, await bench.stranger()):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert dict(head.headers) == dict(got.headers)


async def test_probes_see_that_the_board_is_there(bench: Bench) -> None:
    """`curl -I` of the page that everybody is sent to."""
    stranger = await bench.stranger()
    sent = await stranger.head("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/")
    assert (await stranger.head("/login")).status_code == 200
