"""The events API: what an application's server sends with an API key."""

from __future__ import annotations

from typing import Any

import pytest

from alimi import Alimi
from alimi.errors import ConfigurationError, StoreBusy, StoreClosed, StoreFull
from alimi.web.types import ASGIApp
from tests.web.site import BEARER, KEY, SECOND_KEY, TEXTS, client, who

OWN = {"kind": "deploy.done", "category": "deploys", "texts": {"en": "Deployed {x}"}, "to": "2"}


async def items(app: ASGIApp, user: str = "2") -> list[dict[str, Any]]:
    async with client(app, user) as reader:
        found: list[dict[str, Any]] = (await reader.get("/v1/inbox")).json()["items"]
        return found


async def test_a_misspelt_kind_is_named_with_what_was_meant(alimi: Alimi, app: ASGIApp) -> None:
    """A kind that was never registered, and has no texts of its own, is a slip of the hand."""
    alimi.kind("card.assigned", category="cards", text={"en": "x"})
    async with client(app, user=None) as server:
        answer = await server.post(
            "/v1/events", json={"kind": "card.asigned", "to": "2"}, headers=BEARER
        )
    assert answer.status_code == 422
    assert "did you mean 'card.assigned'?" in answer.json()["detail"]


async def test_an_event_of_a_registered_kind(alimi: Alimi, app: ASGIApp) -> None:
    """The kind's texts, category and url are used; the answer names the event."""
    alimi.kind("card.assigned", category="cards", url="/cards/{object.id}", text=TEXTS)
    body = {"kind": "card.assigned", "to": ["2", 3], "object": {"id": 12, "name": "Ship"}}
    async with client(app, user=None) as server:
        answer = await server.post("/v1/events", json=body, headers=BEARER)
    assert answer.status_code == 202
    await alimi.flush()
    for user in ("2", "3"):
        (item,) = await items(app, user)
        assert answer.json() == {"id": item["id"], "status": "recorded"}
        assert (item["url"], item["message"], item["category"]) == (
            "/cards/12", TEXTS["ko"], "cards",
        )  # fmt: skip


async def test_an_event_with_its_own_texts(alimi: Alimi, app: ASGIApp) -> None:
    """No registration is needed; braces are text; every field arrives."""
    body = OWN | {
        "url": "https://ci.example/7",
        "actor": "1",
        "target": {"id": "t", "name": "Team", "image": "/t.png", "url": "/t"},
        "data": {"n": [1, None, {"x": 1.5}]},
        "about": "deploy:7",
        "expires_at": "2999-01-01T00:00:00+09:00",
    }
    async with client(app, user=None) as server:
        assert (await server.post("/v1/events", json=body, headers=BEARER)).status_code == 202
    await alimi.flush()
    (item,) = await items(app)
    assert item["message"] == "Deployed {x}"
    assert item["actor"]["id"] == "1"
    assert item["target"] == body["target"]
    assert item["data"] == body["data"]
    assert item["expires_at"] == "2998-12-31T15:00:00.000Z"


async def test_the_actor_is_not_told(alimi: Alimi, app: ASGIApp) -> None:
    """An event that concerns only its actor is accepted and reaches nobody."""
    async with client(app, user=None) as server:
        body = [OWN | {"actor": 2}, OWN | {"to": []}, OWN | {"to": ["2", "2"]}]
        answer = await server.post("/v1/events", json=body, headers=BEARER)
    assert [each["status"] for each in answer.json()] == ["recorded"] * 3
    await alimi.flush()
    assert [item["id"] for item in await items(app)] == [answer.json()[2]["id"]]


async def test_a_key_makes_it_happen_once(alimi: Alimi, app: ASGIApp) -> None:
    """The same key: same id, `repeated`; with another body 409 and nothing recorded."""
    async with client(app, user=None) as server:

        async def send(**more: object) -> Any:
            return await server.post("/v1/events", json=OWN | more, headers=BEARER)

        first, again = await send(key="k1"), await send(key="k1")
        assert again.json() == {"id": first.json()["id"], "status": "repeated"}
        conflict = await send(key="k1", to="3")
        assert conflict.status_code == 409
        assert conflict.json()["type"] == "urn:alimi:problem:key-conflict"
        several = [OWN | {"key": "k1", "to": "3"}, OWN | {"key": "k2"}]
        mixed = await server.post("/v1/events", json=several, headers=BEARER)
        assert mixed.status_code == 409
        assert [each["status"] for each in mixed.json()["receipts"]] == ["conflict", "recorded"]
    await alimi.flush()
    assert len(await items(app)) == 2
    assert await items(app, "3") == []


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "nobody.knows", "to": "2"},
        {"kind": "Bad Kind", "to": "2", "texts": {"en": "x"}, "category": "c"},
        OWN | {"to": ""},
        OWN | {"to": True},
        OWN | {"to": "a\x00b"},
        OWN | {"to": "x" * 129},
        OWN | {"texts": {}},
        OWN | {"texts": {"en": ""}},
        OWN | {"texts": {"en": "x" * 2001}},
        OWN | {"texts": {"e n": "x"}},
        OWN | {"url": "javascript:alert(1)"},
        OWN | {"url": "//evil.example"},
        OWN | {"url": "/a\r\nb"},
        OWN | {"object": {"id": "1", "url": "javascript:alert(1)"}},
        OWN | {"actor": {"id": "1", "image": "data:text/html,x"}},
        OWN | {"data": {"x": "y" * 20_000}},
        OWN | {"key": "a\nb"},
        OWN | {"expires_at": "2026-01-01T00:00:00"},
        OWN | {"expires_at": "0001-01-01T00:00:00Z"},
        OWN | {"speed": 1},
        {name: value for name, value in OWN.items() if name != "category"},
    ],
)
async def test_one_bad_event_refuses_all(alimi: Alimi, app: ASGIApp, bad: Any) -> None:
    """All are checked before one is recorded; the answer says which and what."""
    async with client(app, user=None) as server:
        answer = await server.post("/v1/events", json=[OWN, bad], headers=BEARER)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"].startswith("[1]"), answer.text
    await alimi.flush()
    assert await items(app) == []


