"""class Alimi as an application meets it: kinds, transactions, keys, retractions, inboxes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from alimi import Alimi, Identity, InvalidInput, KeyConflict, NotFound, TransactionError
from alimi.errors import InvalidCursor, UnknownTransaction, WithinMissing
from tests.facade.open_stream import TEXT, OpenStream, assigned


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


async def test_a_mark_from_the_middle_of_a_replay(alimi: Alimi) -> None:
    """A cursor of two places marks what was surely shown, not what is still to come."""
    kind, inbox = assigned(alimi), alimi.inbox(2)
    for number in range(3):
        await kind.notify(to=2, object=number)
        await alimi.flush()
    tag = (await inbox.counts()).tag
    marked = await inbox.mark("read", upto=f"{tag}.3.1")
    assert (marked.count, marked.counts.unread) == (1, 2)
    undone = await inbox.mark("unread", at=f"{tag}.{marked.version}.1")
    assert undone.count == 1


async def test_a_mark_that_does_not_exist_is_named(alimi: Alimi) -> None:
    """A slip of the pen is told with the words that there are."""
    action: Any = "reed"
    with pytest.raises(InvalidInput, match=r"read, unread.*'reed'"):
        await alimi.inbox(2).mark(action, upto=1)
