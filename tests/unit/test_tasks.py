"""Background tasks: a failure is shown while it lasts, and not for ever."""

from __future__ import annotations

import asyncio

from alimi.tasks import Tasks


async def test_a_failure_is_shown_until_the_task_has_worked_for_a_while() -> None:
    """One locked moment must not take a node out of its balancer until somebody restarts it."""
    now, runs, failed = [1_000.0], 0, list[str]()
    again = asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("the disk is away")
        again.set()
        await asyncio.Event().wait()

    tasks = Tasks(failed.append, clock=lambda: now[0])
    tasks.start("sweeper", run)
    await again.wait()
    assert failed == ["sweeper"]
    assert tasks.failing == {"sweeper": "OSError: the disk is away"}
    now[0] += 31
    assert tasks.failing == {}
    await tasks.stop()
