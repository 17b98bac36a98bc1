"""Recording inside a transaction of the standard library's sqlite3 (G2)."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alimi.contrib.sqlite3 import run, run_sync
from alimi.errors import ForeignDatabase, NoTransaction, UnknownTransaction
from alimi.model import PageQuery
from alimi.store import Joined, Recording
from alimi.stores.sqlite import SQLiteStore

Record = Callable[[Joined], Recording]


@pytest.fixture(params=[None, "", "IMMEDIATE"], ids=["explicit", "legacy", "legacy immediate"])
def db(path: Path, request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    """A connection of the application, with each way the driver may begin."""
    db = sqlite3.connect(path, isolation_level=request.param)
    yield db
    db.close()


async def count(store: SQLiteStore) -> int:
    await store.apply(100)
    return len((await store.page("2", PageQuery())).items)


@pytest.mark.parametrize(("end", "told"), [("COMMIT", 1), ("ROLLBACK", 0)])
async def test_g2_one_fate(
    db: sqlite3.Connection,
    store: SQLiteStore,
    record: Record,
    assignees: Callable[[], list[int | None]],
    end: str,
    told: int,
) -> None:
    """G2: the card and the record commit together or not at all."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE card SET assignee = 2")
    await run(db, record)
    assert assignees() == [None]
    db.execute(end)
    assert assignees() == [2 if told else None]
    assert await count(store) == told


@pytest.mark.parametrize(("end", "told"), [("commit", 1), ("rollback", 0)])
async def test_g2_the_driver_s_own_begin(
    path: Path, store: SQLiteStore, record: Record, end: str, told: int
) -> None:
    """G2: a legacy connection has begun once it has written."""
    db = sqlite3.connect(path)
    with pytest.raises(NoTransaction):
        run_sync(db, record)
    db.execute("SELECT * FROM card").fetchall()
    with pytest.raises(NoTransaction):
        run_sync(db, record)
    db.execute("UPDATE card SET assignee = 2")
    run_sync(db, record)
    getattr(db, end)()
    db.close()
    assert await count(store) == told


async def test_g2_savepoints_after_begin(
    db: sqlite3.Connection, store: SQLiteStore, record: Record
) -> None:
    """G2: the release of a savepoint commits nothing when there was a BEGIN."""
    db.execute("BEGIN")
    db.execute("SAVEPOINT a")
    run_sync(db, record)
    db.execute("RELEASE a")
    db.execute("ROLLBACK")
    assert await count(store) == 0


async def test_no_transaction_records_nothing(
    db: sqlite3.Connection, store: SQLiteStore, record: Record
) -> None:
    """G2: without a transaction there is nothing to commit with."""
    with pytest.raises(NoTransaction):
        run_sync(db, record)
    assert not db.in_transaction
    assert await count(store) == 0


@pytest.mark.parametrize("name", ["other.db", ":memory:"])
def test_another_database_is_refused(
    tmp_path: Path, store: SQLiteStore, record: Record, name: str
) -> None:
    """G2: two databases cannot commit together."""
    db = sqlite3.connect(name if name == ":memory:" else tmp_path / name, isolation_level=None)
    db.execute("BEGIN")
    with pytest.raises(ForeignDatabase):
        run_sync(db, record)
    db.close()


async def test_the_same_file_by_another_name(
    path: Path, tmp_path: Path, store: SQLiteStore, record: Record
) -> None:
    """A link to the file is the file."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    db = sqlite3.connect(link, isolation_level=None)
    db.execute("BEGIN")
    run_sync(db, record)
    db.execute("COMMIT")
    db.close()
    assert await count(store) == 1


async def test_a_row_factory_does_not_matter(
    db: sqlite3.Connection, store: SQLiteStore, record: Record
) -> None:
    """The application's rows are its own affair, ours stay tuples."""
    db.row_factory = lambda _cursor, row: {"first": row[0]}
    db.execute("BEGIN")
    run_sync(db, record)
    db.execute("COMMIT")
    assert await count(store) == 1


def test_a_cursor_is_no_transaction(db: sqlite3.Connection, record: Record) -> None:
    """The connection is asked for."""
    with pytest.raises(UnknownTransaction, match=r"cursor\.connection"):
        run_sync(db.cursor(), record)
