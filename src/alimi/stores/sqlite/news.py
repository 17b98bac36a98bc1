"""What the writer has applied and no relay has fetched yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from alimi.stores.sqlite.moves import Done

#: Notifications that may wait to be fetched, about a kilobyte each; then events go to the outbox
#: again, where they cost no memory.
BOUND = 20_000


class News:
    """In the order of the commits; filled by the writer's thread, fetched from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._committed: deque[Done] = deque()
        self._size = 0

    @property
    def waiting(self) -> bool:
        """Whether there is anything to fetch."""
        return bool(self._committed)

    @property
    def full(self) -> bool:
        """Whether too much waits already."""
        return self._size >= BOUND

    def add(self, committed: Sequence[Done]) -> None:
        """What one transaction did."""
        with self._lock:
            for each in committed:
                if each.notifications or not self._committed:
                    self._committed.append(each)
                else:  # where nobody fetches, what has no size must not pile up
                    self._committed[-1].add(each)
                self._size += each.notifications

    def take(self, limit: int) -> Done:
        """The next, about `limit` notifications: hub and bus take them in one turn of the loop."""
        taken = Done()
        with self._lock:
            while self._committed and taken.notifications < limit:
                taken.add(self._committed.popleft())
            self._size -= taken.notifications
        return taken
