"""The present moment, and the ids of events."""

from __future__ import annotations

import hashlib
import os
import time


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def event_id(key: str | None = None, now: int | None = None) -> str:
    """A UUID: version 7 (rising with time), or version 8 that follows from `key` alone."""
    if key is None:
        return _uuid(f"{now_ms() if now is None else now:012x}{_random_digits()}", "7")
    return _uuid(hashlib.sha256(b"alimi.key\0" + key.encode()).hexdigest(), "8")


def _uuid(digits: str, version: str) -> str:
    variant = _VARIANT[digits[16]]
    return (
        f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}"
        f"-{variant}{digits[17:20]}-{digits[20:32]}"
    )


#: The first two bits of the ninth byte are 1 and 0.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
#: Random digits for some hundred ids: to ask the system for each id took a fifth of an event.
_random: list[str] = []
# A child must not give the ids that its parent gives.
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_random.clear)


def _random_digits() -> str:
    """Twenty hexadecimal digits; taking one from a list is safe in every thread."""
    while True:
        try:
            return _random.pop()
        except IndexError:
            digits = os.urandom(5_120).hex()
            _random.extend(digits[at : at + 20] for at in range(0, len(digits), 20))
