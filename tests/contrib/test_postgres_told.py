"""From an application's transaction on PostgreSQL to the inbox, and what wakes the relay."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from alimi import Alimi, BoundKind
from alimi.contrib.sqlalchemy import on_commit
from alimi.settings import Settings
from tests.contrib.postgres_ways import opened
from tests.support.postgres import PostgresServer

TEXTS = {"en": "You are now the assignee of card {object.id}."}
WRITE = text("INSERT INTO card VALUES (1)")
#: The poll is the net under everything else; here nothing else may lean on it.
NO_NET = Settings(poll_seconds=60)


class Listener:
    """Counts the hints, and looks at what another connection sees meanwhile."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self._database = url.rpartition("/")[2]
        self._ask("CREATE TABLE card (id integer)")
        self.seen: list[int] = []

    def wake(self) -> None:
        self.seen.append(self._ask("SELECT count(*) FROM card")[0][0])

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self._server.execute(statement, database=self._database)


@pytest.fixture
def listener(postgres_server: PostgresServer, postgres_url: str) -> Iterator[Listener]:
    listener = Listener(postgres_server, postgres_url)
    yield listener
    listener._ask("DROP TABLE card")  # so that the database serves the next test, too


def test_g9_a_commit_wakes_before_and_after(listener: Listener, postgres_url: str) -> None:
    """G9: a hint comes early, and another when the row can be seen; none for a rollback."""
    engine = create_engine(postgres_url.replace("postgresql", "postgresql+psycopg"))
    on_commit(engine, listener.wake)
    with engine.connect() as connection:
        connection.execute(WRITE)
        connection.rollback()
    assert listener.seen == []
    with engine.begin() as connection:
        connection.execute(WRITE)
    assert listener.seen == [0, 1]
    engine.dispose()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
async def test_g9_a_commit_of_an_async_session_wakes(
    listener: Listener, postgres_url: str, driver: str
) -> None:
    """G9: the same through asyncio."""
    engine = create_async_engine(postgres_url.replace("postgresql", f"postgresql+{driver}"))
    on_commit(engine, listener.wake)
    async with AsyncSession(engine) as session:
        await session.execute(WRITE)
        await session.commit()
    assert listener.seen == [0, 1]
    await engine.dispose()


class Told:
    """An Alimi on PostgreSQL, and what recipient 2 hears."""

    def __init__(self, alimi: Alimi) -> None:
        self.alimi = alimi
        self.assigned: BoundKind = alimi.kind("card.assigned", category="cards", text=TEXTS)

    async def inbox(self) -> list[str]:
        page = await self.alimi.inbox(2).page()
        return [item.texts["en"] for item in page.items]

    async def until_told(self) -> list[str]:
        """By the relay itself; a reader who asks again and again wakes nobody."""
        async with asyncio.timeout(20):
            while not (found := await self.inbox()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # between two questions; the answer decides
        return found


@pytest.fixture
async def told(postgres_url: str) -> AsyncIterator[Told]:
    alimi = Alimi(postgres_url, settings=NO_NET)
    await alimi.start()
    yield Told(alimi)
    await alimi.close()


NEWS = ["You are now the assignee of card 12."]


@pytest.mark.parametrize(
    "way", ["asyncpg pool's connection", "psycopg Connection", "psycopg AsyncConnection",
            "asyncpg AsyncSession", "psycopg AsyncSession"],
)  # fmt: skip
async def test_g2_committed_reaches_the_inbox(way: str, told: Told, postgres_url: str) -> None:
    """G2: nothing before the commit, and then without any further call."""
    async with opened(way, postgres_url) as app:
        await told.assigned.notify(to=2, object=12, within=app.within)
        await told.alimi.flush()
        assert await told.inbox() == []
        await app.end("commit")
    assert await told.until_told() == NEWS


async def test_g2_rolled_back_never_reaches_it(told: Told, postgres_url: str) -> None:
    """G2: what was rolled back never was, what came after it is first."""
    async with opened("asyncpg Connection", postgres_url) as app:
        await told.assigned.notify(to=2, object=11, within=app.within)
        await app.end("rollback")
    with psycopg.connect(postgres_url) as connection:
        told.assigned.record(to=2, object=12, within=connection)
    assert await told.until_told() == NEWS


async def test_signals_and_retractions_join_too(told: Told, postgres_url: str) -> None:
    """G2: a retraction inside a transaction withdraws what was told before, once committed."""
    await told.assigned.notify(to=2, object=12, about="card:12")
    assert await told.until_told() == NEWS
    async with opened("asyncpg Connection", postgres_url) as app:
        await told.alimi.retract("card:12", to=2, within=app.within)
        await told.alimi.signal(2, "board.changed", within=app.within)
        await told.alimi.flush()
        assert await told.inbox() == NEWS
        await app.end("commit")
    await told.alimi.flush()
    assert await told.inbox() == []


async def test_g4_one_key_through_two_doors_is_told_once(told: Told, postgres_url: str) -> None:
    """G4: SQL and Python give the same event the same id, and the relay drops the repeat."""
    call = (
        "SELECT alimi_notify('card.assigned', '{2}', %s, category => 'cards', object => '12',"
        " key => 'k')::text"
    )
    with psycopg.connect(postgres_url) as connection:
        said = connection.execute(call, ['{"en": "You are now the assignee of card 12."}'])
        (by_sql,) = said.fetchone() or ("",)
    receipt = await told.assigned.notify(to=2, object=12, key="k")
    assert (receipt.id, receipt.status) == (by_sql, "repeated")
    with psycopg.connect(postgres_url) as connection:
        told.assigned.record(to=2, object=12, key="k", within=connection)
    await told.alimi.flush()
    assert await told.inbox() == NEWS


async def test_a_notification_from_sql_alone(told: Told, postgres_url: str) -> None:
    """Who writes SQL only is found by the poll, and loses nothing."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("""SELECT alimi_notify('a', '{2}', '{"en": "From SQL."}')""")
    await told.alimi.flush()
    assert await told.inbox() == ["From SQL."]
