"""User tokens: a JWT signed with HS256 and a shared secret.

The algorithm is fixed: what a token's header says about it is never followed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import jwt

from alimi.errors import AlimiError
from alimi.model import Identity, is_clean, normalise_recipient
from alimi.web.request import Request

logger = logging.getLogger("alimi.cli")

ALGORITHM = "HS256"
#: Where a token may stand without `Authorization`: an EventSource can send no header.
COOKIE = "alimi_token"
#: A handful of claims; the rest of the header's space is for others.
MAX_TOKEN = 4_096
#: "zh-Hant-TW" and longer; a session id is often a UUID or a hash.
_MAX_LOCALE, _MAX_SESSION = 35, 256
#: The year 9999; later is a mistake of who made the token.
_MAX_EXP = 253_402_300_799


def make(
    recipient: object,
    secret: bytes,
    *,
    audience: str,
    now: int,
    seconds: int,
    locale: str | None = None,
    session: str | None = None,
) -> str:
    """A token for one recipient, for so many seconds.  Raises InvalidRecipient."""
    claims: dict[str, Any] = {
        "sub": normalise_recipient(recipient),
        "aud": audience,
        "iat": now,
        "exp": now + seconds,
    }
    extra = {"locale": locale, "jti": session}
    claims |= {name: value for name, value in extra.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


class TokenWho:
    """The server's `who`: the recipient that a valid token names."""

    def __init__(self, secrets: Sequence[bytes], *, audience: str, leeway: float) -> None:
        self._secrets = secrets
        self._audience = audience
        self._leeway = leeway

    async def __call__(self, request: Request) -> Identity | None:
        """None for no token and for one that is not valid.

        A bearer token that is not valid is not made good by a cookie.
        """
        token = request.bearer or request.cookies.get(COOKIE)
        return None if token is None else self.identity(token)

    def identity(self, token: str) -> Identity | None:
        """Whom the token names; None unless it is signed, meant for us, and in its time."""
        try:
            if len(token) > MAX_TOKEN:
                raise _Refused(f"it is longer than {MAX_TOKEN} characters")
            return self._identity(self._claims(token))
        except (jwt.PyJWTError, AlimiError, ValueError, OverflowError) as error:
            # Whoever integrates looks here for the reason; the caller is told nothing (G7).  It
            # may repeat what the token's header says, which must not look like lines of ours.
            logger.info("alimi: refused a user token: %.200r", str(error))
            return None

    def _claims(self, token: str) -> dict[str, Any]:
        """By the first secret that fits; two are known while they are rotated."""
        *others, last = self._secrets
        for secret in others:
            with contextlib.suppress(jwt.InvalidSignatureError):
                return self._signed(token, secret)
        return self._signed(token, last)

    def _signed(self, token: str, secret: bytes) -> dict[str, Any]:
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=self._audience,
            leeway=self._leeway,
            options={"require": ["sub", "exp", "aud"]},
        )

    def _identity(self, claims: dict[str, Any]) -> Identity:
        locale, session = claims.get("locale"), claims.get("jti")
        ends = int(claims["exp"]) + self._leeway
        if not _is_short(locale, _MAX_LOCALE) or not _is_short(session, _MAX_SESSION):
            raise _Refused("its locale or jti is no short string")
        recipient = normalise_recipient(claims["sub"])
        expires_at = round(min(ends, _MAX_EXP) * 1000)
        return Identity(recipient, locale, session, expires_at)


class _Refused(ValueError):
    """A token is signed and still not to be used."""


def _is_short(value: object, limit: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= limit and is_clean(value))
