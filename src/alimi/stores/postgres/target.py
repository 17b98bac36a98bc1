"""Where a database is: what the many spellings of its URL mean to asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from alimi.errors import ConfigurationError, StoreReadOnly

#: How long to wait for a server that does not answer.
CONNECT_SECONDS = 10.0
#: How long to be polite to a server that is left.
_CLOSE_SECONDS = 5.0
#: Options that tune sockets or the client's own library; asyncpg would send them to the server.
_IGNORED = frozenset({
    "channel_binding", "client_encoding", "gssdelegation", "gssencmode", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
    "max_protocol_version", "min_protocol_version", "prepare_threshold",
    "prepared_statement_name_func", "requirepeer", "require_auth",
    "sslcompression", "sslsni", "tcp_user_timeout",
})  # fmt: skip
#: SQLAlchemy and asyncpg name the number of prepared statements that a connection keeps.
_CACHE = ("prepared_statement_cache_size", "statement_cache_size")
_LOOK = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery()"


class Target:
    """A database, and how to connect to it."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigurationError(
                "the URL of the database cannot be read: write postgresql://user:password@host/name"
            ) from error
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._timeout = _number(options, ("connect_timeout", "timeout"), CONNECT_SECONDS)
        cache = _number(options, _CACHE, 100.0)
        said = options.pop("pgbouncer", None)
        #: Whether the URL says that a pooler may hand each transaction to another connection of the
        #: server.
        self.is_pooled = is_pooled = cache == 0 if said is None else _flag(said)
        #: Where it says nothing, a first connection is made to look: who stands between shows
        #: another process than the one that serves.
        self._is_known = is_pooled or said is not None
        self._cache = 0 if is_pooled else int(cache)
        #: Whether even one statement needs BEGIN and COMMIT around it: where preparing and running
        #: it must reach the same server, or where transactions are not READ COMMITTED by default.
        self.is_bracketed = is_pooled
        if "ssl" in options:  # as SQLAlchemy's asyncpg dialect names it
            options.setdefault("sslmode", _sslmode(options.pop("ssl")))
        kept = {name: value for name, value in options.items() if name not in _IGNORED}
        if "," in _host(parts.netloc, kept):
            kept.setdefault("target_session_attrs", "primary")
        kept.setdefault("application_name", "alimi")
        #: What asyncpg understands.
        self.dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(kept), ""))
        #: For people: without the password.
        self.name = _name(parts.netloc, parts.path)

    async def connect(self, *_args: Any, **given: Any) -> asyncpg.Connection:
        """A connection to a server that takes writes; raises what asyncpg raises, or StoreReadOnly.

        A standby is refused before it can answer: it may lag, and its epoch is that of nobody.
        """
        connection = await self._open(**given)
        try:
            pid = await self._meet(connection)
        except BaseException:
            connection.terminate()
            raise
        if self._is_known:
            return connection
        self._is_known = True
        if pid != connection.get_server_pid():
            self._cache, self.is_bracketed = 0, True
        await connection.close(timeout=_CLOSE_SECONDS)
        return await self.connect(**given)

    async def _meet(self, connection: asyncpg.Connection) -> int:
        """Which process serves us now; raises StoreReadOnly where it may not write."""
        try:
            async with asyncio.timeout(self._timeout):
                pid, is_standby = await _look(connection)
        except TimeoutError:  # a pooler greets before it has a server
            raise TimeoutError(f"greeted, then no answer for {self._timeout:g} s") from None
        if is_standby:
            raise StoreReadOnly
        return pid

    async def _open(self, **given: Any) -> asyncpg.Connection:
        cache = self._cache if self._is_known else 0  # asyncpg itself may prepare something
        try:
            return await asyncpg.connect(
                self.dsn, timeout=self._timeout, statement_cache_size=cache, **given
            )
        except ValueError as error:
            raise ConfigurationError(f"the URL of the database {self.name}: {error}") from error


async def _look(connection: asyncpg.Connection) -> tuple[int, bool]:
    # Without a name, which would stay in a connection that a pooler gives to others next.
    statement = await connection.prepare(_LOOK, name="")
    pid, is_standby = await statement.fetchrow()
    return pid, is_standby


def _host(netloc: str, options: dict[str, str]) -> str:
    return netloc.rpartition("@")[2] or options.get("host", "")


def _number(options: dict[str, str], names: Iterable[str], default: float) -> float:
    found = [options.pop(name) for name in names if name in options]
    if not found:
        return default
    try:
        return min(float(each) for each in found)
    except ValueError:
        raise ConfigurationError(f"{', '.join(names)} in a URL takes a number") from None


def _flag(value: str) -> bool:
    return value.lower() in {"", "1", "true", "on", "yes"}


def _sslmode(value: str) -> str:
    return {"true": "require", "1": "require", "false": "disable", "0": "disable"}.get(
        value.lower(), value
    )


def _name(netloc: str, path: str) -> str:
    auth, at, host = netloc.rpartition("@")
    user = quote(unquote(auth.partition(":")[0]))
    return f"postgresql://{user}{at}{host}{path}"
