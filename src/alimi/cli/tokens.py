"""User tokens: a JWT signed with HS256 and a shared secret.

The algorithm is fixed: what a token's header says about it is never followed.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from alimi.errors import AlimiError, InvalidRecipient
from alimi.model import Identity, is_clean, normalise_recipient
from alimi.sparing import Sparing
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

    def __init__(
        self,
        secrets: Sequence[bytes],
        *,
        audience: str,
        leeway: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = secrets
        self._audience = audience
        self._leeway = leeway
        self._log = Sparing(logger, logging.INFO, clock=clock)

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
            # Whoever integrates looks here for the reason; the caller is told nothing (G7).
            key, reason = self._why(error)
            self._log.say(key, "alimi: refused a user token: %s", reason)
            return None

    def _why(self, error: Exception) -> tuple[str, str]:
        """A name of the reason, and what an operator is told: never what the token says."""
        match error:
            case jwt.InvalidSignatureError():
                return "secret", "it is signed with none of user_secrets"
            case jwt.InvalidAlgorithmError():
                return "alg", f"its alg is not {ALGORITHM}"
            case jwt.ExpiredSignatureError():
                return "exp", f"its exp has passed, by more than leeway_seconds ({self._leeway:g})"
            case jwt.ImmatureSignatureError():
                return "nbf", "its nbf or iat lies in the future: compare the clocks"
            case jwt.InvalidAudienceError():
                return "aud", f"its aud does not name audience ({self._audience})"
            case jwt.MissingRequiredClaimError():
                return f"no {error.claim}", f"it has no {error.claim}"
            case InvalidRecipient():
                return "recipient", f"its sub is no recipient: {error}"
            case _Refused():
                return str(error), str(error)
            case jwt.DecodeError():
                return "form", "it is no JSON Web Token, or its exp, nbf or iat is no number"
            case _:
                return (
                    "other",
                    "its sub or jti is no string, or its header asks for what is not done here",
                )

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
