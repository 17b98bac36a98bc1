"""API keys of the events API."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from alimi.errors import ConfigurationError
from alimi.web.problems import Problem
from alimi.web.request import Request

#: 32 characters of hex are 128 bits; anything shorter invites guessing.
MIN_KEY = 32


class ApiKeys:
    """Keys that may write events; two at a time allow rotation without a gap."""

    def __init__(self, keys: Iterable[str]) -> None:
        if isinstance(keys, str):
            raise ConfigurationError("api_keys takes several keys: api_keys=[key]")
        self._digests = [_digest(_checked(key)) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def demand(self, request: Request) -> None:
        """Raise Problem 401 unless the request bears one of the keys."""
        given = _digest(request.bearer or "")
        # All are compared, each in constant time: time tells neither a key nor which one it was.
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]
        if not any(matches):
            raise Problem(
                "invalid-api-key",
                "Send Authorization: Bearer and an API key.",
                headers={"WWW-Authenticate": 'Bearer realm="alimi"'},
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _checked(key: str) -> str:
    if not isinstance(key, str) or len(key) < MIN_KEY:
        raise ConfigurationError(f"an API key has at least {MIN_KEY} characters")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("an API key is printable ASCII without spaces")
    return key
