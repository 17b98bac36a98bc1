"""Terminals for the tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import SECRETS, Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A shell in an empty folder that has the server's secrets."""
    shell = Terminal(tmp_path, SECRETS)
    yield shell
    shell.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Terminal]:
    """A shell in an empty folder that knows nothing."""
    shell = Terminal(tmp_path, {})
    yield shell
    shell.close()
