"""What is wrong with a field, in the reader's language: pydantic's words are for programmers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from board.texts import say

#: pydantic's name of an error, and the sentence under "field." that tells of it.
_SENTENCES = {
    "missing": "missing",
    "extra_forbidden": "unknown",
    "model_attributes_type": "object",
    "string_type": "text",
    "string_unicode": "unicode",
    "string_too_short": "short",
    "string_too_long": "long",
    "string_pattern_mismatch": "form",
    "invisible": "invisible",
    "int_type": "number",
    "int_parsing": "number",
    "int_parsing_size": "digits",
    "greater_than_equal": "least",
    "less_than_equal": "most",
    "bool_type": "switch",
}


def explain(error: Mapping[str, Any], locale: str) -> dict[str, str]:
    """Which field, and what it should be; one of `RequestValidationError.errors()`."""
    field = ".".join(str(part) for part in error["loc"])
    bounds = {name: n for name, n in error.get("ctx", {}).items() if isinstance(n, int)}
    sentence = _SENTENCES.get(error["type"], "other")
    return {
        # Its name comes from outside and may hold half a character, which no answer can carry.
        "field": field.encode("utf-8", "replace").decode("utf-8")[:200],
        "message": say(locale, f"field.{sentence}", **bounds),
    }
