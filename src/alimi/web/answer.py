"""What goes out: one complete response."""

from __future__ import annotations

from typing import Any

import msgspec

from alimi.web.problems import Problem
from alimi.web.types import Send

#: On every answer that does not say otherwise.  Nothing personal may be stored by a cache, and no
#: other site may pull an answer into its own process.
DEFAULTS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Answer:
    """Status, headers (names in lower case) and a whole body."""

    def __init__(
        self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.headers = DEFAULTS | {name.lower(): v for name, v in (headers or {}).items()}

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        """A value as JSON."""
        return cls(status, msgspec.json.encode(value), {"content-type": "application/json"})

    @classmethod
    def problem(cls, problem: Problem) -> Answer:
        """A problem, with its own headers."""
        headers = {"content-type": "application/problem+json"} | problem.headers
        return cls(problem.status, problem.body(), headers)

    async def send(self, send: Send, *, head: bool = False) -> None:
        """Send it; for HEAD without the body, whose length is told all the same."""
        if self.status not in {204, 304}:
            self.headers["content-length"] = str(len(self.body))
        headers = encoded(self.headers)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
