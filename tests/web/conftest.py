"""A real Alimi on a SQLite file, and its application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alimi import Alimi, Settings
from alimi.web.types import ASGIApp
from tests.web.site import KEY, who


@pytest.fixture
async def alimi(tmp_path: Path) -> AsyncIterator[Alimi]:
    made = Alimi(tmp_path / "alimi.db", settings=Settings(synchronous="NORMAL", drain_seconds=0.5))
    yield made
    await made.close()


@pytest.fixture
def app(alimi: Alimi) -> ASGIApp:
    return alimi.asgi(who, api_keys=[KEY], metrics=True)
