"""class Alimi as an application meets it: kinds, transactions, loops, signals, ends."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from alimi import (
    Alimi,
    Identity,
    InvalidInput,
    KeyConflict,
    NotFound,
    Retention,
    Settings,
    TransactionError,
)
from alimi.errors import ConfigurationError, InvalidCursor, UnknownTransaction, WithinMissing
from tests.support.reader import Reader

TEXT = {"ko": "카드의 담당자가 사용자님으로 변경되었습니다.", "en": "You are now the assignee."}


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
    alimi.kind("card.assigned", category="cards", url="/cards/{object.id}", text=TEXT)
    await alimi.start()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE cards (id INTEGER PRIMARY KEY, assignee INT)"))
        await connection.execute(text("INSERT INTO cards VALUES (12, 1)"))
    yield alimi
    await alimi.close()


def assigned(alimi: Alimi) -> Any:
    return alimi.kind("card.assigned", category="cards", url="/cards/{object.id}", text=TEXT)


class OpenStream:
    """The ASGI side of one stream, in the test's own loop."""

    def __init__(self, alimi: Alimi, identity: object, **headers: str) -> None:
        self.reader = Reader()
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self._changed = asyncio.Condition()
        self._leave = asyncio.Event()
        scope = {
            "type": "http",
            "method": headers.pop("method", "GET"),
            "query_string": headers.pop("query", "").encode(),
            "headers": [(key.replace("_", "-").encode(), v.encode()) for key, v in headers.items()],
        }
        self.task = asyncio.create_task(
            alimi.stream(scope, identity)(scope, self._receive, self._send)
        )

    async def _receive(self) -> dict[str, Any]:
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._changed:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = dict(message["headers"])
            else:
                self.reader.feed(message["body"])
            self._changed.notify_all()

    async def until(self, condition: Any) -> Reader:
        """Wait until `condition(reader)` holds."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: condition(self.reader))
        return self.reader

    async def leave(self) -> None:
        """The reader goes."""
        self._leave.set()
        await asyncio.wait_for(self.task, 10)


async def test_the_whole_way(alimi: Alimi, engine: AsyncEngine) -> None:
    """A card changes hands in a transaction and the assignee's open stream hears of it."""
    stream = OpenStream(alimi, Identity("2", locale="ko"))
    await stream.until(lambda reader: reader.cursor)
    async with AsyncSession(engine) as session:
        await session.execute(text("UPDATE cards SET assignee = 2 WHERE id = 12"))
        card = {"id": 12, "name": "Login page"}
        await assigned(alimi).notify(to=2, actor=1, object=card, within=session)
        await session.commit()
    reader = await stream.until(lambda reader: reader.shown)
    assert stream.headers[b"content-type"] == b"text/event-stream"
    heard = reader.events[-1][1]
    assert heard["message"] == TEXT["ko"]
    assert heard["url"] == "/cards/12"
    assert (heard["unread"], heard["unseen"]) == (1, 1)
    await stream.leave()


async def test_what_this_process_records_is_not_read_again(alimi: Alimi) -> None:
    """The relay hands the rows of those who are connected to their streams, without a read."""
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    reads = alimi.metrics.registry.get_sample_value("alimi_store_reads_total")
    await assigned(alimi).notify(to=[2, 3], actor=1, object={"id": 12, "name": "Login page"})
    await stream.until(lambda reader: reader.shown)
    assert alimi.metrics.registry.get_sample_value("alimi_store_reads_total") == reads
    await stream.leave()


async def test_rolled_back_is_never_heard_of(alimi: Alimi, engine: AsyncEngine) -> None:
    """G2: neither a notification nor a signal of a rolled-back transaction exists."""
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    async with AsyncSession(engine) as session:
        await assigned(alimi).notify(to=2, object=12, within=session)
        await alimi.signal(2, "board.changed", within=session)
        await session.rollback()
    await assigned(alimi).notify(to=2, object=13)
    reader = await stream.until(lambda reader: reader.shown)
    assert [row[1]["url"] for row in reader.events if row[0] == "message"] == ["/cards/13"]
    assert reader.signals == []
    await stream.leave()


async def test_nothing_is_pushed_before_the_commit(alimi: Alimi, engine: AsyncEngine) -> None:
    """G2: while the transaction is open, the relay finds nothing."""
    async with AsyncSession(engine) as session:
        await assigned(alimi).notify(to=2, object=12, within=session)
        await alimi.signal(2, "board.changed", {"card": 12}, within=session)
        assert (await alimi.inbox(2).page()).items == ()
        await session.commit()
    await alimi.flush()
    assert len((await alimi.inbox(2).page()).items) == 1


