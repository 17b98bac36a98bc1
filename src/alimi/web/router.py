"""Which route a path means, in whatever style the application is mounted."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from alimi.hub import Again
from alimi.model import Identity
from alimi.web.answer import Answer
from alimi.web.problems import Problem
from alimi.web.request import Request
from alimi.web.types import ASGIApp, Receive, Scope

if TYPE_CHECKING:
    from alimi.facade import Alimi

#: Who may pass: everybody, whom the application's `who` names, or who bears an API key.
Door = Literal["open", "who", "key"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a route's handler."""

    alimi: Alimi
    request: Request
    receive: Receive
    parameters: Mapping[str, str]
    known: Identity | None
    #: For a stream, which outlives the answer of `who`.
    again: Again

    @property
    def identity(self) -> Identity:
        """Whose inbox it is; there is no anonymous default (G7)."""
        if self.known is None:
            raise Problem("not-logged-in", "Log in, then try again.")
        return self.known


Handler = Callable[[Call], Awaitable[Answer | ASGIApp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An answer that is no shape of ours; OpenAPI 3.1 has no schema for one without end."""

    type: str
    description: str
    schema: Mapping[str, Any] | None = field(default_factory=lambda: {"type": "string"})
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path: who may, what it takes, what it gives.  Also its documentation."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    handle: Handler
    door: Door
    name: str
    summary: str
    query: Any = None
    body: Any = None
    gives: Mapping[int, Any]
    problems: tuple[str, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path with its methods; HEAD comes with GET, OPTIONS with all."""

    pattern: re.Pattern[str]
    routes: Mapping[str, Route]

    @property
    def methods(self) -> tuple[str, ...]:
        """What `Allow` says."""
        head = ("HEAD",) if "GET" in self.routes else ()
        return (*self.routes, *head, "OPTIONS")

    def route(self, method: str) -> Route:
        """Raises Problem 405."""
        found = self.routes.get("GET" if method == "HEAD" else method)
        if found is None:
            allow = ", ".join(self.methods)
            raise Problem("method-not-allowed", f"Allowed: {allow}.", headers={"Allow": allow})
        return found


class Router:
    """Finds; never redirects, never builds an address."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        # A path without parameters wins over one with them, so it is tried first.
        ordered = sorted(by_path.items(), key=lambda item: "{" in item[0])
        self._endpoints = [Endpoint(_pattern(path), routes) for path, routes in ordered]

    def find(self, scope: Scope) -> tuple[Endpoint, Mapping[str, str]]:
        """Raises Problem 404."""
        for path in _readings(scope["path"], scope.get("root_path", "")):
            for endpoint in self._endpoints:
                match = endpoint.pattern.fullmatch(path)
                if match is not None:
                    return endpoint, match.groupdict()
        raise Problem(
            "not-found",
            "No such path. This is Alimi: /openapi.json, below its mount point, describes what is "
            "here, and docs/http.md in its repository explains it.",
        )


def _readings(path: str, root: str) -> Iterator[str]:
    """The path below the mount point, as far as it can be known, most likely first.

    ASGI says that `path` begins with `root_path`, and Starlette and FastAPI do so.  Litestar strips
    the mount point, adds a slash and leaves `root_path` empty.  Behind a proxy that strips a prefix
    which the application then claims as `root_path`, `path` begins only with the last part of it.
    """
    root = root.rstrip("/")
    at = 0
    while 0 <= at < len(root):
        if path.startswith(root[at:] + "/"):
            yield path[len(root) - at :]
        at = root.find("/", at + 1)
    yield path


def _pattern(path: str) -> re.Pattern[str]:
    """`/v1/inbox/{id}`, with or without a slash at its end."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "/?")
