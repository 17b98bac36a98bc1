"""G7: whatever one sends, it is only ever one's own inbox."""

from __future__ import annotations

import re

import pytest

from alimi import Alimi
from alimi.web.router import Router
from alimi.web.routes import EVENTS, HEALTH, INBOX, METRICS
from alimi.web.types import ASGIApp
from tests.web.site import client, notify

WRITES: list[tuple[str, str, object]] = [
    ("GET", "/v1/inbox/{id}", None),
    ("PATCH", "/v1/inbox/{id}", {"read": True}),
    ("PATCH", "/v1/inbox/{id}", {"archived": True}),
    ("DELETE", "/v1/inbox/{id}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_another_ones_id_is_an_unknown_id(
    alimi: Alimi, app: ASGIApp, method: str, path: str, body: object
) -> None:
    """G7: it answers exactly as an id that never was, and changes nothing."""
    (theirs,) = await notify(alimi, "2")
    async with client(app, "2") as owner, client(app, "3") as other:
        before = (await owner.get("/v1/inbox")).json()
        answers = [
            await other.request(method, path.format(id=each), json=body)
            for each in (theirs, "0198f3c2-7b1e-7a52-9d3f-2f9a4b6c8d10")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert answers[0].text == answers[1].text
        assert (await owner.get("/v1/inbox")).json() == before


async def test_a_mark_of_another_ones_ids_changes_nothing(alimi: Alimi, app: ASGIApp) -> None:
    """G7: ids of another inbox in a mark are ids of nothing."""
    (theirs,) = await notify(alimi, "2")
    async with client(app, "2") as owner, client(app, "3") as other:
        before = (await owner.get("/v1/inbox")).json()
        for action in ("read", "archive", "delete"):
            answer = await other.post("/v1/inbox/mark", json={"action": action, "ids": [theirs]})
            assert (answer.status_code, answer.json()["count"]) == (200, 0)
        for target in ({"upto": 1}, {"at": 1}):
            answer = await other.post("/v1/inbox/mark", json={"action": "delete", **target})
            assert answer.json()["count"] == 0
        assert (await owner.get("/v1/inbox")).json() == before


async def test_another_ones_cursor_is_worthless(alimi: Alimi, app: ASGIApp) -> None:
    """G7: as `after` and as `upto` it is 400 invalid-cursor, for its owner it works."""
    await notify(alimi, "2", "3", count=3)
    async with client(app, "2") as owner, client(app, "3") as other:
        after = (await owner.get("/v1/inbox", params={"limit": 1})).json()["next"]
        assert (await owner.get("/v1/inbox", params={"after": after})).status_code == 200
        seen = {"action": "seen", "upto": after}
        for answer in (
            await other.get("/v1/inbox", params={"after": after}),
            await other.post("/v1/inbox/mark", json=seen),
        ):
            assert answer.status_code == 400
            assert answer.json()["type"] == "urn:alimi:problem:invalid-cursor"
        assert (await other.get("/v1/inbox/counts")).json()["unseen"] == 3


async def test_a_cursor_of_before_a_restore_is_worthless(alimi: Alimi, app: ASGIApp) -> None:
    """G5: after the epoch changed, an old `next` is refused instead of leaving a hole."""
    await notify(alimi, "2", count=3)
    async with client(app) as user:
        after = (await user.get("/v1/inbox", params={"limit": 1})).json()["next"]
        await alimi.store.renew_epoch()
        answer = await user.get("/v1/inbox", params={"after": after})
        assert answer.json()["type"] == "urn:alimi:problem:invalid-cursor"
        fresh = (await user.get("/v1/inbox", params={"limit": 1})).json()["next"]
        assert (await user.get("/v1/inbox", params={"after": fresh})).status_code == 200


@pytest.mark.parametrize("after", ["", "x", "1", "aaaa.", ".5", "aaaaaaaa.1 ", "a.٣", "a" * 65])
async def test_what_is_no_cursor_is_refused(app: ASGIApp, after: str) -> None:
    """A made-up cursor is a 400 or 422, never somebody's page."""
    async with client(app) as user:
        answer = await user.get("/v1/inbox", params={"after": after})
    assert answer.status_code in {400, 422}


async def test_nobody_has_no_inbox(alimi: Alimi, app: ASGIApp) -> None:
    """G7: there is no anonymous default: every inbox route is 401 without a login."""
    await notify(alimi, "2")
    async with client(app, user=None) as nobody:
        for route in INBOX:
            path = route.path.replace("{id}", "x")
            answer = await nobody.request(route.method, path, json={})
            assert answer.status_code == 401, path
            assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("name", ["recipient", "user", "user_id", "to", "sub", "id"])
async def test_no_parameter_chooses_the_recipient(alimi: Alimi, app: ASGIApp, name: str) -> None:
    """G7: naming somebody else in the query or a header changes nothing."""
    await notify(alimi, "2")
    async with client(app, "3") as other:
        answer = await other.get("/v1/inbox", params={name: "2"}, headers={name: "2"})
        assert answer.json()["items"] == []


def test_no_path_names_a_recipient() -> None:
    """The only parameter that a path has is a notification's id."""
    routes = [*INBOX, *EVENTS, *HEALTH, *METRICS]
    names = {name for route in routes for name in re.findall(r"\{(\w+)\}", route.path)}
    assert names == {"id"}
    assert Router(routes).find({"path": "/v1/inbox/mark"})[0].routes.keys() == {"POST"}
