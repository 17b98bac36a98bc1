"""What an operator does to a store; works on a closed store and beside running ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import structs

from alimi.errors import SchemaMissing
from alimi.model import now_ms
from alimi.store import Drift, Report
from alimi.stores.sqlite import epoch, schema
from alimi.stores.sqlite.connections import (
    Synchronous,
    begin,
    connect_reader,
    connect_writer,
    rollback,
    snapshot,
    use_wal,
)
from alimi.stores.sqlite.sql import SQL
from alimi.stores.sqlite.transaction import read_epoch

#: What power loss may take; the death of a process alone never takes anything.
DURABILITY: dict[Synchronous, str] = {
    "OFF": "OFF: power loss may take what was answered and may damage the file",
    "NORMAL": "NORMAL: power loss may take the last commits, though they were answered",
    "FULL": "FULL: what was answered survives power loss",
    "EXTRA": "EXTRA: what was answered survives power loss, directory entries too",
}


def migrate(path: Path) -> list[str]:
    """Create the file if need be and apply what is pending."""
    with closing(connect_writer(path, "FULL")) as db:
        use_wal(db)
        return schema.migrate(db)


def pending_sql(path: Path) -> str:
    """The SQL that `migrate` would run now."""
    if not path.exists():
        return schema.as_script(schema.MIGRATIONS)
    with closing(connect_reader(path)) as db:
        return schema.as_script(schema.pending(schema.look(db)))


def renew_epoch(path: Path) -> str:
    """A new identity for the store."""
    _must_exist(path)
    with closing(connect_writer(path, "FULL")) as db, _sidecar(path) as sidecar:
        schema.check(db)
        begin(db)
        try:
            renewed = epoch.renew(db, sidecar)
            db.execute("COMMIT")
        except BaseException:
            rollback(db)
            raise
        return renewed


@contextmanager
def _sidecar(path: Path) -> Iterator[epoch.Sidecar]:
    sidecar = epoch.Sidecar(epoch.sidecar_path(path))
    try:
        yield sidecar
    finally:
        sidecar.close()


def inspect(path: Path, synchronous: Synchronous) -> Report:
    """Look, change nothing."""
    _must_exist(path)
    remembered = epoch.glance(path)
    with closing(connect_reader(path)) as db, snapshot(db):
        schema.check(db)
        report = _report(db, path, synchronous)
        doubt = epoch.doubts(db, remembered) if epoch.was_used(db) else None
        return structs.replace(report, doubt=doubt)


def is_empty(path: Path) -> bool:
    """Whether nobody was ever told of anything."""
    _must_exist(path)
    with closing(connect_reader(path)) as db, snapshot(db):
        schema.check(db)
        return bool(db.execute(SQL["is_empty"]).fetchone()[0])


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise SchemaMissing(f"There is no database at {path}: run `alimi migrate`.")


def _report(db: sqlite3.Connection, path: Path, synchronous: Synchronous) -> Report:
    inboxes, rows, waiting, oldest, dead, last = db.execute(SQL["sizes"]).fetchone()
    return Report(
        database=str(path),
        schema=schema.look(db).number,
        epoch=read_epoch(db),
        durability=DURABILITY[synchronous],
        inboxes=inboxes,
        notifications=rows,
        outbox=waiting,
        outbox_age_ms=0 if oldest is None else max(0, now_ms() - oldest),
        dead_letters=dead,
        last_dead_letter=last,
        drift=tuple(
            Drift(recipient, (unread, unseen), (counted, counted_unseen))
            for recipient, unread, unseen, counted, counted_unseen in db.execute(SQL["drift"])
        ),
    )
