"""Writes that another site caused are refused, as Go's CrossOriginProtection does."""

from __future__ import annotations

import pytest

from alimi import Alimi
from alimi.errors import ConfigurationError
from alimi.web.types import ASGIApp
from tests.web.site import BEARER, KEY, client, notify, who

FRIEND = "https://app.example"
HOST = "http://site.test"

MATRIX: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, True),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "SAME-ORIGIN"}, False),
    ({"Sec-Fetch-Site": "nonsense"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": HOST}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": FRIEND}, True),
    ({"Sec-Fetch-Site": "same-site", "Origin": FRIEND}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.evil.example"}, False),
    ({"Origin": HOST}, True),
    ({"Origin": "https://site.test"}, True),
    ({"Origin": "http://site.test:81"}, False),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://site.test.evil.example"}, False),
    ({"Origin": "http://site.test@evil.example"}, False),
    ({"Origin": "null"}, False),
    ({"Origin": "http://["}, False),
    ({"Origin": FRIEND}, True),
    ({"Origin": FRIEND.upper()}, False),
    ({"Origin": "http://app.example"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer token"}, True),
    ({"Sec-Fetch-Site": "cross-site", "Authorization": "Basic dTpw"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer"}, False),
]


@pytest.fixture
def guarded(alimi: Alimi) -> ASGIApp:
    return alimi.asgi(who, origins=[FRIEND], api_keys=[KEY])


@pytest.mark.parametrize(("headers", "passes"), MATRIX, ids=str)
async def test_who_may_write(
    alimi: Alimi, guarded: ASGIApp, headers: dict[str, str], passes: bool
) -> None:
    """What a browser says about a foreign page is believed; what it does not say is no reason."""
    (made,) = await notify(alimi, "2")
    async with client(guarded) as user:
        for method, path, body in (
            ("POST", "/v1/inbox/mark", {"action": "unread", "ids": [made]}),
            ("PATCH", f"/v1/inbox/{made}", {"read": False}),
            ("DELETE", f"/v1/inbox/{made}", None),
        ):
            answer = await user.request(method, path, json=body, headers=headers)
            assert answer.status_code == ((204 if body is None else 200) if passes else 403), path
        assert (await user.get("/v1/inbox", headers=headers)).status_code == 200


async def test_a_doubled_header_equals_nothing(guarded: ASGIApp) -> None:
    """Two Origin or Sec-Fetch-Site fields are no friend's."""
    async with client(guarded) as user:
        for name, values in (
            ("Origin", (FRIEND, "https://evil.example")),
            ("Sec-Fetch-Site", ("same-origin", "cross-site")),
        ):
            headers = [(name, value) for value in values]
            answer = await user.post("/v1/inbox/mark", json={}, headers=headers)
            assert answer.status_code == 403


async def test_a_form_of_another_site_is_no_json(guarded: ASGIApp) -> None:
    """An old browser's cross-site form cannot name the content type: 415 even without headers."""
    async with client(guarded) as user:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            body = b'{"action":"read","upto":9}'
            answer = await user.post("/v1/inbox/mark", content=body, headers={"Content-Type": kind})
            assert answer.status_code == 415


async def test_api_key_calls_are_exempt(guarded: ASGIApp) -> None:
    """A key is no cookie: no site can make a browser send it."""
    async with client(guarded, user=None) as server:
        headers = BEARER | {"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"}
        body = {"to": "2", "name": "x"}
        answer = await server.post("/v1/signals", json=body, headers=headers)
        assert answer.status_code == 202


BAD_ORIGINS = [
    "*", "null", "", "app.example", "https://", "https://app.example/", "https://*.example",
    "https://app.example:443", "http://app.example:80", "HTTPS://app.example", "ftp://app.example",
    "https://App.example", "https://u@app.example", "https://app.example:x", None, 5,
]  # fmt: skip


@pytest.mark.parametrize("origin", BAD_ORIGINS, ids=repr)
def test_an_origin_that_no_browser_sends_is_refused(alimi: Alimi, origin: str) -> None:
    """A wildcard or a slash too many is an error at the start, not a surprise later."""
    with pytest.raises(ConfigurationError):
        alimi.asgi(who, origins=[origin])


def test_one_string_is_not_several_origins(alimi: Alimi) -> None:
    """origins="https://…" would be a list of letters."""
    with pytest.raises(ConfigurationError, match="several"):
        alimi.asgi(who, origins=FRIEND)


async def test_the_log_names_the_origin_that_is_missing(
    guarded: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever forgot origins= reads there what to add; G8: who goes on does not fill it."""
    caplog.set_level("INFO", "alimi")
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://forgotten.example"}
    async with client(guarded) as user:
        for _ in range(20):
            await user.post("/v1/inbox/mark", json={"action": "seen", "upto": 0}, headers=headers)
    (line,) = (each.getMessage() for each in caplog.records if "origins=" in each.getMessage())
    assert "'https://forgotten.example': not in origins=" in line
