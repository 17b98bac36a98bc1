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
#: The same where there are others to turn to: a machine that was switched off says nothing at all.
_TURN_SECONDS = 2.0
#: How long to be polite to a server that is left.
_CLOSE_SECONDS = 5.0
#: What one server may say, or not say, so that another is tried.
_PASSED = (
    OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    StoreReadOnly,
)  # fmt: skip
#: Options that tune sockets or the client's own library; asyncpg would send them to the server.
_IGNORED = frozenset({
    "channel_binding", "client_encoding", "gssdelegation", "gssencmode", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
    "max_protocol_version", "min_protocol_version", "prepare_threshold",
    "prepared_statement_name_func", "requirepeer", "require_auth",
    "sslcompression", "sslsni", "target_session_attrs", "tcp_user_timeout",
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
        several = "," in (_host(parts.netloc) or options.get("host", ""))
        usual = _TURN_SECONDS if several else CONNECT_SECONDS
        given = _number(options, ("connect_timeout", "timeout"), usual)
        #: Of each server.  libpq's 0 is no limit; ours is the usual one.
        self._timeout = given if given > 0 else usual
        cache = _number(options, _CACHE, 100.0)
        said = options.pop("pgbouncer", None)
        #: Whether the URL says that a pooler may hand each transaction to another connection of the
        #: server.
        self.is_pooled = is_pooled = cache == 0 if said is None else _flag(said)
        #: Where it says nothing, each connection looks: who stands between shows another process
        #: than the one that serves.
        self._is_told = is_pooled or said is not None
        self._cache = 0 if is_pooled else int(cache)
        #: Whether even one statement needs BEGIN and COMMIT around it: where preparing and running
        #: it must reach the same server, or where transactions are not READ COMMITTED by default.
        self.is_bracketed = is_pooled
        if "ssl" in options:  # as SQLAlchemy's asyncpg dialect names it
            options.setdefault("sslmode", _sslmode(options.pop("ssl")))
        kept = {name: value for name, value in options.items() if name not in _IGNORED}
        kept.setdefault("application_name", "alimi")
        #: What asyncpg understands: each server by itself, for of a list it gives all its time to
        #: one that hangs.
        self.dsns = [
            urlunsplit(("postgresql", netloc, parts.path, urlencode(kept | place), ""))
            for netloc, place in _places(parts.netloc, kept)
        ]
        #: Which of them took writes last, or is to be asked first.
        self._at = 0
        #: For people: without the password.
        self.name = _name(parts.netloc, parts.path)

    async def connect(self, *_args: Any, **given: Any) -> asyncpg.Connection:
        """A connection to a server that takes writes; raises what asyncpg raises, or StoreReadOnly.

        A standby is refused before it can answer: it may lag, and its epoch is that of nobody.
        """
        cache = self._cache
        pid, connection = await self._find(cache, **given)
        if self._is_told or cache == 0 or pid == connection.get_server_pid():
            return connection
        # What it would prepare stays behind in a connection that is somebody else's next.
        self._cache, self.is_bracketed = 0, True
        await connection.close(timeout=_CLOSE_SECONDS)
        return await self.connect(**given)

    async def _find(self, cache: int, **given: Any) -> tuple[int, asyncpg.Connection]:
        """The server that takes writes, sought first where it was last, and its process."""
        problems: list[Exception] = []
        begin = self._at
        for turn in range(len(self.dsns)):
            at = (begin + turn) % len(self.dsns)
            try:
                found = await self._reach(self.dsns[at], cache, **given)
            except _PASSED as error:
                problems.append(error)
            except asyncio.CancelledError:
                # Whoever has less patience than we have would meet the same silence each time.
                self._at = (at + 1) % len(self.dsns)
                raise
            else:
                self._at = at
                return found
        raise _told(problems)

    async def _reach(self, dsn: str, cache: int, **given: Any) -> tuple[int, asyncpg.Connection]:
        connection = await self._open(dsn, cache, **given)
        try:
            return await self._meet(connection), connection
        except BaseException:
            connection.terminate()
            raise

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

    async def _open(self, dsn: str, cache: int, **given: Any) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(
                dsn, timeout=self._timeout, statement_cache_size=cache, **given
            )
        except ValueError as error:
            raise ConfigurationError(f"the URL of the database {self.name}: {error}") from error


async def _look(connection: asyncpg.Connection) -> tuple[int, bool]:
    # Without a name, which would stay in a connection that a pooler gives to others next.
    statement = await connection.prepare(_LOOK, name="")
    pid, is_standby = await statement.fetchrow()
    return pid, is_standby


def _told(problems: list[Exception]) -> Exception:
    """The one that helps most.

    A standby beside a server that did not let us in is no reason to promote it: that one may be the
    primary, at its work.
    """
    others = [each for each in problems if not isinstance(each, StoreReadOnly)]
    if len(others) in {0, len(problems)}:
        return problems[-1]
    reason = str(others[0]) or type(others[0]).__name__
    return StoreReadOnly(
        f"no server takes writes: one is a standby, another could not be asked ({reason})"
    )


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2]


def _places(netloc: str, options: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Each server that is named, before the path or as libpq's options."""
    auth, at, hosts = netloc.rpartition("@")
    if hosts or "host" not in options:
        return [(f"{auth}{at}{host}", {}) for host in hosts.split(",")]
    names = options["host"].split(",")
    ports = options.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names):
        raise ConfigurationError("port in a URL is one for all hosts, or as many as hosts")
    return [
        (netloc, {"host": name} | ({"port": port} if port else {}))
        for name, port in zip(names, ports, strict=True)
    ]


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
