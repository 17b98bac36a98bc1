"""OpenAPI 3.1, made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from alimi.web.problems import PROBLEMS, TYPE_PREFIX
from alimi.web.router import Media, Route
from alimi.web.schemas import InboxMark, NotificationChange, ProblemDetails

_REF = "#/components/schemas/{name}"
_ALWAYS = ("headers-too-large", "query-too-long", "internal-error")
_OF_BODIES = (
    "malformed-request",
    "body-timeout",
    "body-too-large",
    "unsupported-media-type",
    "invalid-input",
)
_DOORS = {
    "open": (),
    "who": ("not-logged-in", "unavailable"),
    "key": ("invalid-api-key", "unavailable"),
}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "A notification's id.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "Where to begin; counts only without Last-Event-ID.",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The last `id:` that arrived; sent by EventSource itself.",
    "schema": {"type": "string"},
}


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole document."""
    routes = list(routes)
    shapes = [ProblemDetails]
    for route in routes:
        shapes += [s for s in (route.query, route.body, *route.gives.values()) if _is_shape(s)]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    for shape, rule in _RULES.items():
        components[shape] |= rule
    known = {id(shape): schema for shape, schema in zip(shapes, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, known, components
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Alimi", "version": version, "description": _DESCRIPTION},
        # Relative to this document, wherever it is mounted.
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


_DESCRIPTION = (
    "The inbox of whoever asks, as the application's own login says: no address names a recipient. "
    "Writes take JSON and refuse other sites. Errors are RFC 9457 problems."
)
_SECURITY = {"api-key": {"type": "http", "scheme": "bearer", "description": "An API key."}}
#: What types cannot say.
_RULES: dict[str, dict[str, Any]] = {
    InboxMark.__name__: {
        "oneOf": [
            {"required": ["ids"], "not": {"properties": {"action": {"const": "seen"}}}},
            {"required": ["upto"]},
            {"required": ["at"], "not": {"properties": {"action": {"const": "seen"}}}},
        ]
    },
    NotificationChange.__name__: {"minProperties": 1},
}


def _is_shape(shape: Any) -> bool:
    return shape is not None and not isinstance(shape, Media)


def _operation(route: Route, known: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": _responses(route, known),
    }
    parameters = _parameters(route, components)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content: dict[str, Any] = {"schema": known[id(route.body)]}
        if route.examples:
            content["examples"] = {name: {"value": v} for name, v in route.examples.items()}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if route.door == "key":
        operation["security"] = [{"api-key": []}]
    return operation


def _parameters(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [_ID] if "{id}" in route.path else []
    if route.path.endswith("/stream"):
        found += [_CURSOR, _LAST_EVENT_ID]
    if route.query is not None:
        properties: dict[str, Any] = components.pop(route.query.__name__)["properties"]
        for name, schema in properties.items():
            text = schema.pop("description", "")
            found.append({"name": name, "in": "query", "description": text, "schema": schema})
    return found


def _responses(route: Route, known: dict[int, Any]) -> dict[str, Any]:
    answers = {str(status): _given(route, shape, known) for status, shape in route.gives.items()}
    by_status: dict[int, list[str]] = {}
    for name in _problems(route):
        by_status.setdefault(PROBLEMS[name][0], []).append(name)
    for status, names in by_status.items():
        answers.setdefault(str(status), _problem(status, names))
    return dict(sorted(answers.items()))


def _given(route: Route, shape: Any, known: dict[int, Any]) -> dict[str, Any]:
    if shape is None:
        return {"description": "Done."}
    if isinstance(shape, Media):
        content: dict[str, Any] = {} if shape.schema is None else {"schema": shape.schema}
        if shape.example is not None:
            content["example"] = shape.example
        return {"description": shape.description, "content": {shape.type: content}}
    text = route.summary
    return {"description": text, "content": {"application/json": {"schema": known[id(shape)]}}}


def _problems(route: Route) -> list[str]:
    names = [*_ALWAYS, *_DOORS[route.door], *route.problems]
    if route.body is not None:
        names += _OF_BODIES
    if route.method != "GET":
        names.append("cross-site")
    return list(dict.fromkeys(names))


def _problem(status: int, names: list[str]) -> dict[str, Any]:
    examples = {
        name: {
            "value": {
                "type": TYPE_PREFIX + name,
                "title": PROBLEMS[name][1],
                "status": status,
                "detail": "What to do.",
            }
        }
        for name in names
    }
    media = {"schema": {"$ref": _REF.format(name="ProblemDetails")}, "examples": examples}
    text = "; ".join(re.sub(r"^.", lambda m: m[0].upper(), PROBLEMS[name][1]) for name in names)
    answer: dict[str, Any] = {
        "description": f"{text}.",
        "content": {"application/problem+json": media},
    }
    if status in {429, 503}:
        answer["headers"] = {
            "Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}
        }
    return answer
