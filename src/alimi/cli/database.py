"""The database of a command: opened beside a running server, never made by a typing error."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from alimi import backends
from alimi.backends import FullStore
from alimi.cli.configuration import Configuration
from alimi.errors import SchemaMissing, StoreError


def store_of(config: Configuration) -> FullStore:
    """The store, not opened.  It makes no tables: that is for `serve` and `migrate`."""
    settings = msgspec.structs.replace(config.settings, auto_migrate=False)
    return backends.open_store(config.database, settings)


def file_of(store: FullStore) -> Path | None:
    """The file of a store that is one."""
    path = getattr(store, "path", None)
    return path if isinstance(path, Path) else None


def name_of(store: FullStore) -> str:
    """What a person calls the database: its file, or its address without the password."""
    path = file_of(store)
    return str(getattr(store, "name", "the database") if path is None else path)


def demand_file(store: FullStore) -> None:
    """Raise SchemaMissing when there is no database yet: opening it would make an empty one."""
    path = file_of(store)
    if path is not None and not path.exists():
        raise SchemaMissing(
            f"there is no database at {path}: start `alimi serve` once, or run `alimi migrate`"
        )


@contextmanager
def naming(store: FullStore) -> Iterator[FullStore]:
    """What the database itself complains about is told with its name."""
    try:
        yield store
    except (sqlite3.Error, StoreError) as error:
        if isinstance(error, StoreError) and type(error) is not StoreError:
            raise  # its own sentence says what to do
        raise StoreError(f"{name_of(store)}: {error}") from error


@asynccontextmanager
async def opened(config: Configuration) -> AsyncIterator[FullStore]:
    """The store, open; no relay and no streams run on it."""
    store = store_of(config)
    demand_file(store)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
