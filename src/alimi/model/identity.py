"""Whom it concerns: recipients, and what `who(request)` answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from alimi.errors import InvalidIdentity, InvalidRecipient
from alimi.model.texts import is_clean

#: Long enough for a UUID, an e-mail address or a URN; short enough for an index key.
MAX_RECIPIENT = 128
#: So long the locale and the session of an identity may be.
_MAX_FIELD = 256


#: In milliseconds this is March 1973, in seconds the year 5138: a smaller number is in seconds.
LEAST_MS = 100_000_000_000


def normalise_recipient(value: object) -> str:
    """The one door for recipient ids: numbers become text, and nothing else is done to them.

    Raises InvalidRecipient for a bool (a bug in the caller, never a user), anything but int or str,
    an empty or over-long string, control characters and lone surrogates.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidRecipient(f"a recipient is an int or a str, not {_stranger(value)}")
    try:
        recipient = str(value)
    except ValueError:  # Python writes no number of thousands of digits
        raise InvalidRecipient from None
    if type(value) is int and len(recipient) <= MAX_RECIPIENT:
        return recipient
    if not recipient or len(recipient) > MAX_RECIPIENT or not is_clean(recipient):
        raise InvalidRecipient
    return recipient


def _stranger(value: object) -> str:
    """The type of what is no recipient, and what to do about it where something can be done."""
    given = type(value).__name__
    if value is None or isinstance(value, (bool, bytes, Mapping)):
        return given
    return f"{given}; pass str(value), or its id"


def normalise_recipients(to: object) -> tuple[str, ...]:
    """One recipient, several, or None (nobody); duplicates count once, order is kept."""
    if to is None:
        return ()
    if isinstance(to, (str, int)):
        return (normalise_recipient(to),)
    if isinstance(to, (bytes, Mapping)) or not isinstance(to, Iterable):
        raise InvalidRecipient(f"to= takes a recipient or several, not {_stranger(to)}")
    return tuple(dict.fromkeys(normalise_recipient(each) for each in to))


class Identity(msgspec.Struct, frozen=True):
    """What `who(request)` answers: whose inbox, in which language, under which session.

    `session` names the login, so that `end_streams(recipient, session=…)` ends only its streams.
    `expires_at` (ms) ends streams when the login does.
    """

    recipient: str
    locale: str | None = None
    session: str | None = None
    expires_at: int | None = None

    def __post_init__(self) -> None:
        """Raises InvalidIdentity for a field of another type: it would fail later, far from here.

        The recipient goes through its own door in `of`.
        """
        for name, value in (("locale", self.locale), ("session", self.session)):
            given: object = value
            if given is not None and (not isinstance(given, str) or len(given) > _MAX_FIELD):
                raise InvalidIdentity(
                    f"Identity.{name} is a str of at most {_MAX_FIELD} characters"
                )
        expires_at: object = self.expires_at
        if expires_at is not None and type(expires_at) is not int:
            raise InvalidIdentity("Identity.expires_at is an int: milliseconds since 1970")
        if self.expires_at is not None and 0 < self.expires_at < LEAST_MS:
            raise InvalidIdentity("Identity.expires_at is in milliseconds since 1970, not seconds")

    @classmethod
    def of(cls, answer: object) -> Identity | None:
        """Normalise an answer of `who`; raises InvalidIdentity for what cannot be one."""
        if answer is None:
            return None
        if isinstance(answer, Identity):
            return msgspec.structs.replace(answer, recipient=normalise_recipient(answer.recipient))
        if isinstance(answer, bool) or not isinstance(answer, (str, int)):
            raise InvalidIdentity(
                f"who() must answer a str, an int, an Identity or None, not {type(answer).__name__}"
            )
        return cls(normalise_recipient(answer))
