"""Kinds: what may be notified about, and how it reads.

    card_assigned = Kind(
        "card.assigned",
        category="cards",
        texts={"ko": "{actor.name}님이 카드를 맡겼습니다.", "en": "{actor.name} gave you a card."},
        url="/cards/{object.id}",
    )
    card_assigned.event(to=card.assignee_id, actor=me, object=card)

Texts are rendered when the event happens, in every locale the kind has, and travel in the event.
So a missing field is an exception in the caller's face, and whoever delivers the event later needs
neither the kind nor the objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict
from urllib.parse import quote

import msgspec

from alimi.errors import InvalidInput, InvalidKind, UnsafeUrl
from alimi.model import (
    LEAST_MS,
    MAX_KEY,
    Content,
    Event,
    Snapshot,
    event_id,
    is_clean,
    normalise_recipients,
    now_ms,
)
from alimi.plain import MAX_URL, clipped, plain_data, safe_url, snapshot, storable
from alimi.templates import Template

#: A kind and a category are words in settings, metrics and indexes.
MAX_KIND = 100
#: A person reads it in a row of the bell; the rest belongs behind the url.
MAX_TEXT = 2_000
#: More than any product is translated into; every event carries them all.
MAX_LOCALES = 50
#: The last millisecond of the year 9999: later times have no RFC 3339 form.
MAX_TIME = 253_402_300_799_999
#: Of a text, in an error.
_SHOWN = 40
_NAME = re.compile(rf"[a-z0-9_.-]{{1,{MAX_KIND}}}")
#: What a text may name of what happened, and of each the fields of a snapshot.
_ROLES = ("actor", "object", "target")
_MEMBERS = Snapshot.__struct_fields__
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


class EventParts(TypedDict, total=False):
    """What an event says beside its kind and recipients."""

    actor: object
    object: object
    target: object
    data: Mapping[str, Any] | None
    key: str | None
    about: str | None
    expires_at: int | datetime | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of notification, defined once and checked at once.

    `texts` holds one text for each locale; the first is the default.  Texts and `url` may name
    fields of the event: `{actor.name}`, `{object.id}`, `{target.name}`, `{data.due}`, and what is
    in `data` also directly, `{due}`; `{{` and `}}` are braces.  Values in the url are
    percent-encoded.  `category` is what a person mutes.  Whoever caused the event is not told about
    it, unless `notify_actor`.  `expires_in` (seconds) withdraws the notification after that time.

    Raises InvalidKind or UnsafeUrl when it cannot work.
    """

    name: str
    category: str
    texts: Mapping[str, str]
    url: str | None = None
    notify_actor: bool = False
    expires_in: float | None = None
    _texts: tuple[tuple[str, Template], ...] = field(init=False, repr=False, compare=False)
    _url: Template | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.name, "kind")
        _check_name(self.category, "category")
        _check_expiry(self.expires_in, self.name)
        if not isinstance(self.notify_actor, bool):
            given = type(self.notify_actor).__name__
            raise InvalidKind(f"kind {self.name!r}: notify_actor is True or False, not {given}")
        texts = _checked_texts(self.texts, self.name)
        parsed = tuple(
            (at, _parsed(text, f"kind {self.name!r}, text {at!r}")) for at, text in texts.items()
        )
        # A frozen dataclass is set up this way; the caller's own dict is not kept.
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "_texts", parsed)
        object.__setattr__(self, "_url", _parsed_url(self.url, self.name))

    def __hash__(self) -> int:
        return hash((self.name, self.category))

    def event(
        self,
        *,
        to: object,
        actor: object = None,
        object: object = None,
        target: object = None,
        data: Mapping[str, Any] | None = None,
        key: str | None = None,
        about: str | None = None,
        expires_at: int | datetime | None = None,
        now: int | None = None,
    ) -> Event:
        """What happened, to whom it matters, and how it reads; nothing is recorded yet.

        `to` is a recipient, several, or None for nobody.  `actor`, `object` and `target` are taken
        as snapshots (`alimi.plain.snapshot`).  `key` makes the event happen once however often it
        is recorded; `about` names the matter, for retracting it later.

        Raises MissingField, UnsafeUrl, InvalidRecipient or InvalidInput.
        """
        at = now_ms() if now is None else now
        parts = _parts(actor, object, target, data)
        fields = _fields(*parts)
        rendered = {
            locale: clipped(template.render(fields), MAX_TEXT) for locale, template in self._texts
        }
        content = Content(rendered, self._rendered_url(fields), *parts)
        event = _event(
            self.name,
            self.category,
            content,
            to=to,
            key=key,
            about=about,
            expires_at=expires_at,
            now=at,
            notify_actor=self.notify_actor,
        )
        return event if expires_at is not None else self._expiring(event)

    def _expiring(self, event: Event) -> Event:
        if self.expires_in is None:
            return event
        at = _moment(event.created_at + round(self.expires_in * 1000))
        return msgspec.structs.replace(event, expires_at=at, expires_by_kind=True)

    def _rendered_url(self, fields: Mapping[str, Any]) -> str | None:
        if self._url is None:
            return None
        return safe_url(self._url.render(fields, _quote), self._url.where)


