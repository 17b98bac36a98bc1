"""What a person can see of a text."""

from __future__ import annotations

import unicodedata

#: Letters and signs by category that no font draws: Hangul fillers and the empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def shows(text: str) -> bool:
    """Whether something of it can be seen: not only separators, formats, lone marks and blanks."""
    return any(unicodedata.category(each)[0] not in "ZCM" and each not in _BLANK for each in text)


def is_name(text: str) -> bool:
    """Whether everybody sees the same characters: nothing hidden that would make two look alike."""
    return shows(text) and text.isprintable() and not _BLANK & set(text)


def as_kept(name: str) -> str:
    """Composed, as keyboards write it: else one name, typed on two systems, would be two."""
    return unicodedata.normalize("NFC", " ".join(name.split()))
