"""What strangers can bring about is logged sparingly: nobody outside may fill the log (G8)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

#: Seconds; an operator who looks has a line of each kind that is not older.
_EVERY = 60


class Sparing:
    """Writes at most one line a minute for each key, and in it how many were kept back.

    Keys are the caller's own, and few: nothing that a stranger sends may be one.
    """

    def __init__(
        self, log: logging.Logger, level: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._level = level
        self._clock = clock
        #: Key -> when it may be said again, and how often it was not.
        self._said: dict[str, tuple[float, int]] = {}

    def say(self, key: str, text: str, *args: object, exc_info: bool = False) -> None:
        """Log `text % args`, unless this was said lately."""
        now = self._clock()
        again_at, kept_back = self._said.get(key, (now, 0))
        if now < again_at:
            self._said[key] = (again_at, kept_back + 1)
            return
        self._said[key] = (now + _EVERY, 0)
        if kept_back:
            text, args = text + " (and %d times since it was last told)", (*args, kept_back)
        self._log.log(self._level, text, *args, exc_info=exc_info)