def event_from_parts(
    *,
    kind: str,
    category: str,
    texts: Mapping[str, str],
    to: object,
    url: str | None = None,
    actor: object = None,
    object: object = None,
    target: object = None,
    data: Mapping[str, Any] | None = None,
    key: str | None = None,
    about: str | None = None,
    expires_at: int | datetime | None = None,
    notify_actor: bool = False,
    now: int | None = None,
) -> Event:
    """An event that brings its own finished texts, as those do that come over HTTP.

    Nothing is substituted: braces stay.  Raises the same errors as `Kind` and `Kind.event`.
    """
    _check_name(kind, "kind")
    _check_name(category, "category")
    parts = _parts(actor, object, target, data)
    content = Content(_checked_texts(texts, kind), None if url is None else safe_url(url), *parts)
    at = now_ms() if now is None else now
    return _event(
        kind,
        category,
        content,
        to=to,
        key=key,
        about=about,
        expires_at=expires_at,
        now=at,
        notify_actor=notify_actor,
    )


_Parts = tuple[Snapshot | None, Snapshot | None, Snapshot | None, dict[str, Any]]


def _parts(actor: object, object: object, target: object, data: Mapping[str, Any] | None) -> _Parts:
    """Actor, object, target and data, as they go into the content."""
    if data is not None and not isinstance(data, Mapping):
        raise InvalidInput(f"data is a mapping, not {type(data).__name__}")
    return (
        _named(actor, "actor"),
        _named(object, "object"),
        _named(target, "target"),
        plain_data(data) if data else {},
    )


def _fields(
    actor: Snapshot | None, object: Snapshot | None, target: Snapshot | None, data: dict[str, Any]
) -> dict[str, Any]:
    """What texts and urls may name; the four words win over what `data` calls itself."""
    return {
        **data,
        "data": data,
        "actor": _members(actor),
        "object": _members(object),
        "target": _members(target),
    }


def _members(value: Snapshot | None) -> dict[str, str | None] | None:
    if value is None:
        return None
    return {"id": value.id, "name": value.name, "image": value.image, "url": value.url}


def _named(value: object, role: str) -> Snapshot | None:
    if value is None:
        return None
    try:
        return snapshot(value)
    except InvalidInput as error:
        raise type(error)(f"{role}: {error}") from error


def _event(
    kind: str,
    category: str,
    content: Content,
    *,
    to: object,
    key: str | None,
    about: str | None,
    expires_at: int | datetime | None,
    now: int,
    notify_actor: bool,
) -> Event:
    key = _checked_key(key, "key")
    recipients = normalise_recipients(to)
    if content.actor is not None and not notify_actor:
        recipients = tuple(each for each in recipients if each != content.actor.id)
    return Event(
        id=event_id(key, now),
        kind=kind,
        category=category,
        content=content,
        created_at=now,
        recipients=recipients,
        key=key,
        about=_checked_key(about, "about"),
        expires_at=_moment(expires_at),
    )


