"""What can go wrong, as RFC 9457 says it: application/problem+json, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from board.texts import say

#: A name to look up in the docs, not an address.
TYPE_PREFIX = "urn:alimi-board:problem:"


#: Every problem has a status here, a sentence in the catalogues, and a line in docs/board.md.
STATUS = {
    "bad_request": 400,
    "login_required": 401,
    "login_failed": 401,
    "cross_site": 403,
    "not_yours": 403,
    "not_your_stream": 403,
    "missing": 404,
    "card_missing": 404,
    "list_missing": 404,
    "user_missing": 404,
    "comment_missing": 404,
    "method": 405,
    "body_timeout": 408,
    "board_full": 409,
    "lists_full": 409,
    "session_changed": 409,
    "changed_meanwhile": 412,
    "body_too_large": 413,
    "not_json": 415,
    "invalid": 422,
    "too_many_logins": 429,
    "server": 500,
}


class Problem(Exception):
    """A request that cannot be answered as asked; `key` is one of STATUS."""

    def __init__(
        self,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        **fields: str | int,
    ) -> None:
        super().__init__(key)
        self.status = STATUS[key]
        self.key = key
        self.headers = headers
        self.errors = errors
        self.fields = fields

    def response(self, locale: str) -> JSONResponse:
        """The answer, in one language."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + name_of(self.key),
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": say(locale, f"problem.{self.key}", **self.fields),
        }
        if self.errors is not None:
            body["errors"] = self.errors
        headers = {"Content-Language": locale, "Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse(body, self.status, headers, media_type="application/problem+json")


def name_of(key: str) -> str:
    """What a problem is called outside."""
    return key.replace("_", "-")


def missing(what: str) -> Problem:
    """404 for a card, list, comment or user."""
    return Problem(f"{what}_missing")