async def test_synchronous_code_records(alimi: Alimi, tmp_path: Path) -> None:
    """`record` is one INSERT on a sync session or a sqlite3 connection, and the relay finds it."""
    sync_engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    other = Alimi(sync_engine)  # the application's other half, without a loop
    with Session(sync_engine) as session:
        assigned(other).record(to=2, object=12, within=session)
        other.record_signal(2, "board.changed", within=session)
        session.commit()
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.execute("BEGIN IMMEDIATE")
    assigned(other).record(to=2, object=13, within=connection)
    other.record_retract("nothing", within=connection)
    connection.commit()
    connection.close()
    await alimi.flush()
    assert [row.url for row in (await alimi.inbox(2).page()).items] == ["/cards/13", "/cards/12"]
    sync_engine.dispose()


async def test_forgetting_within_fails_at_once(alimi: Alimi, engine: AsyncEngine) -> None:
    """notify() inside one's own write transaction names within=, instead of waiting for itself."""
    async with AsyncSession(engine) as session:
        await session.execute(text("UPDATE cards SET assignee = 2 WHERE id = 12"))
        with pytest.raises(WithinMissing, match="within="):
            await assigned(alimi).notify(to=2, object=12)
        await session.rollback()
    await assigned(alimi).notify(to=2, object=12)


async def test_a_first_use_inside_a_write_transaction_fails_at_once(
    alimi: Alimi, engine: AsyncEngine
) -> None:
    """Starting writes: inside one's own transaction that would wait for itself, and it is said."""
    fresh = Alimi(engine)
    async with AsyncSession(engine) as session:
        await session.execute(text("UPDATE cards SET assignee = 2 WHERE id = 12"))
        with pytest.raises(WithinMissing, match=r"alimi\.start\(\)"):
            await fresh.inbox(2).page()
        await session.rollback()
    assert (await fresh.inbox(2).page()).items == (await alimi.inbox(2).page()).items
    await fresh.close()


@pytest.mark.parametrize("within", ["session", 3, {}, []])
async def test_within_something_else_is_refused(alimi: Alimi, within: object) -> None:
    """What cannot be joined is an error, never a notification outside the transaction."""
    with pytest.raises(UnknownTransaction):
        await assigned(alimi).notify(to=2, object=12, within=within)
    assert issubclass(UnknownTransaction, TransactionError)


async def test_the_actor_is_not_told(alimi: Alimi) -> None:
    """Nobody is notified of their own act; duplicates count once; None is nobody."""
    kind = assigned(alimi)
    await kind.notify(to=[1, "1", 2, 2], actor=1, object=12)
    await kind.notify(to=None, object=12)
    await kind.notify(to=[], object=12)
    await alimi.flush()
    assert len((await alimi.inbox(1).page()).items) == 0
    assert len((await alimi.inbox("2").page()).items) == 1


@pytest.mark.parametrize("to", [True, "", "x" * 129, 1.5, b"2", {"id": 2}, [2, None], "a\nb"])
async def test_what_is_no_recipient_is_refused(alimi: Alimi, to: object) -> None:
    """A bool, an empty or endless id, an object: refused at the door, nothing recorded."""
    with pytest.raises(InvalidInput):
        await assigned(alimi).notify(to=to, object=12)


async def test_a_repeated_key_notifies_once(alimi: Alimi) -> None:
    """G4: the same key answers the same id; with another body it is a conflict."""
    kind = assigned(alimi)
    first = await kind.notify(to=2, object=12, key="move-1")
    again = await kind.notify(to=2, object=12, key="move-1")
    assert (again.id, again.status) == (first.id, "repeated")
    with pytest.raises(KeyConflict):
        await kind.notify(to=2, object=99, key="move-1")
    await alimi.flush()
    assert (await alimi.inbox(2).counts()).counts.unread == 1


async def test_retract_takes_back_what_is_unread(alimi: Alimi) -> None:
    """The card was given to someone else: what was not read goes, what was read stays."""
    kind, inbox = assigned(alimi), alimi.inbox(2)
    read = await kind.notify(to=2, object=12, about="card:12")
    await alimi.flush()
    await inbox.mark("read", ids=[read.id])
    await kind.notify(to=[2, 3], object=12, about="card:12")
    await alimi.retract("card:12", to=2)
    await alimi.flush()
    assert [row.id for row in (await inbox.page()).items] == [read.id]
    assert (await alimi.inbox(3).counts()).counts.unread == 1
    await alimi.retract("card:12")
    await alimi.flush()
    assert (await alimi.inbox(3).counts()).counts.unread == 0


