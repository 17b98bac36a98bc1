"""What is refused for its form alone: no database has a say in it, so one is enough."""

from __future__ import annotations

import json

import pytest

from tests.board.harness import Person, detail


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/cards", {"list_id": 1, "title": "   "}, "body.title"),
        ("/api/cards", {"list_id": 1, "title": "x" * 201}, "body.title"),
        ("/api/cards", {"list_id": 1, "title": "a\x00b"}, "body.title"),
        ("/api/cards", {"list_id": 1, "title": "half \ud800"}, "body.title"),
        ("/api/cards", {"list_id": "1", "title": "x"}, "body.list_id"),
        ("/api/cards", {"title": "x"}, "body.list_id"),
        ("/api/cards", {"list_id": 1, "title": "x", "tilte": "y"}, "body.tilte"),
        ("/api/cards", {"list_id": 1, "title": "x", "\ud800": "y"}, "body"),
        ("/api/cards", [1], "body"),
        ("/api/cards/4/comments", {"text": ""}, "body.text"),
        ("/api/cards/4/comments", {"text": 7}, "body.text"),
    ],
)
async def test_what_is_not_valid_is_422(emma: Person, path: str, body: object, field: str) -> None:
    """A body that cannot be accepted is a problem that names the field."""
    content = json.dumps(body)
    headers = {"content-type": "application/json"}
    answer = await emma.client.post(path, content=content, headers=headers)
    detail(answer, 422)
    assert [each["field"] for each in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "text", ["\u200b", "\u2060 \u200d", "\u3164", "a\u202eb", "a\u2028b", "a\x85b"]
)
async def test_a_title_can_be_seen_and_is_one_line(emma: Person, text: str) -> None:
    """422 for what nobody sees, and for what turns or breaks the line around it."""
    for path, body in (("cards", {"list_id": 1, "title": text}), ("lists", {"name": text})):
        assert (await emma.client.post(f"/api/{path}", json=body)).status_code == 422


@pytest.mark.parametrize("before", ["0", "-1", "-" + "9" * 30, "9" * 30, "x"])
async def test_comments_before_a_number_that_none_has(emma: Person, before: str) -> None:
    """422, however large; never a 5xx."""
    answer = await emma.client.get("/api/cards/3/comments", params={"before": before})
    assert answer.status_code == 422


@pytest.mark.parametrize("body", [{}, {"user_id": True}, {"user_id": "2"}, {"user_id": 2.5}])
async def test_who_gets_a_card_is_a_number_or_null(emma: Person, body: object) -> None:
    """What is neither is 422, and is never taken for user 1."""
    detail(await emma.client.patch("/api/cards/12/assignee", json=body), 422)
