"""Which store, bus and transaction adapter serve what the application gave.

Names only: the modules behind them are imported when they are first needed, so that an optional
dependency costs nothing to who does not use it.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote

from alimi.bus import Bus
from alimi.errors import ConfigurationError, UnknownTransaction
from alimi.metrics import Metrics
from alimi.settings import Settings
from alimi.store import Joined, Maintenance, Outbox, Recording, Store

#: Root package of a transaction object's type -> the module that can join it.
_TRANSACTIONS = {
    "sqlalchemy": "alimi.contrib.sqlalchemy",
    "sqlmodel": "alimi.contrib.sqlalchemy",
    "sqlite3": "alimi.contrib.sqlite3",
    "asyncpg": "alimi.contrib.asyncpg",
    "psycopg": "alimi.contrib.psycopg",
    "psycopg_pool": "alimi.contrib.psycopg",
    "django": "alimi.contrib.django",
}
_BUSES = {
    "nats": "alimi.buses.nats",
    "tls": "alimi.buses.nats",
    "valkey": "alimi.buses.valkey",
    "valkeys": "alimi.buses.valkey",
    "redis": "alimi.buses.valkey",
    "rediss": "alimi.buses.valkey",
}
_NO_DRIVER = "PostgreSQL needs asyncpg, of the extra alimi[postgres]: pip install asyncpg"
_POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9]+)?://")
_SQLITE_URL = re.compile(r"sqlite(?:\+[a-z0-9]+)?:(?://)?(?P<path>.*)")
#: What was surely not meant as the name of a file.
_OTHER_URL = re.compile(r"[a-z0-9+]+://|(?:postgres|postgresql|sqlite):", re.IGNORECASE)


class FullStore(Store, Outbox, Maintenance, Protocol):
    """What a store module provides."""


class Transactions(Protocol):
    """What a module that joins transactions provides."""

    async def run(self, within: Any, write: Callable[[Joined], Recording]) -> None:
        """Run what `write` says on the transaction's connection; `within` is async or sync."""

    def run_sync(self, within: Any, write: Callable[[Joined], Recording]) -> None:
        """The same where no loop runs."""


class Engine(Protocol):
    """What Alimi asks of an application's engine."""

    def holds_write_transaction(self, engine: Any) -> bool:
        """Whether the current task or thread, or one that started it, has it open for writing."""

    def on_commit(self, engine: Any, callback: Callable[[], None]) -> None:
        """Call `callback` about when a COMMIT is asked for."""

    def prepare(self, engine: Any) -> Any:
        """Make the engine's transactions real ones."""


def open_store(database: Any, settings: Settings) -> FullStore:
    """The store of a URL, a path, or a SQLAlchemy engine (which is prepared)."""
    location = _location(database)
    if _POSTGRES_URL.match(location):
        return cast("FullStore", _on_postgres("alimi.stores.postgres").PostgresStore(location))
    match = _SQLITE_URL.fullmatch(location)
    if match is None and _OTHER_URL.match(location):
        scheme = location.partition(":")[0]
        raise ConfigurationError(
            f"the database {scheme}: is not supported: use sqlite:///file.db or postgresql://…"
        )
    path = _sqlite_path(match["path"]) if match else location
    module = importlib.import_module("alimi.stores.sqlite")
    store = module.SQLiteStore(
        path,
        synchronous=settings.synchronous,
        auto_migrate=settings.auto_migrate,
        at_once=2 * settings.batch,  # it costs half of what it does by way of the outbox
    )
    return cast("FullStore", store)


def _on_postgres(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError(_NO_DRIVER) from error


def engine_adapter(database: Any) -> Engine | None:
    """What watches over the application's engine, when an engine was given."""
    if not _is_engine(database):
        return None
    module = importlib.import_module("alimi.contrib.sqlalchemy")
    module.prepare(database)
    return cast("Engine", module)


def transactions_for(within: object) -> Transactions:
    """The module that can record inside `within`; raises UnknownTransaction."""
    for kind in type(within).__mro__:
        name = _TRANSACTIONS.get(kind.__module__.partition(".")[0])
        if name is not None:
            return _transactions(name)
    raise UnknownTransaction


@functools.cache  # asked for each event; to look whether it is imported cost more than the rest
def _transactions(name: str) -> Transactions:
    return cast("Transactions", importlib.import_module(name))


def bus_factory(url: str | None, database: Any, metrics: Metrics) -> Callable[[str], Bus]:
    """Makes the bus of each event loop, given the store's identity.

    None is the store's own PostgreSQL, and with SQLite no more than this process.
    """
    if url is not None and not isinstance(url, str):
        raise ConfigurationError(f"bus= takes a URL such as nats://…, not {type(url).__name__}")
    location = _location(database)
    on_postgres = _POSTGRES_URL.match(location) is not None
    url = url or ("postgres" if on_postgres else "local")
    if url == "local":
        local = importlib.import_module("alimi.buses.local")
        exchange = local.Exchange()
        return lambda _: cast("Bus", local.LocalBus(exchange))
    if url == "postgres" and not on_postgres:
        raise ConfigurationError(
            "the bus postgres is the store's own database, which is not PostgreSQL: leave it "
            "away, or give a postgresql:// URL"
        )
    make = _bus_maker(location if url == "postgres" else url)
    make("", metrics)  # what is wrong with the URL is said now
    return lambda identity: make(identity, metrics)


def _bus_maker(url: str) -> Callable[[str, Metrics], Bus]:
    if _POSTGRES_URL.match(url):
        target = _on_postgres("alimi.stores.postgres.target").Target(url)
        make = _on_postgres("alimi.buses.postgres").make
        return lambda identity, metrics: cast("Bus", make(target, identity, metrics))
    scheme = url.partition("://")[0]
    if scheme not in _BUSES:
        known = ", ".join(("local", "postgres", "postgresql://", *(f"{s}://" for s in _BUSES)))
        raise ConfigurationError(f"the bus {scheme} is not one of {known}")
    make = importlib.import_module(_BUSES[scheme]).make
    return lambda identity, metrics: cast("Bus", make(url, identity, metrics))


def web_application() -> Callable[..., Callable[..., Awaitable[None]]]:
    """`alimi.web.app.build`: the facade does not import what stands above it."""
    build = importlib.import_module("alimi.web.app").build
    return cast("Callable[..., Callable[..., Awaitable[None]]]", build)


def response_for(request: object, app: Callable[..., Awaitable[None]]) -> Any:
    """`app` in the form that the request's framework accepts from a route."""
    roots = {kind.__module__.partition(".")[0] for kind in type(request).__mro__}
    if roots & {"starlette", "fastapi"}:
        return importlib.import_module("alimi.contrib.starlette").as_response(app)
    return app


def _is_engine(database: object) -> bool:
    roots = {kind.__module__.partition(".")[0] for kind in type(database).__mro__}
    return "sqlalchemy" in roots and hasattr(database, "url") and hasattr(database, "connect")


def _location(database: Any) -> str:
    if isinstance(database, (str, os.PathLike)):
        return str(database)
    if _is_engine(database):
        return cast("str", database.url.render_as_string(hide_password=False))
    raise ConfigurationError(
        f"a database is a URL, a path or a SQLAlchemy engine, not {type(database).__name__}"
    )


def _sqlite_path(path: str) -> str:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`."""
    path = unquote(path.partition("?")[0])
    path = path.removeprefix("/")
    if not path or path.startswith((":memory:", "file:")):
        raise ConfigurationError(
            "an in-memory database cannot be shared by writer and readers: give a file, "
            "such as sqlite:///app.db"
        )
    return str(Path(path))
