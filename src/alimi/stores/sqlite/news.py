"""What the writer has applied and no relay has fetched yet."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from alimi.model import Applied
from alimi.stores.sqlite.moves import Done, Followed

#: Notifications that may wait to be fetched, about a kilobyte each; then events go to the outbox
#: again, where they cost no memory.
BOUND = 20_000


class News:
    """In the order of the commits; filled by the writer's thread, fetched from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = Done()
        self._waiting = False

    @property
    def waiting(self) -> bool:
        """Whether there is anything to fetch."""
        return self._waiting

    @property
    def full(self) -> bool:
        """Whether too much waits already."""
        return self._next.notifications >= BOUND

    def add(self, committed: Iterable[Done]) -> None:
        """What one transaction did."""
        with self._lock:
            for applied in committed:
                self._next.add(applied)
                self._waiting = True

    def take(self, followed: Followed | None) -> Applied:
        """Everything there is, as if one batch had done it; changes of those that are followed."""
        with self._lock:
            taken, self._next = self._next, Done()
            self._waiting = False
        for moves in taken.moves:
            moves.add_to(taken, followed)
        return taken
