"""What needs nginx is left out where it is not installed; in CI it fails instead."""

from __future__ import annotations

import os

import pytest

from tests.fast.test_proxies import installed

LEFT_OUT = pytest.StashKey[bool]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a proxy that is not here."""
    if installed("nginx") or os.environ.get("CI"):
        return
    left_out = [item for item in items if "two_nodes" in item.nodeid]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        config.stash[LEFT_OUT] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if LEFT_OUT in terminalreporter.config.stash:
        terminalreporter.write_line("tests/many: two nodes left out, nginx is not installed here")
