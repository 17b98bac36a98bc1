"""What needs nginx is left out where it is not installed; in CI it fails instead."""

from __future__ import annotations

import os

import pytest

from tests.fast.test_proxies import installed
from tests.support.left_out import leave_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a proxy that is not here."""
    if not installed("nginx") and not os.environ.get("CI"):
        leave_out(config, items, lambda item: "nginx" if "two_nodes" in item.nodeid else None)
