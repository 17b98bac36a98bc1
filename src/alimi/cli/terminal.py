"""What a terminal is shown, and in which language."""

from __future__ import annotations

import os
import re
import unicodedata

from rich.console import Console

from alimi.errors import InvalidInput

#: Direction overrides can make a text look like another; they are Cf and not Cc.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LANG = re.compile(r"([A-Za-z]{2,8})(?:_([A-Za-z0-9]{2,8}))?")
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
#: A hundred years; more is a slip of the hand.
_MOST_DAYS = 36_500


def console(*, stderr: bool = False) -> Console:
    """Markup and highlighting off: what is shown comes from other people."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def printable(text: str) -> str:
    """One line without anything that a terminal would obey."""
    return "".join(
        " " if unicodedata.category(each) in {"Cc", "Zl", "Zp"} else each
        for each in text
        if each not in _OVERRIDES
    )


def own_locales() -> tuple[str, ...]:
    """The terminal's language, such as ("ko-KR",)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            match = _LANG.match(value)
            is_language = match is not None and match[1] != "POSIX"
            return (value.partition(".")[0].replace("_", "-"),) if is_language else ()
    return ()


def seconds(text: str, what: str) -> int:
    """`90`, `90s`, `15m`, `12h` or `30d` as seconds.  Raises InvalidInput."""
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise InvalidInput(f"{what} is a time like 90s, 15m, 12h or 30d, not {text!r}")
    total = int(match[1]) * _UNITS[match[2]]
    if total > _MOST_DAYS * _UNITS["d"]:
        raise InvalidInput(f"{what} is at most {_MOST_DAYS}d, not {text!r}")
    return total
