"""Where a database is: what the many spellings of its URL mean to asyncpg."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from alimi.errors import ConfigurationError

#: How long to wait for a server that does not answer.
CONNECT_SECONDS = 10.0
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
        #: Whether a pooler may hand each transaction to another connection of the server.
        self.is_pooled = is_pooled = _flag(options.pop("pgbouncer", "false")) or cache == 0
        self._cache = 0 if is_pooled else int(cache)
        #: Whether even one statement needs BEGIN and COMMIT around it: where preparing and running
        #: it must reach the same server, or where transactions are not READ COMMITTED by default.
        self.is_bracketed = is_pooled
        if "ssl" in options:  # as SQLAlchemy's asyncpg dialect names it
            options.setdefault("sslmode", _sslmode(options.pop("ssl")))
        kept = {name: value for name, value in options.items() if name not in _IGNORED}
        if "," in _host(parts.netloc, kept):
            kept.setdefault("target_session_attrs", "read-write")
        kept.setdefault("application_name", "alimi")
        #: What asyncpg understands.
        self.dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(kept), ""))
        #: For people: without the password.
        self.name = _name(parts.netloc, parts.path)

    async def connect(self, *_args: Any, **given: Any) -> asyncpg.Connection:
        """A connection; raises what asyncpg raises."""
        try:
            return await asyncpg.connect(
                self.dsn, timeout=self._timeout, statement_cache_size=self._cache, **given
            )
        except ValueError as error:
            raise ConfigurationError(f"the URL of the database {self.name}: {error}") from error


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
