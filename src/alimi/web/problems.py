"""Errors as the outside sees them: RFC 9457 problems, each with a documented `type`."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec

from alimi import errors

logger = logging.getLogger("alimi.web")

#: `type` is this and the problem's name; it is a name to look up in the docs, not an address.
TYPE_PREFIX = "urn:alimi:problem:"

#: Every problem there is: its status and its title.
PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed-request": (400, "The request cannot be read"),
    "invalid-cursor": (400, "The cursor is not one of this inbox"),
    "not-logged-in": (401, "Nobody is logged in"),
    "invalid-api-key": (401, "The API key is missing or wrong"),
    "cross-site": (403, "Another site may not write here"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "body-timeout": (408, "The body did not arrive in time"),
    "key-conflict": (409, "The key was used for another event"),
    "body-too-large": (413, "The body is too large"),
    "query-too-long": (414, "The query is too long"),
    "unsupported-media-type": (415, "The body must be JSON"),
    "invalid-input": (422, "A value cannot be accepted"),
    "store-full": (429, "Too many writes are waiting"),
    "headers-too-large": (431, "The headers are too large"),
    "internal-error": (500, "Something went wrong here"),
    "unavailable": (503, "The service is not available right now"),
}

#: Seconds; a full queue empties within a second, a locked or closed store takes longer.
_SOON, _LATER = "1", "5"


class Problem(Exception):
    """An answer that is an error; `members` are further fields of its JSON."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.name = name
        self.status, self.title = PROBLEMS[name]
        self.detail = detail
        self.headers = headers or {}
        self.members = {key: value for key, value in members.items() if value is not None}

    def body(self) -> bytes:
        """The JSON."""
        fixed = {
            "type": TYPE_PREFIX + self.name,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return msgspec.json.encode(fixed | self.members)


def problem_of(error: Exception) -> Problem:
    """Any exception as a problem; what is nobody's fault but ours is logged, never shown."""
    match error:
        case Problem():
            return error
        case errors.InvalidCursor():
            return Problem("invalid-cursor", str(error))
        case errors.InvalidIdentity():
            return unexpected(error)
        case errors.InvalidInput():
            return Problem("invalid-input", str(error))
        case errors.NotFound():
            return Problem("not-found", str(error))
        case errors.KeyConflict():
            return Problem("key-conflict", str(error))
        case errors.StoreFull():
            return Problem("store-full", "Try again in a second.", headers={"Retry-After": _SOON})
        case errors.StoreError():
            return _unavailable(error)
    return unexpected(error)


def _unavailable(error: errors.AlimiError) -> Problem:
    # The text of a store's error may name files and servers, so it is for the log only.
    logger.warning("alimi: answered 503: %s: %s", type(error).__name__, error)
    wait = _SOON if isinstance(error, errors.StoreBusy) else _LATER
    return Problem(
        "unavailable",
        "The service is starting, stopping or overloaded. Try again.",
        headers={"Retry-After": wait},
    )


def unexpected(error: BaseException) -> Problem:
    """A 500 that says nothing but the id under which the log says everything."""
    instance = f"urn:uuid:{uuid.uuid4()}"
    logger.error("alimi: unexpected error, shown as %s", instance, exc_info=error)
    return Problem(
        "internal-error", "The server's log has the reason under this instance.", instance=instance
    )
