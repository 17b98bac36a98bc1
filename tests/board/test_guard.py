"""What every request passes: other sites, media, sizes; and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from board import guard
from board.guard import MAX_BODY, is_cross_site
from tests.board.harness import ADDRESS, EMMA, Bench, Person

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "headers", "refused"),
    [
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"sec-fetch-site": "same-site"}, True),
        ("DELETE", {"sec-fetch-site": "cross-site"}, True),
        ("PATCH", {}, False),
        ("PATCH", {"origin": ADDRESS}, False),
        ("PATCH", {"origin": "http://evil.test"}, True),
        ("PATCH", {"origin": "null"}, True),
        ("PUT", {"origin": "http://evil.test", "sec-fetch-site": "same-origin"}, False),
    ],
)
def test_cross_site_writes(method: str, headers: dict[str, str], refused: bool) -> None:
    """Reads pass; a write passes when the browser says it is ours, or says nothing at all."""
    assert is_cross_site(method, Headers({"host": "board.test", **headers})) is refused


async def test_another_site_cannot_write(emma: Person) -> None:
    """With the cookie and all: 403, and the card stays where it is; nor can it log anybody in."""
    evil = {"sec-fetch-site": "cross-site", "origin": "http://evil.test"}
    answer = await emma.assign(12, 2, **evil)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await emma.get("/api/cards/12"))["assignee_id"] == EMMA
    login = {"user_id": 2, "password": "demo"}
    answer = await emma.client.post("/api/session", json=login, headers=evil)
    assert answer.status_code == 403
    assert (await emma.client.delete("/api/session", headers=evil)).status_code == 403


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_is_json(emma: Person, media: str) -> None:
    """What a form of another site could send is 415."""
    body = b'{"list_id": 1, "title": "x"}'
    headers = {"content-type": media}
    answer = await emma.client.post("/api/cards", content=body, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["detail"] == "Send JSON: Content-Type: application/json."


async def test_a_large_body_is_refused(emma: Person) -> None:
    """G8: by its header when it has one, else as it comes."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1000 + 2):
            yield b" " * 1000

    for content in (b" " * (MAX_BODY + 1), pieces()):
        answer = await emma.client.post("/api/cards", content=content, headers=JSON)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"nul", b'{"title": "\xed\xa0\x80"}', b"[" * 9999]
)
async def test_broken_json_is_the_senders_fault(emma: Person, body: bytes) -> None:
    """400 whatever breaks it: it has no fields that could be named."""
    answer = await emma.client.post("/api/cards", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:alimi-board:problem:bad-request"
    assert "errors" not in answer.json()


async def test_no_body_lacks_its_fields(emma: Person) -> None:
    """Nothing at all is not broken: 422 says what is needed."""
    answer = await emma.client.post("/api/cards", headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body", "message": "This is needed."}]


async def test_a_body_that_never_comes_is_408(
    emma: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: a request is not kept for ever for a body that dribbles, as at Alimi's own addresses."""
    assert guard.BODY_SECONDS == 30
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.01)

    async def dribble() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await emma.client.post("/api/cards", content=dribble(), headers=JSON)
    assert answer.status_code == 408
    assert answer.json()["type"] == "urn:alimi-board:problem:body-timeout"


async def test_who_leaves_before_the_end_is_not_answered() -> None:
    """Half a body and a closed connection reach no route, though the half would do by itself."""
    coming: list[Message] = [
        {"type": "http.request", "body": b'{"user_id": 2}', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return coming.pop(0)

    async def refuse(*told: object) -> None:
        raise AssertionError(told)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "PATCH", "path": "/api/cards/1", "headers": headers}
    await guard.Guard(refuse)(scope, receive, refuse)
    assert coming == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/api/board", 405),
        ("POST", "/sse/1", 405),
        ("GET", "/api/cards/x", 422),
    ],
)
async def test_every_error_is_a_problem(emma: Person, method: str, path: str, status: int) -> None:
    """RFC 9457 for what the framework answers by itself, too."""
    answer = await emma.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_pages_have_a_strict_policy(bench: Bench, emma: Person) -> None:
    """No script, style or frame but our own; nothing inline; nothing from elsewhere."""
    for path in ("/", "/cards/12", "/login"):
        answer = await emma.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "trusted-types alimi" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    page = (await emma.client.get("/")).text
    for inline in ("<style", " style=", " onclick=", "<script>", "://"):
        assert inline not in page


async def test_answers_of_the_api_are_not_kept(emma: Person) -> None:
    """What one person saw is not shown to the next on the same machine."""
    assert (await emma.client.get("/api/board")).headers["cache-control"] == "no-store"


async def test_the_api_describes_itself(emma: Person) -> None:
    """OpenAPI, without anybody else's scripts around it."""
    described = await emma.get("/api/openapi.json")
    assert "/api/cards/{card_id}/assignee" in described["paths"]
    assert (await emma.client.get("/docs")).status_code == 404
