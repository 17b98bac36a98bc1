"""Secrets: written out, or `@file`, so that they need not stand in a process listing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alimi.errors import ConfigurationError

#: One in use and one that is being rotated out or in.
MAX_SECRETS = 2
MIN_USER_SECRET = 32
#: A file of secrets holds a line or two.
_MAX_FILE = 4_096


def read(written: Iterable[str], name: str) -> list[str]:
    """What was written, with `@file` replaced by the lines of that file.

    Raises ConfigurationError for an unreadable file and for more than two.  No secret is in a text.
    """
    found = [line for each in written for line in _lines(each, name)]
    if len(found) > MAX_SECRETS:
        raise ConfigurationError(f"{name} takes at most {MAX_SECRETS}: the new one and the old one")
    return found


def read_one(written: str, name: str) -> str:
    """The one secret that was written, or stands in the file."""
    found = read([written], name)
    if len(found) != 1:
        raise ConfigurationError(f"{name} takes exactly one line")
    return found[0]


def user_secrets(written: Iterable[str]) -> list[bytes]:
    """What user tokens are signed with.  Raises ConfigurationError when there is none."""
    found = [secret.encode() for secret in read(written, "user_secrets")]
    if not found:
        raise ConfigurationError(
            "there is no secret for user tokens: run `alimi init` once, which writes alimi.toml, "
            "or set ALIMI_USER_SECRETS to at least 32 random characters"
        )
    if any(len(secret) < MIN_USER_SECRET for secret in found):
        raise ConfigurationError(
            f"a secret for user tokens has at least {MIN_USER_SECRET} bytes; "
            "`openssl rand -hex 32` makes one"
        )
    return found


def _lines(written: str, name: str) -> list[str]:
    if not written.startswith("@"):
        return [written]
    path = Path(written[1:])
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"{name}: {path} cannot be read: {reason}") from None
    if len(text) > _MAX_FILE:
        raise ConfigurationError(f"{name}: {path} is larger than {_MAX_FILE} characters")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ConfigurationError(f"{name}: {path} is empty")
    return lines
