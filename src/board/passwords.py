"""Passwords: argon2id, off the loop, a few at a time."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

#: Each verification takes 64 MiB for a moment; this is what a flood of logins may take together.
AT_ONCE = 4

_hasher = PasswordHasher()


class Passwords:
    """Hashes and checks; bounded, because hashing is made to be expensive."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def matches(self, kept: str | None, given: str) -> bool:
        """Whether `given` is the password; None stands for a user who does not exist."""
        async with self._turns:
            right = await asyncio.to_thread(_verify, kept, given)
        return right and kept is not None


def hash_password(password: str) -> str:
    """What is kept of a password; takes some 50 ms on purpose."""
    return _hasher.hash(password)


@cache
def _nobodys() -> str:
    """Checked when a user does not exist: the answer takes as long as for one who does."""
    return hash_password("nobody has this password")


def _verify(kept: str | None, given: str) -> bool:
    try:
        return _hasher.verify(kept or _nobodys(), given)
    except (Argon2Error, InvalidHashError):
        return False
