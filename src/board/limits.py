"""How often somebody may try a password; bounded in memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

#: Wrong passwords per minute for one user from one place, and from one place for all users.
PER_USER = 10
PER_PLACE = 40
WINDOW_SECONDS = 60.0
#: Places remembered.  Beyond it the longest unused is forgotten: a flood may free its own places,
#: but never the memory of this process.
MAX_PLACES = 10_000


class LoginLimit:
    """Counts attempts.  A right password gives its attempt back: use locks nobody out.

    The attempt is taken before the password is checked; otherwise many at once would all pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def take(self, user: str, address: str) -> float | None:
        """None, or the seconds to wait."""
        waits = [self._wait(key, most) for key, most in self._keys(user, address)]
        if any(waits):
            return max(waits)
        for key, _ in self._keys(user, address):
            self._add(key, 1)
        return None

    def give_back(self, user: str, address: str) -> None:
        """The password was right."""
        for key, _ in self._keys(user, address):
            self._add(key, -1)

    def __len__(self) -> int:
        return len(self._buckets)

    def _keys(self, user: str, address: str) -> list[tuple[tuple[str, str], int]]:
        place = place_of(address)
        return [((place, user), PER_USER), ((place, ""), PER_PLACE)]

    def _wait(self, key: tuple[str, str], most: int) -> float:
        since, count = self._buckets.get(key, (0.0, 0))
        left = since + WINDOW_SECONDS - self._clock()
        return left if count >= most and left > 0 else 0.0

    def _add(self, key: tuple[str, str], change: int) -> None:
        now = self._clock()
        since, count = self._buckets.pop(key, (now, 0))
        if since + WINDOW_SECONDS <= now:
            since, count = now, 0
        self._buckets[key] = (since, max(0, count + change))
        while len(self._buckets) > MAX_PLACES:
            self._buckets.popitem(last=False)


def place_of(address: str) -> str:
    """One place on the network: an IPv4 address, or the 64 bits that an IPv6 household shares."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