async def test_an_inbox_from_python(alimi: Alimi) -> None:
    """Pages, cursors, marks and undo; other people's ids and cursors open nothing (G7)."""
    kind, inbox = assigned(alimi), alimi.inbox(2)
    for number in range(5):
        await kind.notify(to=[2, 3], object=number)
    await alimi.flush()
    first = await inbox.page(limit=2)
    second = await inbox.page(limit=2, after=f"{first.tag}.{first.next}")
    assert [row.url for row in (*first.items, *second.items)] == [
        f"/cards/{number}" for number in (4, 3, 2, 1)
    ]
    marked = await inbox.mark("read", upto=str(first.cursor))
    assert (marked.count, marked.counts.unread) == (5, 0)
    undone = await inbox.mark("unread", at=str(marked.cursor))
    assert (undone.count, undone.counts.unread) == (5, 5)
    theirs = (await alimi.inbox(3).page(limit=1)).cursor
    with pytest.raises(InvalidCursor):
        await inbox.page(after=str(theirs))
    for target in ("upto", "at"):
        with pytest.raises(InvalidCursor):
            await inbox.mark("read", **{target: str(theirs)})
    with pytest.raises(NotFound):
        await inbox.get("01980000-0000-7000-8000-000000000000")
    for wrong in ({"ids": ["x"], "upto": 3}, {}, {"ids": ["x"] * 101}, {"upto": -1}):
        with pytest.raises(InvalidInput):
            await inbox.mark("read", **wrong)


async def test_hang_up_and_drain(alimi: Alimi) -> None:
    """end_streams ends the streams of a login; drain ends all and refuses with 200 and bye."""
    phone = OpenStream(alimi, Identity("2", session="phone"))
    laptop = OpenStream(alimi, Identity("2", session="laptop"))
    for each in (phone, laptop):
        await each.until(lambda reader: reader.cursor)
    await alimi.end_streams(2, session="phone")
    await phone.until(lambda reader: reader.said_bye == "hangup")
    await asyncio.wait_for(phone.task, 10)
    assert laptop.reader.said_bye is None
    await alimi.drain()
    await laptop.until(lambda reader: reader.said_bye == "drain")
    late = OpenStream(alimi, 2)
    await late.until(lambda reader: reader.said_bye == "drain")
    assert late.status == 200
    assert "draining" in alimi.health()


async def test_a_stream_answers_head_with_headers_only(alimi: Alimi) -> None:
    """HEAD ends at once and opens nothing."""
    stream = OpenStream(alimi, 2, method="HEAD")
    await asyncio.wait_for(stream.task, 10)
    assert stream.status == 200
    assert stream.reader.events == []


async def test_a_stream_that_cannot_begin_asks_to_come_back(tmp_path: Path) -> None:
    """A native EventSource gives up on a 503 for good: 200, a delay and `bye` instead."""
    broken = Alimi(tmp_path / "missing" / "app.db")
    stream = OpenStream(broken, 2)
    await stream.until(lambda reader: reader.said_bye == "unavailable")
    assert stream.status == 200


async def test_the_header_wins_over_the_query(alimi: Alimi) -> None:
    """G5: an EventSource keeps its URL for ever; a stale query must not win over its position."""
    kind = assigned(alimi)
    for number in range(3):
        await kind.notify(to=2, object=number)
    await alimi.flush()
    tag = (await alimi.inbox(2).counts()).tag
    stream = OpenStream(alimi, 2, query=f"cursor={tag}.0", last_event_id=f"{tag}.2")
    reader = await stream.until(lambda reader: reader.shown)
    assert [row[1]["url"] for row in reader.events if row[0] == "message"] == ["/cards/2"]
    await stream.leave()
    fresh = OpenStream(alimi, 2, query=f"cursor={tag}.1")
    await fresh.until(lambda reader: len(reader.shown) == 2)
    await fresh.leave()


def test_one_alimi_survives_several_loops(tmp_path: Path) -> None:
    """Test clients start a loop for each test; the same Alimi serves them in turn."""
    alimi = Alimi(tmp_path / "app.db")
    kind = assigned(alimi)

    async def once(number: int) -> int:
        await kind.notify(to=2, object=number)
        await alimi.flush()
        stream = OpenStream(alimi, 2)
        await stream.until(lambda reader: reader.cursor)
        await stream.leave()
        return (await alimi.inbox(2).counts()).counts.unread

    assert [asyncio.run(once(number)) for number in range(3)] == [1, 2, 3]
    asyncio.run(_close(alimi))


