"""The document says what is there, all of it."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import validator_for

from alimi import Alimi
from alimi.web.problems import PROBLEMS
from alimi.web.routes import EVENTS, HEALTH, INBOX, METRICS
from alimi.web.types import ASGIApp
from tests.web.site import BEARER, client, notify


@pytest.fixture
async def document(app: ASGIApp) -> dict[str, Any]:
    async with client(app, user=None) as reader:
        found: dict[str, Any] = (await reader.get("/openapi.json")).json()
        return found


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    return validator_for(schema | {"components": document["components"]})


def operations(document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_every_route_is_documented(document: dict[str, Any]) -> None:
    """The table that serves is the one that documents; ids are unique, nothing is absolute."""
    found = operations(document)
    table = {(route.method, route.path) for route in [*INBOX, *EVENTS, *HEALTH, *METRICS]}
    assert set(found) == table | {("GET", "/openapi.json")}
    ids = [operation["operationId"] for operation in found.values()]
    assert len(ids) == len(set(ids))
    assert document["servers"] == [{"url": "."}]
    assert document["openapi"].startswith("3.1")


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    """Each documented 4xx and 5xx is problem+json, but readiness that has reasons of its own."""
    named: set[str] = set()
    for (_, path), operation in operations(document).items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                media = answer["content"]["application/problem+json"]
                named |= set(media["examples"])
    assert set(PROBLEMS) - named == {"method-not-allowed"}


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    """What a reader copies works."""
    count = 0
    for operation in operations(document).values():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for example in media["examples"].values():
                assert resolved(document, media["schema"]).is_valid(example["value"])
                count += 1
    assert count >= 10


@pytest.mark.parametrize(
    "body",
    [
        {"action": "read"},
        {"action": "read", "upto": 1, "at": 1},
        {"action": "seen", "at": 1},
        {"action": "seen", "ids": ["x"]},
        {"action": "read", "ids": []},
    ],
)
def test_the_schema_refuses_what_the_server_refuses(
    document: dict[str, Any], body: dict[str, Any]
) -> None:
    """Exactly one target, and seen takes upto: said in the schema, too."""
    schema = {"$ref": "#/components/schemas/InboxMark"}
    assert not resolved(document, schema).is_valid(body)


async def test_answers_fit_their_schemas(
    alimi: Alimi, app: ASGIApp, document: dict[str, Any]
) -> None:
    """Real answers, with everything in them, are what the document says."""
    (made,) = await notify(alimi, "2")
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/v1/inbox", None),
        ("GET", "/v1/inbox/counts", None),
        ("GET", "/v1/inbox/{id}", None),
        ("PATCH", "/v1/inbox/{id}", {"read": True, "archived": True}),
        ("POST", "/v1/inbox/mark", {"action": "unarchive", "ids": [made]}),
        ("POST", "/v1/signals", {"to": "2", "name": "x"}),
        ("GET", "/readyz", None),
        ("GET", "/v1/inbox/{id}x", None),
        ("POST", "/v1/events", {}),
    ]
    async with client(app) as user:
        for method, path, body in calls:
            answer = await user.request(
                method, path.format(id=made), json=body, headers=BEARER if body else {}
            )
            known = operations(document)[method, path.replace("}x", "}")]["responses"]
            (media,) = known[str(answer.status_code)]["content"].values()
            assert resolved(document, media["schema"]).is_valid(answer.json()), answer.text
