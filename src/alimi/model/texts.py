"""What a short text may hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from alimi.errors import InvalidInput

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def bounded_text(value: object, what: str, limit: int) -> str:
    """A short string without control characters; raises InvalidInput naming `what`."""
    if not isinstance(value, str) or not 0 < len(value) <= limit or not is_clean(value):
        given = "" if isinstance(value, str) else f", not {type(value).__name__}"
        raise InvalidInput(
            f"{what} is a string of 1 to {limit} characters, without line breaks{given}"
        )
    return value


def nearest(word: str, known: Iterable[str]) -> str:
    """For the end of an error: the known word that was probably meant; empty when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


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
