"""What is wrong with a field is told in the reader's language."""

from __future__ import annotations

import json

import pytest

from board.app import MAX_ERRORS
from tests.board.harness import Person

CARD = {"list_id": 1, "title": "x"}


@pytest.mark.parametrize(
    ("path", "body", "field", "english", "korean"),
    [
        ("cards", {"list_id": 1}, "body.title", "This is needed.", "필수 항목입니다."),
        ("cards", {**CARD, "tilte": 1}, "body.tilte", "There is no such field.", "알 수 없는 항목"),
        ("cards", [1], "body", "A JSON object.", "JSON 객체여야 합니다."),
        ("cards", {**CARD, "title": 7}, "body.title", "A text.", "문자열이어야 합니다."),
        ("cards", {**CARD, "title": "\ud800"}, "body.title", "valid Unicode", "유니코드"),
        ("cards", {**CARD, "title": " "}, "body.title", "At least this many characters: 1.", "1자"),
        ("cards", {**CARD, "title": "x" * 201}, "body.title", "At most 200 char", "최대 200자"),
        ("cards", {**CARD, "title": "a\x00b"}, "body.title", "characters or a form", "쓸 수 없는"),
        ("cards", {**CARD, "title": "\u3164"}, "body.title", "can be seen", "눈에 보이는"),
        ("cards", {**CARD, "list_id": "1"}, "body.list_id", "A whole number.", "정수여야 합니다."),
        ("cards/12", {"position": -1}, "body.position", "At least 0.", "0 이상이어야 합니다."),
        ("cards/12", {"archived": "no"}, "body.archived", "true or false.", "true 또는 false"),
        ("cards/x", {}, "path.card_id", "A whole number.", "정수여야 합니다."),
        (f"cards/{'9' * 5000}", {}, "path.card_id", "too many digits", "자릿수가 너무 많습니다."),
        ("cards/12/comments?before=0", None, "query.before", "At least 1.", "1 이상이어야"),
        (
            f"cards/12/comments?before={2**63}",
            None,
            "query.before",
            f"At most {2**63 - 1}.",
            "이하",
        ),
        ("archive?after=x", None, "query.after", "characters or a form", "쓸 수 없는 문자나 형식"),
    ],
)
async def test_each_field_is_explained(
    emma: Person, jiwoo: Person, path: str, body: object, field: str, english: str, korean: str
) -> None:
    """By a sentence of the board's own in both languages: no English, no pattern for Koreans."""
    method = "GET" if body is None else "POST" if path == "cards" else "PATCH"
    headers = {"content-type": "application/json"}
    for person, sentence in ((emma, english), (jiwoo, korean)):
        answer = await person.client.request(
            method, f"/api/{path}", content=json.dumps(body) if method != "GET" else b"",
            headers=headers,
        )  # fmt: skip
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == field
        assert sentence in error["message"]


async def test_only_so_many_fields_are_explained(emma: Person) -> None:
    """G8: a body of a thousand mistakes is not answered with a thousand sentences."""
    body = {**CARD, **{f"x{number}": 1 for number in range(1000)}}
    answer = await emma.client.post("/api/cards", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MAX_ERRORS


async def test_the_field_of_another_name_is_cut(emma: Person) -> None:
    """G8: its name comes from outside, and is told back only as far as somebody would read it."""
    answer = await emma.client.post("/api/cards", json={**CARD, "y" * 500: 1})
    (error,) = answer.json()["errors"]
    assert error["field"] == "body." + "y" * 195


async def test_another_readers_stream_is_not_what_one_wrote(emma: Person, jiwoo: Person) -> None:
    """The stream of somebody else and the comment of somebody else are two things to say."""
    comment = (await emma.comment(12, "Hello"))["id"]
    edited = await jiwoo.client.patch(f"/api/comments/{comment}", json={"text": "x"})
    opened = await jiwoo.client.get("/sse/1")
    assert [edited.status_code, opened.status_code] == [403, 403]
    assert edited.json()["detail"] == "본인이 작성한 것만 수정할 수 있습니다."
    assert opened.json()["detail"] == "다른 사용자의 알림입니다. 본인의 알림만 받을 수 있습니다."
    assert opened.json()["type"] == "urn:alimi-board:problem:not-your-stream"
