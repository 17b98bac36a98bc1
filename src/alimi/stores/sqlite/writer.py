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
from alimi.stores.sqlite.file import DatabaseFile
from alimi.stores.sqlite.moves import Done
from alimi.stores.sqlite.transaction import Transaction

T = TypeVar("T")
L = TypeVar("L")
Work = Callable[[Transaction], Any]
#: Does what several jobs bring in few statements; answers one result for each.
Merged = Callable[[Transaction, Sequence[Any]], Sequence[Any]]

#: A group takes no further job after this long, so that other processes get the lock.
GROUP_SECONDS = 0.005
#: What jobs that are merged weigh together: below 4 ms.  A heavier one is done alone.
MERGE = 256
#: After a group, when more wait: let others have the lock for a part of the time we held it.
BREATH = 0.1
MAX_BREATH_SECONDS = 0.001


class Job:
    """Some work, and who waits for it on which loop."""

    __slots__ = ("error", "future", "load", "loop", "merged", "result", "weight", "work")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        work: Work | None = None,
        merged: Merged | None = None,
        load: Any = None,
        weight: int = 1,
    ) -> None:
        self.work = work
        self.merged = merged
        self.load = load
        self.weight = weight
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None


def perform(tx: Transaction, jobs: Sequence[Job]) -> None:
    """Do one job, or several that can be merged."""
    first = jobs[0]
    if first.merged is not None:
        results = first.merged(tx, [job.load for job in jobs])
        for job, result in zip(jobs, results, strict=True):
            job.result = result
    elif first.work is not None:
        first.result = first.work(tx)


class Writer:
    """Runs jobs in transactions.

    `committed` hears each commit's epoch and change counter, `applied` what it did to the inboxes,
    before those hear it who wait for the jobs.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        file: DatabaseFile,
        *,
        bound: int,
        merge: int = MERGE,
        committed: Callable[[str, int], None],
        applied: Callable[[Sequence[Done]], None],
    ) -> None:
        self._db = db
        self._file = file
        self._bound = bound
        self._merge = merge
        self._committed = committed
        self._applied = applied
        #: The count of changes after the last transaction of ours.
        self.counted = Transaction.on(db).changes
        self._jobs: deque[Job] = deque()
        self._taken: list[Job] = []
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
        result: T = await self._submit(Job(asyncio.get_running_loop(), work=work))
        return result

    async def merge(
        self, merged: Callable[[Transaction, Sequence[L]], Sequence[T]], load: L, weight: int
    ) -> T:
        """The same for a load that is done together with others like it, as far as they are light.

        `weight` is how many notifications it makes.
        """
        loop = asyncio.get_running_loop()
        result: T = await self._submit(Job(loop, merged=merged, load=load, weight=weight))
        return result

    def _submit(self, job: Job) -> asyncio.Future[Any]:
        with self._wake:
            self._refuse()
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._wake.notify()
        return job.future

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
                    # Who waits for the lock elsewhere looks every millisecond or so.
                    time.sleep(min(MAX_BREATH_SECONDS, held * BREATH))  # a pause, not a poll
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
            waiting, self._jobs = [*self._taken, *self._jobs], deque()
        settle(_failed(waiting, StoreError(f"the writer thread died: {error!r}")))

    def _group(self) -> list[Job]:
        """One transaction for what waits; answers the jobs that are done, well or not."""
        waiting = len(self._jobs)
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 - the callers hear it
            # Who came meanwhile has not waited long enough to be refused.
            return _failed([self._jobs.popleft() for _ in range(waiting)], error)
        taken = self._taken = []
        try:
            self._transact(taken)
        except Exception as error:  # noqa: BLE001 - the callers hear it
            rollback(self._db)
            if len(taken) == 1:
                return _failed(taken, error)
            return [self._alone(job) for job in taken]
        return taken

    def _transact(self, taken: list[Job]) -> None:
        tx = self._transaction()
        until = time.monotonic() + GROUP_SECONDS
        while self._jobs and (not taken or time.monotonic() < until):
            jobs = self._next()
            taken += jobs
            perform(tx, jobs)
        self._commit(tx)

    def _next(self) -> list[Job]:
        jobs = [self._jobs.popleft()]
        merged, weight = jobs[0].merged, jobs[0].weight
        while merged is not None and self._jobs:
            weight += self._jobs[0].weight
            if self._jobs[0].merged != merged or weight > self._merge:
                break
            jobs.append(self._jobs.popleft())
        return jobs

    def _alone(self, job: Job) -> Job:
        job.result = None
        try:
            self._begin()
            tx = self._transaction()
            perform(tx, [job])
            self._commit(tx)
        except Exception as error:  # noqa: BLE001 - the caller hears it
            rollback(self._db)
            job.error = error
        return job

    def _begin(self) -> None:
        if self._file.lost:
            self._file.check()
        begin(self._db)

    def _transaction(self) -> Transaction:
        tx = Transaction.on(self._db)
        if tx.changes != self.counted:  # another process has written since
            tx.applied.append(Done(elsewhere=True))
        return tx

    def _commit(self, tx: Transaction) -> None:
        count = tx.commit()
        self.counted = tx.changes if count is None else count
        if count is not None:
            self._committed(tx.epoch, count)
        # Last, so that nobody is told of what went into a file without a name.
        self._file.check()
        self._applied(tx.applied)


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
