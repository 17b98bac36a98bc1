"""What is oversized, broken, wrong or hostile is told so, and never a 5xx."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alimi import Alimi
from alimi.web import body as bodies
from alimi.web.body import EVENTS_LIMIT, INBOX_LIMIT, read_json
from alimi.web.problems import Problem
from alimi.web.request import Request
from alimi.web.schemas import InboxMark
from alimi.web.types import ASGIApp
from tests.web.site import BEARER, call, client, notify

JSON = {"Content-Type": "application/json"}


async def post(app: ASGIApp, content: bytes, **headers: str) -> Any:
    async with client(app) as user:
        merged = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        return await user.post("/v1/inbox/mark", content=content, headers=merged)


@pytest.mark.parametrize(
    ("content", "position"),
    [
        (b"", "byte 0"),
        (b"{", "byte 1"),
        (b"nonsense", "byte "),
        (b'{"action":"read",}', "byte 17"),
        (b'{"action":"read","upto":1}x', "byte 2"),
        (b'\xef\xbb\xbf{"action":"read"}', "byte 0"),
        (b'{"action":"\xff"}', "position 11"),
        (b'{"action":"\xed\xa0\x80"}', "position 11"),
        (b'{"action":"\\ud800"}', "byte"),
        (b'{"action":NaN}', "byte 10"),
        ('{"action":"read"}'.encode("utf-16"), "position 0"),
    ],
)
async def test_what_is_not_json_is_400_with_the_position(
    app: ASGIApp, content: bytes, position: str
) -> None:
    """Broken UTF-8 and broken JSON are told where."""
    answer = await post(app, content)
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:alimi:problem:malformed-request"
    assert position in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "explode", "upto": 1}, "action"),
        ({"action": 5, "upto": 1}, "action"),
        ({"upto": 1}, "action"),
        ({"action": "read", "ids": "x"}, "ids"),
        ({"action": "read", "ids": [1]}, "ids[...]"),
        ({"action": "read", "ids": []}, "ids"),
        ({"action": "read", "ids": ["x"] * 101}, "ids"),
        ({"action": "read", "ids": ["x" * 65]}, "ids[...]"),
        ({"action": "read", "ids": None}, "ids"),
        ({"action": "read", "upto": -1}, "upto"),
        ({"action": "read", "upto": 1.5}, "upto"),
        ({"action": "read", "upto": True}, "upto"),
        ({"action": "read", "upto": 2**63}, "upto"),
        ({"action": "read", "at": 1.5}, "at"),
        ({"action": "read", "upto": 1, "recipient": "3"}, "recipient"),
        ({"action": "read"}, None),
        ({"action": "read", "upto": 1, "at": 1}, None),
        ({"action": "seen", "at": 1}, None),
        ({"action": "seen", "ids": ["x"]}, None),
        ([], None),
        ("read", None),
        (None, None),
        (5, None),
    ],
)
async def test_wrong_values_are_422_and_name_the_field(
    app: ASGIApp, body: object, field: str | None
) -> None:
    """A caller learns which field it was."""
    answer = await post(app, json.dumps(body).encode())
    assert answer.status_code == 422, answer.text
    found = answer.json().get("field")
    assert (found or "").replace("[0]", "[...]") == (field or ""), answer.text


@pytest.mark.parametrize(
    "body", [{}, {"raed": True}, {"read": None}, {"read": 1}, {"read": "true"}]
)
async def test_a_patch_that_says_nothing_is_422(alimi: Alimi, app: ASGIApp, body: object) -> None:
    """A misspelt flag is not a silent nothing."""
    (made,) = await notify(alimi, "2")
    async with client(app) as user:
        assert (await user.patch(f"/v1/inbox/{made}", json=body)).status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1e3", "limit=1&limit=2",
        "unread=maybe", "unread=", "archived=2", f"limit={'9' * 400}", f"category={'c' * 101}",
    ],
)  # fmt: skip
async def test_a_wrong_query_is_422(app: ASGIApp, query: str) -> None:
    """Every parameter of the page is checked and named."""
    async with client(app) as user:
        answer = await user.get(f"/v1/inbox?{query}")
    assert answer.status_code == 422
    assert answer.json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["category=%ff", "after=%c3%28", "&".join(["a=1"] * 40)])
async def test_an_unreadable_query_is_400(app: ASGIApp, query: str) -> None:
    """Broken UTF-8 in an address is the sender's fault."""
    async with client(app) as user:
        answer = await user.get(f"/v1/inbox?{query}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_may_name_its_charset(app: ASGIApp, kind: str) -> None:
    """UTF-8 in any spelling is JSON."""
    answer = await post(app, b'{"action":"read","upto":1}', Content_Type=kind)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": ""},
        {"Content_Type": "application/jsonp"},
        {"Content_Type": "application/json; charset=euc-kr"},
        {"Content_Type": "application/json", "Content_Encoding": "gzip"},
    ],
)
async def test_anything_but_json_is_415(app: ASGIApp, headers: dict[str, str]) -> None:
    """Another type, charset or encoding is not guessed at."""
    answer = await post(app, b'{"action":"read","upto":1}', **headers)
    assert answer.status_code == 415


