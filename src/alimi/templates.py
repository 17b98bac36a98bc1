"""Texts and urls with `{fields}` in them.

Only names of plain data are looked up: no format specifications, no attributes of objects, so a
text that a translator wrote cannot reach anything but the event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alimi.errors import InvalidInput, InvalidKind, MissingField

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FIELD = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class Template:
    """A parsed text: pieces of itself, and paths between them.

    `{a.b}` is the field b of a; `{{` and `}}` are braces.  `where` names it in errors.
    """

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self._parts = tuple(self._parse())
        #: What every event reads as, when no field is named.
        self._always = "".join(map(str, self._parts)) if self._is_plain() else None

    def _is_plain(self) -> bool:
        return all(isinstance(part, str) for part in self._parts)

    @property
    def paths(self) -> Iterator[tuple[str, ...]]:
        """The fields that it names, each as the names on the way to it."""
        return (part for part in self._parts if not isinstance(part, str))

    def sample(self) -> str:
        """What it looks like with a word for every field."""
        return "".join(part if isinstance(part, str) else "word" for part in self._parts)

    def render(self, fields: Mapping[str, Any], quote: Callable[[str], str] = str) -> str:
        """The text for one event.  Raises MissingField."""
        if self._always is not None:
            return self._always
        return "".join(
            part if isinstance(part, str) else quote(self._value(fields, part))
            for part in self._parts
        )

    def _parse(self) -> list[str | tuple[str, ...]]:
        parts: list[str | tuple[str, ...]] = []
        end = 0
        for match in _TOKEN.finditer(self.text):
            parts.append(self.text[end : match.start()])
            parts.append(self._token(match))
            end = match.end()
        parts.append(self.text[end:])
        return [part for part in parts if part]

    def _token(self, match: re.Match[str]) -> str | tuple[str, ...]:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] is None or not _FIELD.fullmatch(match[1]):
            raise InvalidKind(
                f"{self.where}: {match[0]!r} is no field; write {{object.name}}, "
                "and {{ or }} for a brace"
            )
        return tuple(match[1].split("."))

    def _value(self, fields: Mapping[str, Any], path: tuple[str, ...]) -> str:
        value: Any = fields
        for name in path:
            value = value.get(name) if isinstance(value, (dict, Mapping)) else None
        if type(value) is str:
            return value
        if value is None:
            raise MissingField(
                f"{self.where} names {{{'.'.join(path)}}}, which this event does not have"
            )
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            raise InvalidInput(f"{self.where}: {{{'.'.join(path)}}} is no text or number")
        return str(value)
