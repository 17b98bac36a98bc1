"""A tiny inbox in memory: what the design says, as plainly as it can be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Row:
    version: int
    born: int
    about: str | None
    read: bool = False
    seen: bool = False
    archived: bool = False
    deleted: bool = False

    @property
    def live(self) -> bool:
        return not self.archived and not self.deleted

    def state(self) -> tuple[int, int, bool, bool, bool, bool]:
        return self.version, self.born, self.deleted, self.read, self.seen, self.archived


@dataclass
class Inbox:
    head: int = 0
    seen_upto: int = 0
    floor: int = 0
    rows: dict[str, Row] = field(default_factory=dict)

    def unread(self) -> int:
        return sum(row.live and not row.read for row in self.rows.values())

    def unseen(self) -> int:
        return sum(row.live and not row.seen for row in self.rows.values())

    def add(self, name: str, about: str | None) -> None:
        self.head += 1
        self.rows[name] = Row(self.head, self.head, about)

    def change(self, wanted: Callable[[str, Row], bool], do: Callable[[Row], None]) -> int:
        found = [row for name, row in self.rows.items() if not row.deleted and wanted(name, row)]
        self.head += bool(found)
        for row in found:
            do(row)
            row.version = self.head
        return len(found)

    def mark(self, action: str, target: str, value: object) -> int:
        def wanted(name: str, row: Row) -> bool:
            return self._targeted(action, target, value, name, row) and _eligible(action, row)

        return self.change(wanted, lambda row: _do(action, row))

    def _targeted(self, action: str, target: str, value: object, name: str, row: Row) -> bool:
        if target == "ids":
            return name in value  # type: ignore[operator]
        if target == "at":
            return row.version == value
        shown = row.archived == (action == "unarchive")
        return shown and row.born <= value  # type: ignore[operator]

    def see(self, upto: int) -> int:
        upto = min(upto, self.head)
        passed = [row for row in self.rows.values() if self.seen_upto < row.born <= upto]
        count = sum(row.live and not row.seen for row in passed)
        if count:
            self.head += 1
            self.seen_upto = upto
            for row in passed:
                row.seen = True
        return count

    def retract(self, about: str) -> int:
        return self.change(
            lambda _, row: row.about == about and not row.read, lambda row: _do("delete", row)
        )

    def prune(self) -> None:
        gone = {name: row.version for name, row in self.rows.items() if row.deleted}
        self.floor = max([self.floor, *gone.values()])
        for name in gone:
            del self.rows[name]


def _eligible(action: str, row: Row) -> bool:
    return {
        "read": not row.read,
        "unread": row.read,
        "archive": not row.archived,
        "unarchive": row.archived,
        "delete": True,
    }[action]


def _do(action: str, row: Row) -> None:
    if action in {"read", "unread"}:
        row.read = action == "read"
        row.seen = row.seen or row.read
    elif action == "delete":
        row.deleted = True
    else:
        row.archived = action == "archive"
