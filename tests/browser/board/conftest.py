"""A board of its own for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.board.harness import hash_quickly
from tests.board.served import Hosted


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosted]:
    """A board with its demo."""
    hash_quickly(monkeypatch)
    hosted = await asyncio.to_thread(Hosted, tmp_path / "board.db")
    yield hosted
    await asyncio.to_thread(hosted.stop)
