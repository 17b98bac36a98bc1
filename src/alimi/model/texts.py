"""What a short text may hold."""

from __future__ import annotations

import re

from alimi.errors import InvalidInput

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def bounded_text(value: object, what: str, limit: int) -> str:
    """A short string without control characters; raises InvalidInput naming `what`."""
    if not isinstance(value, str) or not 0 < len(value) <= limit or not is_clean(value):
        raise InvalidInput(f"{what} is a string of 1 to {limit} characters, without line breaks")
    return value


def is_clean(text: str) -> bool:
    """No control characters, and encodable as UTF-8."""
    if text.isprintable():  # as nearly always; it implies both
        return True
    if _CONTROL.search(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
