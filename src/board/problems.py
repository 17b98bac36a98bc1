"""What can go wrong, as RFC 9457 says it: application/problem+json, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from board.texts import say

#: A name to look up in the docs, not an address.
TYPE_PREFIX = "urn:alimi-board:problem:"


class Problem(Exception):
    """A request that cannot be answered as asked.

    `key` names a sentence in the catalogues, under "problem.".
    """

    def __init__(
        self,
        status: int,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        **fields: str | int,
    ) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.headers = headers
        self.errors = errors
        self.fields = fields

    def response(self, locale: str) -> JSONResponse:
        """The answer, in one language."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.key.replace("_", "-"),
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": say(locale, f"problem.{self.key}", **self.fields),
        }
        if self.errors is not None:
            body["errors"] = self.errors
        headers = {"Content-Language": locale, "Cache-Control": "no-store", **(self.headers or {})}
        return JSONResponse(body, self.status, headers, media_type="application/problem+json")


def missing(what: str) -> Problem:
    """404 for a card, list, comment or user."""
    return Problem(404, f"{what}_missing")
