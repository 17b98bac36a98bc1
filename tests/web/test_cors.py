"""CORS: an exact allow-list, credentials, never a wildcard."""

from __future__ import annotations

import pytest

from alimi import Alimi
from alimi.web.types import ASGIApp
from tests.web.site import client, who

FRIEND, OTHER_FRIEND, STRANGER = (
    "https://app.example", "http://localhost:5173", "https://evil.example",
)  # fmt: skip
PATHS = ["/v1/inbox", "/v1/inbox/unknown", "/no/such/path", "/stream.js", "/healthz"]


@pytest.fixture
def open_to_friends(alimi: Alimi) -> ASGIApp:
    return alimi.asgi(who, origins=[FRIEND, OTHER_FRIEND])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [FRIEND, OTHER_FRIEND])
async def test_a_friend_may_read_any_answer(
    open_to_friends: ASGIApp, path: str, origin: str
) -> None:
    """Also errors: a page must be able to tell 401 from a lost network."""
    for user in ("2", None):
        async with client(open_to_friends, user) as page:
            headers = (await page.get(path, headers={"Origin": origin})).headers
            assert headers["access-control-allow-origin"] == origin
            assert headers["access-control-allow-credentials"] == "true"
            assert "Retry-After" in headers["access-control-expose-headers"]
            assert "Origin" in headers["vary"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [STRANGER, "null", FRIEND + ".evil.example", "*", None])
async def test_a_stranger_may_read_none(
    open_to_friends: ASGIApp, path: str, origin: str | None
) -> None:
    """No header allows it, and caches are told that the answer depends on who asks."""
    async with client(open_to_friends) as page:
        answer = await page.get(path, headers={"Origin": origin} if origin else {})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "Origin" in answer.headers["vary"]


async def test_a_friends_preflight(open_to_friends: ASGIApp) -> None:
    """It allows the methods of the path and the headers asked for, an own token header too."""
    async with client(open_to_friends, user=None) as page:
        answer = await page.options(
            "/v1/inbox/some-id",
            headers={
                "Origin": FRIEND,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization,content-type,x-token",
            },
        )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-token"
    assert "*" not in str(answer.headers)
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("asked", ["x\x01y", "x-ü", "a" * 1001, "a\tb"])
async def test_odd_header_names_are_not_reflected(open_to_friends: ASGIApp, asked: str) -> None:
    """Only a list of field names comes back."""
    async with client(open_to_friends) as page:
        headers = {
            b"origin": FRIEND.encode(),
            b"access-control-request-method": b"GET",
            b"access-control-request-headers": asked.encode("latin-1"),
        }
        answer = await page.options("/v1/inbox", headers=headers)
    assert "access-control-allow-headers" not in answer.headers


async def test_a_strangers_preflight(open_to_friends: ASGIApp) -> None:
    """It is answered, and allows nothing."""
    async with client(open_to_friends) as page:
        headers = {"Origin": STRANGER, "Access-Control-Request-Method": "PATCH"}
        answer = await page.options("/v1/inbox/x", headers=headers)
    assert answer.status_code == 204
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_without_origins_there_is_no_cors(app: ASGIApp) -> None:
    """The default is one site, and nothing varies."""
    async with client(app) as page:
        headers = (await page.get("/v1/inbox", headers={"Origin": FRIEND})).headers
    assert not [name for name in headers if name.startswith("access-control") or name == "vary"]
