"""What is not installed here: its tests are left out, and a line at the end of the run says so.

The line is written by the process that the run began in; with pytest-xdist that is none of those
that know the tests, so they tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

NAMES = pytest.StashKey[set[str]]()


def leave_out(
    config: pytest.Config, items: list[pytest.Item], missing: Callable[[pytest.Item], str | None]
) -> None:
    """Leave out each test for which `missing` names what it needs and is not here."""
    left_out = {item: name for item in items if (name := missing(item))}
    if not left_out:
        return
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    names = config.stash.setdefault(NAMES, set())
    names.update(left_out.values())
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = sorted(names)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear what a process of the run has left out."""
    told = getattr(node, "workeroutput", {}).get("left_out", ())
    node.config.stash.setdefault(NAMES, set()).update(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it."""
    names = terminalreporter.config.stash.get(NAMES, None)
    if names:
        terminalreporter.write_line(f"left out, not here: {', '.join(sorted(names))}")
