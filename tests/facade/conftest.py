"""An Alimi on an application's own engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from alimi import Alimi
from tests.facade.open_stream import assigned


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """The application's own engine."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/app.db")
    yield engine
    await engine.dispose()


@pytest.fixture
async def alimi(engine: AsyncEngine) -> AsyncIterator[Alimi]:
    """An Alimi on the application's engine."""
    alimi = Alimi(engine)
    assigned(alimi)
    await alimi.start()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE cards (id INTEGER PRIMARY KEY, assignee INT)"))
        await connection.execute(text("INSERT INTO cards VALUES (12, 1)"))
    yield alimi
    await alimi.close()
