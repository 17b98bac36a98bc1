"""The OpenAPI document, with what the framework does not know: the board's problems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

from board.problems import STATUS, name_of

_ASKED = ("login_required", "session_changed")
_ALWAYS = ("invalid", "server")
_WRITES = ("cross_site", "bad_request", "body_timeout", "body_too_large", "not_json")
_CARD = ("card_missing", "changed_meanwhile")
#: What only one operation answers; those of a session ask nobody who they are beforehand.
_OWN = {
    "POST /api/session": ("login_failed", "too_many_logins"),
    "DELETE /api/session": ("session_changed",),
    "POST /api/lists": (*_ASKED, "lists_full"),
    "PATCH /api/lists/{list_id}": (*_ASKED, "list_missing"),
    "POST /api/cards": (*_ASKED, "list_missing", "board_full"),
    "GET /api/cards/{card_id}": (*_ASKED, "card_missing"),
    "PATCH /api/cards/{card_id}": (*_ASKED, *_CARD, "list_missing", "board_full"),
    "PATCH /api/cards/{card_id}/assignee": (*_ASKED, *_CARD, "user_missing"),
    "PUT /api/cards/{card_id}/watching": (*_ASKED, "card_missing"),
    "GET /api/cards/{card_id}/comments": (*_ASKED, "card_missing"),
    "POST /api/cards/{card_id}/comments": (*_ASKED, "card_missing"),
    "PATCH /api/comments/{comment_id}": (*_ASKED, "comment_missing", "not_yours"),
    "GET /sse/{user_id}": (*_ASKED, "not_your_stream"),
}
_TEXT = {"type": "string"}
_FIELD = {
    "type": "object",
    "required": ["field", "message"],
    "properties": {"field": _TEXT, "message": _TEXT},
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "A sentence in the reader's language."},
        "errors": {"type": "array", "items": _FIELD},
    },
}


class Described(FastAPI):
    """Its document names each operation's problems, by status."""

    def openapi(self) -> dict[str, Any]:
        """Made once."""
        is_made = self.openapi_schema is not None
        document = super().openapi()
        if not is_made:
            schemas = document["components"]["schemas"]
            schemas["Problem"] = _PROBLEM
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    own = _OWN.get(f"{method.upper()} {path}", _ASKED)
                    writes = () if method == "get" else _WRITES
                    operation["responses"] |= _responses((*_ALWAYS, *own, *writes))
        return document


def _responses(keys: Iterable[str]) -> dict[str, Any]:
    names: dict[int, list[str]] = {}
    for key in sorted(keys, key=STATUS.__getitem__):
        names.setdefault(STATUS[key], []).append(name_of(key))
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {"description": ", ".join(each), "content": content}
        for status, each in names.items()
    }
