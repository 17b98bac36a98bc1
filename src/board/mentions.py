"""Finding @names in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def find_mentions(text: str, names: Mapping[int, str]) -> set[int]:
    """The users whose @name stands in `text`.

    Korean glues particles to a name ("@김지우님이"), so a name ends where it ends; only another
    Latin letter or digit makes it a longer word ("@Emma" is not in "@Emmanuel").  The longest wins.
    """
    if not names:
        return set()
    ids = {name.casefold(): user for user, name in names.items()}
    return {ids[found.casefold()] for found in _pattern(names.values()).findall(text)}


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    either = "|".join(re.escape(name) for name in longest_first)
    return re.compile(rf"(?<!\w)@({either})(?![A-Za-z0-9_])", re.IGNORECASE)
