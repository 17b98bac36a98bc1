"""The file itself: whether the path still leads to what was opened."""

from __future__ import annotations

from pathlib import Path

from alimi.errors import StoreError


class DatabaseFile:
    """What lay at the path when it was opened.

    SQLite does not mind when its file is moved or deleted: it goes on, in a file without a name,
    and what was answered is gone at the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _identity(path)
        #: Whether the last look found another file or none.
        self.lost = False

    def check(self) -> None:
        """Raises StoreError when the path leads elsewhere now; takes 1 µs."""
        found = _identity(self._path)
        self.lost = found != self._opened
        if self.lost:
            what = "deleted or moved away" if found is None else "replaced by another file"
            raise StoreError(
                f"the database {self._path} was {what} while it was open: nothing more is"
                " recorded. Stop the application before a restore, and start it again now."
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
