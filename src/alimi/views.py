"""What the outside sees of a notification: the JSON shape, the language, the time.

Times become RFC 3339 here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from alimi.model import Notification, Snapshot

#: Browsers send a handful; the header comes from outside, so reading it has a bound.
MAX_LANGUAGES = 20
_MAX_HEADER = 1000
_LANGUAGE = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


class NotificationView(msgspec.Struct, frozen=True):
    """A notification as JSON, in one language; times are RFC 3339 in UTC or null."""

    id: str
    version: int
    kind: str
    category: str
    message: str
    url: str | None
    actor: Snapshot | None
    object: Snapshot | None
    target: Snapshot | None
    data: dict[str, Any]
    created_at: str | None
    seen_at: str | None
    read_at: str | None
    archived_at: str | None
    expires_at: str | None


def view(notification: Notification, locales: Sequence[str] = ()) -> NotificationView:
    """The notification with the text in the first of `locales` that it has."""
    content = notification.content
    return NotificationView(
        id=notification.id,
        version=notification.version,
        kind=notification.kind,
        category=notification.category,
        message=pick_text(content.texts, locales),
        url=content.url,
        actor=content.actor,
        object=content.object,
        target=content.target,
        data=content.data,
        created_at=rfc3339(notification.created_at),
        seen_at=rfc3339(notification.seen_at),
        read_at=rfc3339(notification.read_at),
        archived_at=rfc3339(notification.archived_at),
        expires_at=rfc3339(notification.expires_at),
    )


def rfc3339(milliseconds: int | None) -> str | None:
    """`1785000000123` -> `"2026-07-25T17:20:00.123Z"`."""
    if milliseconds is None:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03d}Z"


def pick_text(texts: Mapping[str, str], locales: Sequence[str]) -> str:
    """The text in the first locale that is there; else the first text, the kind's default.

    `ko-KR` is content with `ko` and `ko` with `ko-KR`; case does not matter.  A tombstone has no
    text and gives "".
    """
    for locale in locales:
        if locale in texts:
            return texts[locale]
        found = _near(texts, locale.replace("_", "-").lower())
        if found is not None:
            return texts[found]
    return next(iter(texts.values()), "")


def _near(texts: Iterable[str], wanted: str) -> str | None:
    """Exact, then ever shorter (`zh-Hant-TW`, `zh-Hant`, `zh`), then any of the same language."""
    have: dict[str, str] = {}
    for locale in texts:
        have.setdefault(locale.lower(), locale)
    shorter = wanted
    while shorter:
        if shorter in have:
            return have[shorter]
        shorter = shorter.rpartition("-")[0]
    language = wanted.partition("-")[0]
    return next((own for low, own in have.items() if low.partition("-")[0] == language), None)


def parse_accept_language(header: str) -> tuple[str, ...]:
    """The languages of the header, best first, in lower case; what is malformed is left out.

    `*` says nothing that the kind's default does not say, and `q=0` refuses a language.
    """
    weighed: list[tuple[float, str]] = []
    for part in header[:_MAX_HEADER].split(",")[:MAX_LANGUAGES]:
        match = _LANGUAGE.fullmatch(part.strip())
        if match and (weight := float(match[2] or 1)) > 0:
            weighed.append((-weight, match[1].lower()))
    weighed.sort(key=lambda pair: pair[0])
    return tuple(dict.fromkeys(language for _, language in weighed))