async def _close(alimi: Alimi) -> None:
    await alimi.start()
    await alimi.close()


async def test_two_processes_on_one_file_hear_each_other(alimi: Alimi, tmp_path: Path) -> None:
    """G5: what another process applies or marks is told soon, though no bus joins the two."""
    other = Alimi(tmp_path / "app.db")
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    await assigned(other).notify(to=2, object=12)
    async with asyncio.timeout(alimi.settings.position_check_seconds / 2):
        reader = await stream.until(lambda reader: reader.shown)
        await other.inbox(2).mark("read", upto=1)
        await stream.until(lambda reader: reader.unread == 0)
    assert len(reader.shown) == 1
    await stream.leave()
    await other.close()


async def test_starting_at_the_same_time_starts_once(tmp_path: Path) -> None:
    """Twenty first uses share one start."""
    alimi = Alimi(tmp_path / "app.db")
    kind = assigned(alimi)
    await asyncio.gather(*(kind.notify(to=2, object=number) for number in range(20)))
    await alimi.flush()
    assert (await alimi.inbox(2).counts()).counts.unread == 20
    await alimi.close()


async def test_a_failed_start_is_tried_again(tmp_path: Path) -> None:
    """A database that cannot be opened is an error each time, until it can."""
    alimi = Alimi(tmp_path / "missing" / "app.db")
    with pytest.raises(Exception, match=r"missing|open"):
        await alimi.start()
    (tmp_path / "missing").mkdir()
    await alimi.start()
    assert alimi.health() == {}
    await alimi.close()


@pytest.mark.parametrize(
    "database", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", 3, None]
)
def test_a_database_that_cannot_work_is_refused(database: object) -> None:
    """One clear sentence, before anything starts."""
    with pytest.raises(ConfigurationError):
        Alimi(database)


async def test_a_signal_is_told_as_it_was_given(alimi: Alimi) -> None:
    """Who changes and sends one object again and again is heard each time."""
    stream = OpenStream(alimi, 2)
    await stream.until(lambda reader: reader.cursor)
    data = {"step": 0}
    for step in range(3):
        data["step"] = step
        await alimi.signal(2, "moved", data)
    data["step"] = 9
    reader = await stream.until(lambda reader: len(reader.signals) == 3)
    assert [each["data"]["step"] for each in reader.signals] == [0, 1, 2]
    await stream.leave()


async def test_signals_are_bounded(alimi: Alimi) -> None:
    """G8: a signal is a hint to refetch; it carries at most 1 KB of plain JSON."""
    endless: list[object] = []
    endless.append(endless)
    for data in ("x" * 2_000, object(), "\ud800", endless):
        with pytest.raises(InvalidInput):
            await alimi.signal(2, "board.changed", data)
    with pytest.raises(InvalidInput):
        await alimi.signal(2, "a\nb")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"ping_seconds": "3"}, "ping_seconds"),
        ({"max_streams": 1.5}, "max_streams"),
        ({"retry_ms": 2000}, "retry_ms"),
        ({"retention": {"days": 3}}, "Retention"),
        ({"retention": Retention(days="3")}, "days"),  # type: ignore[arg-type]
    ],
)
def test_a_setting_of_another_type_is_refused_at_once(wrong: dict[str, Any], named: str) -> None:
    """It is named where it was written, not in a task that fails later."""
    with pytest.raises(ConfigurationError, match=named):
        Settings(**wrong)


def test_settings_and_texts_of_another_type_are_named(tmp_path: Path) -> None:
    """A dict in place of Settings, a sentence in place of texts."""
    settings: Any = {"ping_seconds": 3}
    with pytest.raises(ConfigurationError, match="not dict"):
        Alimi(tmp_path / "app.db", settings=settings)
    text: Any = "Hello"
    with pytest.raises(InvalidInput, match="texts like"):
        Alimi(tmp_path / "app.db").kind("card.assigned", category="cards", text=text)


async def test_a_mark_that_does_not_exist_is_named(alimi: Alimi) -> None:
    """A slip of the pen is told with the words that there are."""
    action: Any = "reed"
    with pytest.raises(InvalidInput, match=r"read, unread.*'reed'"):
        await alimi.inbox(2).mark(action, upto=1)
