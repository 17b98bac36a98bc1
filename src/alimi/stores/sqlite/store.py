"""The SQLite store: the verbs of the contract, each handed to the thread that does it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from alimi.errors import ConfigurationError, StoreClosed, StoreError
from alimi.model import (
    MAX_WAITING,
    Applied,
    Changes,
    Entry,
    Mark,
    Marked,
    Page,
    PageQuery,
    Positions,
    Receipt,
    Retention,
    Swept,
    Waiting,
)
from alimi.store import Joined, Recording, Report
from alimi.stores.sqlite import epoch, feed, marks, outbox, schema, upkeep, within
from alimi.stores.sqlite.apply import apply
from alimi.stores.sqlite.connections import (
    Synchronous,
    as_alimi_error,
    begin,
    connect_reader,
    connect_writer,
    is_busy,
    rollback,
    use_wal,
)
from alimi.stores.sqlite.file import DatabaseFile
from alimi.stores.sqlite.news import News
from alimi.stores.sqlite.readers import Readers
from alimi.stores.sqlite.recorder import Recorder
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.sweep import Roll, sweep
from alimi.stores.sqlite.watcher import Watcher
from alimi.stores.sqlite.writer import MERGE, Writer

P = ParamSpec("P")
T = TypeVar("T")

#: Writes, and reads, that may wait at once; each holds a few hundred bytes to a few kilobytes.
QUEUE_BOUND = 10_000


class SQLiteStore:
    """Outbox and inboxes in one SQLite file; implements Store, Outbox and Maintenance."""

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Synchronous = "FULL",
        auto_migrate: bool = True,
        queue_bound: int = QUEUE_BOUND,
        at_once: int = 0,
    ) -> None:
        self._path = database_path(path)
        if synchronous not in upkeep.DURABILITY:
            raise ConfigurationError(f"synchronous is one of {', '.join(upkeep.DURABILITY)}")
        self._synchronous: Synchronous = synchronous
        self._auto_migrate = auto_migrate
        self._bound = queue_bound
        self._at_once = at_once
        self._parts: _Parts | None = None
        self._opening = threading.Lock()  # several loops, each in its thread, may share a store

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    @property
    def _open(self) -> _Parts:
        if self._parts is None:
            raise StoreClosed
        return self._parts

    async def open(self) -> None:
        """Connect; at the first start create the file and its tables."""
        if self._parts is None:
            await asyncio.to_thread(self._start)

    def _start(self) -> None:
        with self._opening:
            if self._parts is not None:
                return
            try:
                self._parts = _Parts(
                    self._path,
                    self._synchronous,
                    auto_migrate=self._auto_migrate,
                    bound=self._bound,
                    at_once=self._at_once,
                )
            except (sqlite3.Error, OSError) as error:
                raise _cannot_open(self._path, error) from error

    async def close(self) -> None:
        """Finish what was accepted, then let go."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        with self._opening:
            parts, self._parts = self._parts, None
            if parts is not None:
                parts.close()

    async def append(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write to the outbox, durably (G1)."""
        parts = self._open
        prepared = outbox.prepare(entries)
        weight = sum(each.size for each in prepared)
        return await parts.writer.merge(parts.recorder.append, prepared, weight)

    async def apply(self, limit: int, followed: Callable[[str], bool] | None = None) -> Applied:
        """Claim entries in order and move them to the inboxes."""
        parts = self._open
        if parts.news.waiting:
            more = parts.watcher.pending(parts.writer.counted)
        else:
            more = await parts.writer.run(lambda tx: apply(tx, limit))
        # The batch itself comes this way too: all that is told is told in the order of commits.
        taken = parts.news.take(limit)
        return taken.told(followed, more=more or parts.news.waiting)

    async def pending(self) -> bool:
        """Whether `apply` might find something."""
        parts = self._open
        return parts.news.waiting or parts.watcher.pending(parts.writer.counted)

    async def waiting(self) -> Waiting:
        """What is in the outbox, from a real read."""
        parts = self._open

        def read(db: sqlite3.Connection) -> Waiting:
            parts.file.check()
            return Waiting(*db.execute(SQL["waiting_count"], (MAX_WAITING,)).fetchone())

        return await parts.pages.run(read)

    async def changes_after(
        self, wanted: Sequence[tuple[str, int | None]], limit: int
    ) -> list[Changes]:
        """What changed in each inbox after its position."""
        return await self._open.feed.run(partial(feed.changes_after, wanted=wanted, limit=limit))

    async def page(self, recipient: str, query: PageQuery) -> Page:
        """Rows, counts and head from one snapshot."""
        return await self._open.pages.run(partial(feed.page, recipient=recipient, query=query))

    async def mark(self, recipient: str, mark: Mark) -> Marked:
        """Change rows under one new version."""
        return await self._open.writer.run(lambda tx: marks.mark(tx, recipient, mark))

    async def positions(self, recipients: Sequence[str]) -> Positions:
        """The epoch and the heads."""
        parts = self._open

        def read(db: sqlite3.Connection) -> Positions:
            parts.file.check()
            return feed.positions(db, recipients)

        return await parts.feed.run(read)

    async def sweep(self, now: int, retention: Retention, limit: int) -> Swept:
        """One bounded step of expiry, retention and pruning."""
        parts = self._open
        return await parts.writer.run(lambda tx: sweep(tx, now, retention, limit, parts.roll))

    def write(self, joined: Joined, entries: Sequence[Entry]) -> Recording:
        """INSERT inside the application's transaction (G2)."""
        return within.write(self._path, joined, entries)

    async def migrate(self) -> list[str]:
        """Apply pending migrations."""
        return await _look_after(upkeep.migrate, self._path)

    def pending_sql(self) -> str:
        """The SQL that `migrate` would run now."""
        return upkeep.pending_sql(self._path)

    async def inspect(self) -> Report:
        """Look, change nothing."""
        return await _look_after(upkeep.inspect, self._path, self._synchronous)

    async def is_empty(self) -> bool:
        """Whether nobody was ever told of anything."""
        return await _look_after(upkeep.is_empty, self._path)

    async def renew_epoch(self) -> str:
        """Make every cursor out there worthless, so that clients reload."""
        return await _look_after(upkeep.renew_epoch, self._path)


async def _look_after(
    verb: Callable[Concatenate[Path, P], T], path: Path, *args: P.args, **kwargs: P.kwargs
) -> T:
    try:
        return await asyncio.to_thread(verb, path, *args, **kwargs)
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error


class _Parts:
    """What an open store consists of."""

    def __init__(
        self,
        path: Path,
        synchronous: Synchronous,
        *,
        auto_migrate: bool,
        bound: int,
        at_once: int,
    ) -> None:
        self._path = path
        with ExitStack() as opened:
            db = opened.enter_context(closing(connect_writer(path, synchronous)))
            use_wal(db)
            if auto_migrate:
                schema.migrate(db)
            schema.check(db)
            # Only now, beside what is a database of ours.
            self._sidecar = opened.enter_context(closing(_remembering(db, path)))
            self.watcher = opened.enter_context(closing(Watcher(path)))
            opened.pop_all()
        self.roll = Roll()
        self.file = DatabaseFile(path)
        # Streams never wait behind pages, of which a filter may walk an inbox to its end.  Two
        # threads keep one such page from the others; more would only fight for the interpreter.
        self.feed = Readers(self._reader, "feed", threads=1, bound=bound)
        self.pages = Readers(self._reader, "pages", threads=2, bound=bound)
        self.news = News()
        self.recorder = Recorder(at_once, self.news)
        self.writer = Writer(
            db,
            self.file,
            bound=bound,
            merge=min(at_once or MERGE, MERGE),
            committed=self._sidecar.remember,
            applied=self.news.add,
        )

    def _reader(self) -> sqlite3.Connection:
        self.file.check()
        return connect_reader(self._path)

    def close(self) -> None:
        """Blocks until what was accepted is done.  The writer goes last: its end checkpoints."""
        self.feed.close()
        self.pages.close()
        self.watcher.close()
        self.writer.close()
        self._sidecar.close()


def _remembering(db: sqlite3.Connection, path: Path) -> epoch.Sidecar:
    """The memory beside the file, compared with it."""
    sidecar = epoch.Sidecar(epoch.sidecar_path(path))
    try:
        begin(db)
        epoch.check(db, sidecar)
        db.execute("COMMIT")
    except BaseException:
        rollback(db)
        sidecar.close()
        raise
    return sidecar


def database_path(path: str | Path) -> Path:
    """A file, for sure: an in-memory database is another one for each connection."""
    text = str(path)
    if not text or ":memory:" in text or "mode=memory" in text or text.startswith("file:"):
        raise ConfigurationError(
            f"Alimi needs a database file, not {text!r}: several connections share it."
        )
    return Path(text).absolute()


def _cannot_open(path: Path, error: BaseException) -> BaseException:
    """What to tell somebody who named this path; it stands in every sentence."""
    if isinstance(error, sqlite3.Error) and is_busy(error):
        return as_alimi_error(error)
    if path.is_dir():
        return StoreError(f"cannot open {path}: it is a directory; name a file in it")
    if not path.parent.is_dir():
        return StoreError(f"cannot open {path}: there is no directory {path.parent}")
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return StoreError(f"cannot open {path}: it is no SQLite database; name another file")
    return StoreError(f"cannot open {path}: {error}")
