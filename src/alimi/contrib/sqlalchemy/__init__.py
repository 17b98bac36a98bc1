"""Record inside a SQLAlchemy transaction, and make SQLite's transactions real ones.

With its default settings Python's SQLite driver begins a transaction late, at the first write, and
commits at the release of an outermost savepoint.  Then a rollback does not take back what was
recorded, and a transaction that reads before it writes fails at once when somebody else wrote in
between, whatever the timeout.  `prepare(engine)` cures both:

    engine = prepare(create_async_engine("sqlite+aiosqlite:///app.db"))

From then on each transaction of the engine begins with BEGIN IMMEDIATE and so waits for its turn.
Work that only reads can stay out of that queue:

    session = AsyncSession(engine.execution_options(sqlite_begin="DEFERRED"))
    await session.connection(execution_options={"sqlite_begin": "DEFERRED"})    # or this one only

The isolation level AUTOCOMMIT still means no transaction, for VACUUM and the like.  A pragma that
is refused inside a transaction, such as journal_mode, belongs into a "connect" listener.
"""

from __future__ import annotations

from alimi.contrib.sqlalchemy.commits import on_commit
from alimi.contrib.sqlalchemy.engines import holds_write_transaction, prepare
from alimi.contrib.sqlalchemy.transactions import run, run_sync

__all__ = ["holds_write_transaction", "on_commit", "prepare", "run", "run_sync"]
