"""Finding @names in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping


def find_mentions(text: str, names: Mapping[int, str]) -> set[int]:
    """The users whose @name stands in `text`.

    Korean glues particles to a name ("@김지우님이"), so a name ends where it ends; only another
    Latin letter or digit makes it a longer word ("@Emma" is not in "@Emmanuel").  The longest wins.
    """
    if not names:
        return set()
    users = sorted(names, key=lambda user: len(names[user]), reverse=True)
    composed = unicodedata.normalize("NFC", text)  # as names are kept
    matches = _pattern(names[user] for user in users).finditer(composed)
    # By its group, not by its letters: regular expressions and casefold() disagree about "İ".
    return {users[match.lastindex - 1] for match in matches if match.lastindex}


def _pattern(longest_first: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(f"({re.escape(name)})" for name in longest_first)
    return re.compile(rf"(?<!\w)@(?:{either})(?![A-Za-z0-9_])", re.IGNORECASE)
