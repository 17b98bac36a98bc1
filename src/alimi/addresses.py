"""Where a bus is: the URL that names its servers, who we are there, and how to encrypt."""

from __future__ import annotations

import hashlib
import ipaddress
import random
import re
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from alimi.errors import ConfigurationError

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
#: Files that TLS needs.
_TLS = ("ca", "cert", "key")
#: And the name under which this application's traffic runs.
_OPTIONS = ("prefix", *_TLS)
#: Servers that one may name beside itself.
_MOST_TOLD = 100

#: A name or a number, and a port.
Server = tuple[str, int]


class Address(msgspec.Struct, frozen=True):
    """A parsed URL; printing it shows no password."""

    scheme: str
    hosts: tuple[Server, ...]
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

    `port` is that of servers which name none; a database's number behind them means nothing, for
    what a bus says belongs to no database.  Raises ConfigurationError.
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    found = [_server(each, port) for each in rest.rstrip("/").split(",")]
    users = [user for user, _ in found if user is not None]
    user, password = users[0] if users else (None, None)
    hosts = tuple(host for _, host in found)
    return Address(scheme, hosts, user, password, _options(query))


class Servers:
    """Whom to try next: those that the URL names, and those that one of them told of last."""

    def __init__(self, named: Sequence[Server]) -> None:
        self._named = named
        self._all = list(named)
        random.shuffle(self._all)
        #: What the certificate of a server that was told by its number has to say.
        self._names: dict[str, str] = {}

    def __iter__(self) -> Iterator[Server]:
        return iter(self._all)

    def next(self) -> Server:
        """Each in turn."""
        self._all.append(self._all.pop(0))
        return self._all[-1]

    def certified(self, host: str) -> str:
        """The name that its certificate has to show."""
        return self._names.get(host, host)

    def learn(self, told: Iterable[Server], teller: str) -> None:
        """Those told before are gone if they are not told again: in a cluster they come and go.

        Servers mostly tell numbers where certificates hold names, so one that is told by number
        may show the name by which we came to its teller.
        """
        told = list(dict.fromkeys(told))[:_MOST_TOLD]
        name = self.certified(teller)
        unnamed = {host for host, _ in told if _is_number(host)} - {host for host, _ in self._named}
        self._names = {} if _is_number(name) else dict.fromkeys(unnamed, name)
        kept = {*self._named, *told}
        self._all = [each for each in self._all if each in kept]
        self._all += [each for each in told if each not in self._all]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _server(text: str, port: int) -> tuple[tuple[str, str | None] | None, Server]:
    """One of several servers; each may repeat the scheme and the user."""
    try:
        parts = urlsplit("//" + text.rpartition("://")[2].strip())
        host, given = parts.hostname, parts.port
    except ValueError:
        host, given = None, None
    if not host:
        raise ConfigurationError(
            "the bus's URL names no server, or no port of one: write it like nats://host:4222, and "
            "in a password %2C for a comma, %2F for a slash, %3F for a question mark, %23 for #"
        )
    if parts.path.strip("/").strip("0123456789"):
        raise ConfigurationError(
            "behind the servers the bus's URL takes ?prefix= and the like, and no path; a slash in "
            "a password is written %2F"
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
