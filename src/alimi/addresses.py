"""Where a bus is: the URL that names its servers, who we are there, and how to encrypt."""

from __future__ import annotations

import hashlib
import re
import ssl
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from alimi.errors import ConfigurationError

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
#: Files that TLS needs.
_TLS = ("ca", "cert", "key")
#: And the name under which this application's traffic runs.
_OPTIONS = ("prefix", *_TLS)


class Address(msgspec.Struct, frozen=True):
    """A parsed URL; printing it shows no password."""

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    user: str | None
    password: str | None
    options: dict[str, str]

    def __str__(self) -> str:
        return f"{self.scheme}://{','.join(f'{host}:{port}' for host, port in self.hosts)}"

    def __repr__(self) -> str:
        return str(self)

    @property
    def names_tls_files(self) -> bool:
        """Whether whoever wrote it expects encryption."""
        return not self.options.keys().isdisjoint(_TLS)

    def tls(self) -> ssl.SSLContext:
        """Raises ConfigurationError for a file that cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.options.get("ca"))
            if "cert" in self.options:
                context.load_cert_chain(self.options["cert"], self.options.get("key"))
        except OSError as error:
            raise ConfigurationError(f"the bus's TLS files cannot be read: {error}") from None
        return context


def parse(url: str, *, port: int) -> Address:
    """`scheme://user:password@host:port,host:port?prefix=shop&ca=/etc/ca.pem`.

    `port` is that of servers which name none.  Raises ConfigurationError.
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    found = [_server(each, port) for each in rest.rstrip("/").split(",")]
    users = [user for user, _ in found if user is not None]
    user, password = users[0] if users else (None, None)
    hosts = tuple(host for _, host in found)
    return Address(scheme, hosts, user, password, _options(query))


def _server(text: str, port: int) -> tuple[tuple[str, str | None] | None, tuple[str, int]]:
    """One of several servers; each may repeat the scheme and the user."""
    try:
        parts = urlsplit("//" + text.rpartition("://")[2].strip())
        host, given = parts.hostname, parts.port
    except ValueError:
        host, given = None, None
    if not host:
        raise ConfigurationError(
            "the bus's URL names no server, or no port of one: write it like nats://host:4222"
        )
    user = None
    if parts.username is not None:
        secret = parts.password
        user = (unquote(parts.username), None if secret is None else unquote(secret))
    return user, (host, given or port)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query))
    unknown = sorted(set(options).difference(_OPTIONS))
    if unknown:
        raise ConfigurationError(
            f"the bus's URL has no option {unknown[0]}; it has {', '.join(sorted(_OPTIONS))}"
        )
    prefix = options.get("prefix")
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(
            "the bus's prefix is 1 to 32 letters, digits, underscores and dashes"
        )
    return options


def namespace(options: dict[str, str], identity: str) -> str:
    """Under what an application's traffic runs, so that two may share a server.

    It follows from the store's identity: nodes of one database find each other, and others do not
    hear them.  `prefix` names it outright.
    """
    return options.get("prefix") or digest(identity, size=9)


def digest(*parts: str, size: int = 15) -> str:
    """Letters, digits, `-` and `_` only, whatever a recipient is called; no two are alike."""
    made = hashlib.blake2b("\0".join(parts).encode(), digest_size=size).digest()
    return urlsafe_b64encode(made).decode()
