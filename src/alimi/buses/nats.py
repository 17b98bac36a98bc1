"""The bus over NATS: one subject for each recipient, so a node hears only what concerns it.

We speak the protocol ourselves: the usual client keeps a queue and a task for each subscription,
4.8 KiB for every connected recipient where a whole idle stream takes 2 (measured).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from alimi import telegrams
from alimi.addresses import Address, Server, Servers, digest, namespace, parse
from alimi.carrier import Carrier, Ears, Patience
from alimi.errors import ConfigurationError
from alimi.metrics import Metrics
from alimi.telegrams import LOOK, Look, Said
from alimi.wire import LinkError, Wire

#: Messages joined into one write.
_AT_ONCE = 256


def make(url: str, identity: str, metrics: Metrics, patience: Patience | None = None) -> Carrier:
    """The bus at `nats://user:password@host:4222,host:4222` or, encrypted, `tls://…`."""
    dialler = Dialler(parse(url, port=4222), identity)
    return Carrier("nats", dialler.connect, metrics, patience)


class Dialler:
    """Finds a server that answers: those of the URL, and those that a server names."""

    def __init__(self, address: Address, identity: str) -> None:
        self._address = address
        #: What is wrong with it is said at once; else it is made when a server asks for it, for it
        #: takes 30 ms and a megabyte.
        expected = address.scheme == "tls" or address.names_tls_files
        self._tls = address.tls() if expected else None
        self._space = namespace(address.options, identity)
        self.servers = Servers(address.hosts)

    async def connect(self, ears: Ears) -> NatsLink:
        """Try the next server; the carrier comes again."""
        host, port = self.servers.next()
        name = self.servers.certified(host)
        link = NatsLink(ears, self._space, lambda told: self.servers.learn(told, host))
        try:
            await link.dial(host, port)
            info = await link.greeting
            if self._address.scheme == "tls" or info.get("tls_required"):
                self._tls = self._tls or self._address.tls()
                await link.encrypt(self._tls, name)
            link.introduce(self._address.user, self._address.password)
            await asyncio.shield(link.confirm())
        except BaseException:
            link.close()
            raise
        return link


class NatsLink(Wire):
    """One connection; subscriptions are numbers in two dictionaries."""

    def __init__(self, ears: Ears, space: str, told: Callable[[Iterable[Server]], None]) -> None:
        super().__init__()
        #: Called with the servers of the cluster, whenever they have changed.
        self._told = told
        self.greeting: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.gone.add_done_callback(self._stop_greeting)
        self._ears = ears
        self._space = space
        self._numbers = itertools.count(1)
        self._recipients: dict[bytes, str] = {}
        self._subscriptions: dict[str, bytes] = {}
        self._max_payload = 1_048_576
        self._payload: tuple[bytes, int] | None = None

    def introduce(self, user: str | None, password: str | None) -> None:
        """CONNECT; what follows is in force, or the connection ends."""
        told: dict[str, Any] = {
            "verbose": False, "pedantic": False, "echo": False, "name": "alimi",
            "lang": "python", "version": "1", "protocol": 1,
        }  # fmt: skip
        if user is not None:
            told |= {"auth_token": user} if password is None else {"user": user, "pass": password}
        self.write(b"CONNECT %b\r\n" % msgspec.json.encode(told))
        self.write(b"SUB %b 0\r\n" % self._subject("all"))
        # Whether we may speak is known at once too: nobody follows this one.
        self.write(b"PUB %b 0\r\n\r\n" % self._subject("to", ""))

    def _subject(self, *parts: str) -> bytes:
        """Names may hold anything; a subject may not."""
        last = parts[-1] if len(parts) == 1 else digest(*parts)
        return f"alimi.{self._space}.{last}".encode()

    # -- what the carrier asks ----------------------------------------------------------------

    def follow(self, recipients: Iterable[str]) -> None:
        """SUB, once for each."""
        for recipient in recipients:
            if recipient not in self._subscriptions:
                number = str(next(self._numbers)).encode()
                self._subscriptions[recipient] = number
                self._recipients[number] = recipient
                self.write(b"SUB %b %b\r\n" % (self._subject("to", recipient), number))

    def unfollow(self, recipients: Iterable[str]) -> None:
        """UNSUB."""
        for recipient in recipients:
            number = self._subscriptions.pop(recipient, None)
            if number is not None:
                del self._recipients[number]
                self.write(b"UNSUB %b\r\n" % number)

    async def send(self, batch: Sequence[Said]) -> None:
        """PUB, many in one write; the server does not answer."""
        for start in range(0, len(batch), _AT_ONCE):
            for said in batch[start : start + _AT_ONCE]:
                self._publish(said)
            await self.drain()
            if self.gone.done():
                raise LinkError(self.gone.result())

    def _publish(self, said: Said) -> None:
        if isinstance(said, Look):
            subject, body = self._subject("all"), LOOK
        else:
            subject, body = self._subject("to", said.recipient), telegrams.encode(said)
        if len(body) > self._max_payload:  # the server would end the connection
            self._ears.dropped("too-large")
            return
        self.write(b"PUB %b %d\r\n%b\r\n" % (subject, len(body), body))

    # -- what the server says -----------------------------------------------------------------

    def take(self, data: bytearray) -> int:
        """Read lines, and the payloads that some of them announce."""
        at = 0
        while True:
            if self._payload is not None:
                number, size = self._payload
                if len(data) < at + size + 2:
                    return at
                self._hear(number, bytes(data[at : at + size]))
                at += size + 2
                self._payload = None
            end = data.find(b"\r\n", at)
            if end < 0:
                return at
            self._read(bytes(data[at:end]))
            at = end + 2

    def _read(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        match verb.upper():
            case b"MSG":
                words = rest.split()
                if len(words) < 3 or not words[-1].isdigit():
                    raise LinkError("the server sent a MSG that is none")
                self._payload = (words[1], int(words[-1]))
            case b"PING":
                self.write(b"PONG\r\n")
            case b"PONG":
                self.answered()
            case b"INFO":
                self._learn(rest)
            case b"-ERR":
                # Also for a subject that is forbidden, after which the server goes on: we would
                # be deaf or dumb, and nobody would know.
                text = rest.decode("utf-8", "replace").strip(" '")
                raise LinkError(f"the server says: {text:.200}")
            case b"+OK" | b"":
                pass
            case _:
                raise LinkError("the server does not speak NATS")

    def _learn(self, told: bytes) -> None:
        try:
            info = msgspec.json.decode(told, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise LinkError("the server sent an INFO that is none") from None
        limit = info.get("max_payload")
        if isinstance(limit, int):
            self._max_payload = limit
        # Also in the middle of a link: who waits for the end of this server to learn of another
        # never does.
        self._told(_servers(info.get("connect_urls")))
        if not self.greeting.done():
            self.greeting.set_result(info)

    def _hear(self, number: bytes, body: bytes) -> None:
        recipient = "" if number == b"0" else self._recipients.get(number)
        if recipient is None:
            return  # no longer followed
        said = telegrams.decode(recipient, body)
        if said is None or isinstance(said, Look) == bool(recipient):
            self._ears.dropped("malformed")
        else:
            self._ears.heard(said)

    def _stop_greeting(self, gone: asyncio.Future[str]) -> None:
        if not self.greeting.done():
            self.greeting.set_exception(LinkError(gone.result()))
            self.greeting.exception()  # somebody may have stopped waiting


def _servers(urls: object) -> Iterable[Server]:
    """Those of a greeting that can be read."""
    for url in urls if isinstance(urls, list) else ():
        with contextlib.suppress(ConfigurationError):
            yield from parse(f"nats://{url}", port=4222).hosts