async def test_the_limit_holds_while_reading(app: ASGIApp) -> None:
    """G8: a body that does not tell its length is cut as soon as it is over."""
    chunk = {"type": "http.request", "body": b" " * 40_000, "more_body": True}
    headers = [(b"content-type", b"application/json"), (b"cookie", b"user=2")]
    scope = {"method": "POST", "path": "/v1/inbox/mark", "headers": headers}
    sent = await call(app, scope, chunk, chunk)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(
    ("path", "limit", "headers"),
    [("/v1/inbox/mark", INBOX_LIMIT, {}), ("/v1/events", EVENTS_LIMIT, BEARER)],
)
async def test_a_declared_length_is_refused_unread(
    app: ASGIApp, path: str, limit: int, headers: dict[str, str]
) -> None:
    """G8: Content-Length over the limit is 413 before a byte is read; at the limit it is read."""
    for length, status in ((limit + 1, 413), (10**30, 413)):
        named = {"content-type": "application/json", "cookie": "user=2", **headers}
        fields = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        fields.append((b"content-length", str(length).encode()))
        sent = await call(app, {"method": "POST", "path": path, "headers": fields})
        assert sent[0]["status"] == status
    async with client(app) as user:
        content = b" " * limit
        assert (await user.post(path, content=content, headers=JSON | headers)).status_code == 400


async def test_deep_nesting_is_refused(app: ASGIApp) -> None:
    """A hundred thousand brackets are a 400, not a crash."""
    body = b'{"kind":"x","to":"2","data":' + b'{"x":' * 100_000
    async with client(app) as user:
        answer = await user.post("/v1/events", content=body, headers=JSON | BEARER)
    assert answer.status_code == 400


async def test_a_body_that_never_comes_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    """G8: a request is not kept for ever for a body that dribbles."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)

    async def never() -> Any:
        await asyncio.Event().wait()

    headers = [(b"content-type", b"application/json")]
    request = Request({"method": "POST", "path": "/", "headers": headers})
    with pytest.raises(Problem) as caught:
        await read_json(request, never, InboxMark, INBOX_LIMIT)
    assert caught.value.status == 408


async def test_who_leaves_before_the_end_is_not_answered(app: ASGIApp) -> None:
    """Half a body and a closed connection change nothing and send nothing."""
    headers = [(b"content-type", b"application/json"), (b"cookie", b"user=2")]
    half = {"type": "http.request", "body": b'{"action":"delete","upto":9}', "more_body": True}
    scope = {"method": "POST", "path": "/v1/inbox/mark", "headers": headers}
    assert await call(app, scope, half) == []


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"headers": [(b"x", b"y")] * 101}, 431),
        ({"headers": [(b"x", b"y" * 33_000)]}, 431),
        ({"query_string": b"x" * 9_000}, 414),
    ],
)
async def test_headers_and_queries_are_bounded(
    app: ASGIApp, scope: dict[str, Any], status: int
) -> None:
    """G8: whatever the server in front lets through."""
    sent = await call(app, scope | {"path": "/v1/inbox"})
    assert sent[0]["status"] == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/inbox"), ("POST", "/v1/inbox"), ("DELETE", "/v1/inbox"), ("TRACE", "/healthz"),
        ("GET", "/v1/inbox/mark"), ("POST", "/v1/inbox/stream"), ("PUT", "/v1/inbox/x"),
        ("GET", "/v1/events"), ("POST", "/openapi.json"), ("BREW", "/v1/inbox"),
        ("POST", "/stream.js"),
    ],
)  # fmt: skip
async def test_a_wrong_method_is_405_with_allow(app: ASGIApp, method: str, path: str) -> None:
    """And OPTIONS says the same list."""
    async with client(app) as user:
        answer = await user.request(method, path)
        options = await user.options(path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == options.headers["allow"]
    assert method not in answer.headers["allow"].split(", ")
    assert answer.json()["status"] == 405


HOSTILE = [
    "\r\nX-Injected: 1", "a\r\n\r\nbody", "\x00", "\n", "%0d%0a", "<script>", "'; DROP TABLE x;--",
    "../../etc/passwd", "한글", "\U0001f514", "a/b", "..", ".",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=repr)
async def test_hostile_ids_are_unknown_ids(app: ASGIApp, hostile: str) -> None:
    """As an id in the path and in a mark: unknown, and no header comes of it."""
    headers = [(b"cookie", b"user=2")]
    sent = await call(app, {"path": f"/v1/inbox/{hostile}", "headers": headers})
    assert sent[0]["status"] == 404
    for name, value in sent[0]["headers"]:
        assert b"\r" not in name + value
        assert b"\n" not in name + value
    answer = await post(app, json.dumps({"action": "read", "ids": [hostile]}).encode())
    assert answer.status_code in {200, 422}
    assert answer.json().get("count", 0) == 0


@pytest.mark.parametrize("hostile", HOSTILE, ids=repr)
async def test_hostile_texts_come_back_as_they_are(
    alimi: Alimi, app: ASGIApp, hostile: str
) -> None:
    """A text is data: stored and shown as JSON, never as markup, header or statement."""
    body = {
        "kind": "x", "category": "c", "to": "2", "texts": {"en": f"x{hostile}"},
        "object": {"id": "1", "name": f"x{hostile}"}, "data": {"x": hostile},
    }  # fmt: skip
    async with client(app) as user:
        sent = await user.post("/v1/events", json=body, headers=BEARER)
        if sent.status_code == 422:
            return
        await alimi.flush()
        (item,) = (await user.get("/v1/inbox")).json()["items"]
    assert item["data"] == {"x": hostile}
    assert item["message"] == f"x{hostile}"
    assert item["object"]["name"] == f"x{hostile}"


@given(content=st.binary(max_size=200))
async def test_no_bytes_make_it_fail(content: bytes) -> None:
    """Any body at all is read or refused with a problem of the 4xx kind."""
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Any:
        return messages.pop()

    headers = [(b"content-type", b"application/json")]
    request = Request({"method": "POST", "path": "/", "headers": headers})
    refused = 0
    try:
        await read_json(request, receive, InboxMark, INBOX_LIMIT)
    except Problem as problem:
        refused = problem.status
    assert refused in {0, 400, 422}
