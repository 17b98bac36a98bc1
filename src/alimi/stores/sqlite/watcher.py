"""Noticing that somebody, in whatever process, may have put something into the outbox."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from alimi.stores.sqlite.connections import as_alimi_error, connect_reader, is_busy
from alimi.stores.sqlite.sql import SQL


class Watcher:
    """A connection that only looks; `PRAGMA data_version` takes 3 µs, so it may run on the loop."""

    def __init__(self, path: Path) -> None:
        self._db = connect_reader(path, seconds=0)  # a loop cannot wait
        self._lock = threading.Lock()  # several loops, each in its thread, may share a store
        self._empty_at: int | None = None

    def pending(self, counted: int) -> bool:
        """Whether the outbox holds anything, or others have changed inboxes since `counted`.

        Looks again only after somebody's commit.
        """
        with self._lock:
            try:
                return self._look(counted)
            except sqlite3.Error as error:
                if is_busy(error):  # the log is being recovered: better look than not
                    return True
                raise as_alimi_error(error) from error

    def _look(self, counted: int) -> bool:
        # Read before the look: a commit between the two then shows as another number next time.
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._empty_at:
            return False
        waiting, changes = self._db.execute(SQL["look"]).fetchone()
        found = bool(waiting) or changes > counted
        self._empty_at = None if found else version
        return found

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
