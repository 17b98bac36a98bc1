"""Nothing waits for a transaction that its own caller holds: it says so at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from alimi import Alimi
from alimi.errors import WithinMissing

WRITE = text("INSERT INTO cards VALUES (1)")


@pytest.fixture
async def alimi(engine: AsyncEngine) -> AsyncIterator[Alimi]:
    """An Alimi on that engine; recipient 2 has one notification."""
    alimi = Alimi(engine)
    await alimi.kind("card.moved", category="cards", text={"en": "Moved."}).notify(to=2)
    await alimi.flush()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE cards (id INTEGER)"))
    yield alimi
    await alimi.close()


async def notify(alimi: Alimi) -> None:
    """As an application does that forgot within=."""
    await alimi.kind("card.moved", category="cards", text={"en": "Moved."}).notify(to=2)


async def retract(alimi: Alimi) -> None:
    """The same with a retraction."""
    await alimi.retract("card:1")


async def mark(alimi: Alimi) -> None:
    """The bell's "mark all as read", from Python."""
    await alimi.inbox(2).mark("read", upto=9)


async def flush(alimi: Alimi) -> None:
    """Waiting for what was just recorded."""
    await alimi.flush()


async def directly(call: Awaitable[Any]) -> None:
    """In the task that holds the transaction."""
    await call


async def in_gather(call: Awaitable[Any]) -> None:
    """In a child of it."""
    await asyncio.gather(call)


@pytest.mark.parametrize("started", [directly, in_gather])
@pytest.mark.parametrize("call", [notify, retract, mark, flush])
async def test_one_s_own_transaction_is_not_waited_for(
    alimi: Alimi,
    engine: AsyncEngine,
    call: Callable[[Alimi], Awaitable[None]],
    started: Callable[[Awaitable[None]], Awaitable[None]],
) -> None:
    """It fails at once, nothing is lost of the transaction, and after the commit it works."""
    async with AsyncSession(engine) as session:
        await session.execute(WRITE)
        async with asyncio.timeout(5):
            with pytest.raises(WithinMissing, match="open write transaction"):
                await started(call(alimi))
        await session.commit()
        assert (await session.execute(text("SELECT count(*) FROM cards"))).scalar() == 1
    await started(call(alimi))


async def test_a_mark_says_what_can_be_done_about_it(alimi: Alimi, engine: AsyncEngine) -> None:
    """A mark takes no within=, so the error does not ask for it."""
    async with AsyncSession(engine) as session:
        await session.execute(WRITE)
        with pytest.raises(WithinMissing, match="commit first") as failure:
            await mark(alimi)
        assert "within=" not in str(failure.value)
        assert (await alimi.inbox(2).counts()).counts.unread == 1
    assert (await alimi.inbox(2).mark("read", upto=9)).count == 1


async def test_somebody_else_s_transaction_is_waited_for(alimi: Alimi, engine: AsyncEngine) -> None:
    """A task from before the transaction gets its turn when that ends."""
    begun, asked = asyncio.Event(), asyncio.Event()

    async def other() -> int:
        await begun.wait()
        asked.set()
        return (await alimi.inbox(2).mark("read", upto=9)).count

    task = asyncio.create_task(other())
    async with AsyncSession(engine) as session:
        await session.execute(WRITE)
        begun.set()
        await asked.wait()
        await session.commit()
    assert await task == 1
