"""The one thread that writes: a bounded queue, group commit, its own patience with the lock.

All jobs that wait when the lock is had share one transaction and so one fsync.  When one of them
fails the group is rolled back and each is run again by itself, so a failing job fails alone; a job
therefore touches nothing but the database before it has returned.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from alimi.errors import StoreClosed, StoreError, StoreFull
from alimi.stores.sqlite.connections import as_alimi_error, begin, rollback
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], Any]

#: A group takes no further job after this long, so that other processes get the lock.
GROUP_SECONDS = 0.005
#: After a group, when more wait: let others have the lock for a part of the time we held it.
BREATH = 0.1
MAX_BREATH_SECONDS = 0.001


class Job:
    """Some work, and who waits for it on which loop."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Work, loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Runs jobs in transactions; after each commit `committed` hears the change counter."""

    def __init__(
        self, db: sqlite3.Connection, *, bound: int, committed: Callable[[int], None]
    ) -> None:
        self._db = db
        self._bound = bound
        self._committed = committed
        self._jobs: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._died: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="alimi-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that no group has taken yet."""
        return len(self._jobs)

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in a transaction; returns when it is committed."""
        job = Job(work, asyncio.get_running_loop())
        with self._wake:
            self._refuse()
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._wake.notify()
        result: T = await job.future
        return result

    def _refuse(self) -> None:
        if self._died is not None:
            raise StoreError(f"the writer thread died: {self._died!r}")
        if self._closing:
            raise StoreClosed
        if len(self._jobs) >= self._bound:
            raise StoreFull

    def close(self) -> None:
        """Finish what waits, then end the thread and the connection.  Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._db.close()

    def _live(self) -> None:
        try:
            while self._wait():
                started = time.monotonic()
                settle(self._group())
                if self._jobs:
                    held = time.monotonic() - started
                    time.sleep(min(MAX_BREATH_SECONDS, held * BREATH))
        except BaseException as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            self._die(error)

    def _wait(self) -> bool:
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            return bool(self._jobs)

    def _die(self, error: BaseException) -> None:
        with self._wake:
            self._died = error
            waiting, self._jobs = list(self._jobs), deque()
        settle(_failed(waiting, StoreError(f"the writer thread died: {error!r}")))

    def _group(self) -> list[Job]:
        """One transaction for what waits; answers the jobs that are done, well or not."""
        waiting = len(self._jobs)
        try:
            begin(self._db)
        except Exception as error:  # noqa: BLE001 - the callers hear it
            # Who came meanwhile has not waited long enough to be refused.
            return _failed([self._jobs.popleft() for _ in range(waiting)], error)
        taken: list[Job] = []
        try:
            self._transact(taken)
        except Exception as error:  # noqa: BLE001 - the callers hear it
            rollback(self._db)
            if len(taken) == 1:
                return _failed(taken, error)
            return [self._alone(job) for job in taken]
        return taken

    def _transact(self, taken: list[Job]) -> None:
        tx, before = Transaction.on(self._db), self._db.total_changes
        until = time.monotonic() + GROUP_SECONDS
        while self._jobs and (not taken or time.monotonic() < until):
            job = self._jobs.popleft()
            taken.append(job)
            job.result = job.work(tx)
        self._commit(before)

    def _alone(self, job: Job) -> Job:
        job.result = None
        try:
            begin(self._db)
            before = self._db.total_changes
            job.result = job.work(Transaction.on(self._db))
            self._commit(before)
        except Exception as error:  # noqa: BLE001 - the caller hears it
            rollback(self._db)
            job.error = error
        return job

    def _commit(self, before: int) -> None:
        """Commit; what changed nothing costs no fsync and no count."""
        if self._db.total_changes == before:
            self._db.execute("COMMIT")
            return
        self._db.execute(SQL["bump"])
        (count,) = self._db.execute(SQL["changes_made"]).fetchone()
        self._db.execute("COMMIT")
        self._committed(count)


def _failed(jobs: Sequence[Job], error: BaseException) -> list[Job]:
    for job in jobs:
        job.error = error
    return list(jobs)


def settle(jobs: Sequence[Job]) -> None:
    """Tell the waiting, with one call per loop: each costs a system call that wakes it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, its in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, its)
        except RuntimeError:  # the loop was closed; nobody waits there any more
            continue


def _resolve(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(as_alimi_error(job.error))