async def test_a_thousand_at_once_and_no_more(alimi: Alimi, app: ASGIApp) -> None:
    """G8: 1,000 events are one request; 1,001 and none are refused."""
    async with client(app, user=None) as server:

        async def send(count: int) -> int:
            answer = await server.post("/v1/events", json=[OWN] * count, headers=BEARER)
            status: int = answer.status_code
            return status

        assert [await send(count) for count in (1_000, 1_001, 0)] == [202, 422, 422]
    await alimi.flush()
    async with client(app) as user:
        assert (await user.get("/v1/inbox/counts")).json()["unread"] == 1_000


async def test_retractions(alimi: Alimi, app: ASGIApp) -> None:
    """What is unread about a matter goes, from one or from all."""
    async with client(app, user=None) as server:
        await server.post(
            "/v1/events", json=OWN | {"to": ["2", "3", "4"], "about": "d:1"}, headers=BEARER
        )
        await alimi.flush()
        left = []
        for body in ({"about": "d:1", "to": 2}, {"about": "d:1", "to": []}, {"about": "d:1"}):
            answer = await server.post("/v1/retractions", json=body, headers=BEARER)
            assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
            await alimi.flush()
            left.append([len(await items(app, user)) for user in ("2", "3", "4")])
    assert left == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]


async def test_signals(app: ASGIApp) -> None:
    """A signal is taken, and bounded to 1 KB."""
    async with client(app, user=None) as server:
        for data, status in (({"card": 1}, 202), ("x" * 1_025, 422)):
            body = {"to": "2", "name": "board.changed", "data": data}
            answer = await server.post("/v1/signals", json=body, headers=BEARER)
            assert answer.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": "Bearer ké" + "k" * 30},
        {"X-Api-Key": KEY},
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/retractions", "/v1/signals"])
async def test_without_a_key_it_is_401(app: ASGIApp, path: str, headers: dict[str, str]) -> None:
    """A logged-in user is no server, and a near key is no key."""
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    async with client(app, user="2") as server:
        answer = await server.post(path, json=OWN, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_two_keys_allow_rotation(alimi: Alimi) -> None:
    """Both keys are good while they are rotated."""
    app = alimi.asgi(who, api_keys=[KEY, SECOND_KEY])
    async with client(app, user=None) as server:
        for key in (KEY, SECOND_KEY):
            headers = {"Authorization": f"Bearer {key}"}
            assert (await server.post("/v1/events", json=OWN, headers=headers)).status_code == 202


async def test_without_configured_keys_there_is_no_events_api(alimi: Alimi) -> None:
    """Embedded, it is off: 404, whatever is sent, and not in the document."""
    app = alimi.asgi(who)
    async with client(app) as server:
        for headers in ({}, BEARER, {"Authorization": "Bearer "}):
            answer = await server.post("/v1/events", json=OWN, headers=headers)
            assert answer.status_code == 404
        assert "/v1/events" not in (await server.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize("keys", [["short"], ["k" * 31], KEY, [""], ["k" * 31 + "é"], [" " * 40]])
def test_weak_keys_are_refused(alimi: Alimi, keys: Any) -> None:
    """A guessable key is an error at the start, not a hole later."""
    with pytest.raises(ConfigurationError):
        alimi.asgi(who, api_keys=keys)


@pytest.mark.parametrize(
    ("error", "status"), [(StoreFull(), 429), (StoreBusy("file x.db"), 503), (StoreClosed(), 503)]
)
async def test_an_overloaded_store_says_when_to_come_back(
    alimi: Alimi, app: ASGIApp, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """G8: a full queue is 429, a locked or closed store 503, both with Retry-After."""

    async def fail(entries: object) -> None:
        raise error

    await alimi.start()
    monkeypatch.setattr(alimi.store, "append", fail)
    async with client(app, user=None) as server:
        answer = await server.post("/v1/events", json=OWN, headers=BEARER)
    assert answer.status_code == status
    assert int(answer.headers["retry-after"]) > 0
    assert "x.db" not in answer.text