def _check_name(name: object, what: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidKind(
            f"a {what} is 1 to {MAX_KIND} of a-z, 0-9, dot, dash and underscore, "
            f'like "card.assigned", not {name!r}'
        )


def _check_expiry(seconds: object, kind: str) -> None:
    if seconds is None:
        return
    where = f"kind {kind!r}: expires_in is a number of seconds above 0"
    if isinstance(seconds, timedelta):
        raise InvalidKind(f"{where}, not timedelta; pass its total_seconds()")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise InvalidKind(f"{where}, not {type(seconds).__name__}")
    if not 0 < seconds < MAX_TIME / 1000:
        raise InvalidKind(where)


def _checked_texts(texts: object, kind: str) -> dict[str, str]:
    if not isinstance(texts, Mapping):
        like = clipped(texts, _SHOWN) if isinstance(texts, str) else "…"
        raise InvalidKind(
            f"kind {kind!r} needs texts like {{'en': {like!r}}}, one for each language, "
            f"not {type(texts).__name__}"
        )
    if not 0 < len(texts) <= MAX_LOCALES:
        raise InvalidKind(
            f'kind {kind!r} needs texts like {{"ko": "…", "en": "…"}}, at most {MAX_LOCALES}'
        )
    return {
        _locale(at, kind): _text(text, f"kind {kind!r}, text {at!r}") for at, text in texts.items()
    }


def _locale(locale: object, kind: str) -> str:
    if not isinstance(locale, str) or not _LOCALE.fullmatch(locale):
        raise InvalidKind(f'kind {kind!r}: a locale is like "ko" or "en-GB", not {locale!r}')
    return locale


def _text(text: object, what: str) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
        raise InvalidKind(f"{what} must be a str of 1 to {MAX_TEXT} characters")
    return storable(text, what)


def _parsed(text: str, where: str) -> Template:
    """A template that names nothing which no event can have."""
    template = Template(text, where)
    for role, *rest in template.paths:
        if role == "data" and not rest:
            raise InvalidKind(f"{where}: {{data}} is no text; name one of its fields, {{data.due}}")
        if role in _ROLES and (len(rest) != 1 or rest[0] not in _MEMBERS):
            raise InvalidKind(
                f"{where}: {{{'.'.join([role, *rest])}}} is nothing to read; a snapshot "
                f"has {', '.join(f'{{{role}.{member}}}' for member in _MEMBERS)}"
            )
    return template


def _parsed_url(url: object, kind: str) -> Template | None:
    if url is None:
        return None
    where = f"kind {kind!r}, url"
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise UnsafeUrl(f"{where} must be a str of at most {MAX_URL} characters")
    template = _parsed(url, where)
    # What does not depend on the event is refused here: another scheme, or a field in its place.
    safe_url(template.sample(), where)
    return template


def _quote(value: str) -> str:
    return quote(value, safe="")


def _checked_key(value: object, what: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY or not is_clean(value):
        raise InvalidInput(
            f"{what} is a str of 1 to {MAX_KEY} characters without control characters"
        )
    return str.__str__(value)


def _moment(when: int | datetime | None) -> int | None:
    """Milliseconds since 1970 UTC."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise InvalidInput("expires_at needs a time zone: datetime.now(UTC) has one")
        when = int(when.timestamp() * 1000)
    if type(when) is int and 0 < when < LEAST_MS:
        raise InvalidInput("expires_at is in milliseconds since 1970, not seconds")
    if when is None or (type(when) is int and 0 < when <= MAX_TIME):
        return when
    raise InvalidInput("expires_at is a datetime or milliseconds since 1970, before the year 10000")
