"""What the numbers belong to, and which core does what."""

from __future__ import annotations

import datetime as dt
import os
import platform
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The server has the first core for itself, the load has the others.
SERVER_CORE = 0


def take_load_cores() -> None:
    """Keep this process off the server's core, where there is more than one."""
    others = os.sched_getaffinity(0) - {SERVER_CORE}
    if others:
        os.sched_setaffinity(0, others)


def all_cores() -> set[int]:
    """For what has no load beside it."""
    return set(range(os.cpu_count() or 1))


@contextmanager
def on_all_cores() -> Iterator[None]:
    """This process, and those that it starts meanwhile, go where there is room."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, all_cores())
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def most_streams(wanted: int) -> int:
    """As many streams as the descriptor limit of this process leaves, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, hard - 1_000)


def facts() -> dict[str, object]:
    """Machine, versions, day, and how busy the machine was before the first measure."""
    return {
        "date": dt.datetime.now(tz=dt.UTC).isoformat(timespec="minutes"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "sqlite": sqlite3.sqlite_version,
        "load average before": load(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def load() -> list[float]:
    """How many processes wanted a core in the last 1, 5 and 15 minutes."""
    return [round(each, 2) for each in os.getloadavg()]


def now() -> float:
    """The clock that all processes share."""
    return time.monotonic()
