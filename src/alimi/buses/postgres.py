"""The bus over LISTEN and NOTIFY: one connection for each node, and every node hears all.

A transaction that notifies takes a lock across the whole server when it commits, so the
application's never do: what a node has to say goes out on this connection, after the fact, many
hints in one payload and many payloads in one transaction, which waits for no disk.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from json.encoder import encode_basestring_ascii
from typing import Any, Protocol

import asyncpg
import msgspec

from alimi.addresses import namespace
from alimi.carrier import Carrier, Ears, Patience
from alimi.errors import StoreReadOnly
from alimi.metrics import BusDrop, Metrics
from alimi.model import HangUp, Hint, SignalTo
from alimi.telegrams import LOOK, Look, Said, Version
from alimi.wire import LinkError

logger = logging.getLogger("alimi")

#: PostgreSQL's bound of one payload, in bytes.
_MOST_BYTES = 7_999
#: More payloads of hints than this at once are not worth their weight: one says "look".
_MOST_PAYLOADS = 32
#: How long a notification through a pooler may take to come back, and where it goes: a pooler may
#: keep the LISTEN for its other clients, so it is for a channel on which hardly anything is said.
_ECHO_SECONDS = 2
_ECHO_CHANNEL = "alimi_echo"
#: How asyncpg says that a connection is of no use any more.
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_PREPARE = "SET synchronous_commit = off; SET idle_session_timeout = 0; SET jit = off"
_NOTIFY = "SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said"
_POOLED = (
    "a pooler that gives each transaction another connection cannot LISTEN: give bus= a "
    "postgresql:// URL that leads to the server directly"
)


class Target(Protocol):
    """A database and how to connect to it."""

    @property
    def is_pooled(self) -> bool:
        """Whether its URL says that a pooler stands before it."""

    async def connect(self) -> Any:
        """A connection of asyncpg."""


def make(
    target: Target, identity: str, metrics: Metrics, patience: Patience | None = None
) -> Carrier:
    """The bus in the database of `target`, which need not be the store's."""
    channel = f"alimi_{namespace({}, identity)}"

    async def connect(ears: Ears) -> PostgresLink:
        if target.is_pooled:
            raise LinkError(_POOLED)
        try:
            return await _connect(target, channel, ears)
        except (*_FAILURES, StoreReadOnly) as error:
            raise LinkError(str(error) or type(error).__name__) from error

    return Carrier("postgres", connect, metrics, patience)


async def _connect(target: Target, channel: str, ears: Ears) -> PostgresLink:
    connection = await target.connect()
    try:
        if await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid():
            await _check_pooler(target, connection)
        # Not before: what is set through a pooler that shares its connections is set for others.
        await connection.execute(_PREPARE)
        link = PostgresLink(connection, channel, ears)
        await connection.add_listener(channel, link.hear)
    except BaseException:
        connection.terminate()
        raise
    return link


async def _check_pooler(target: Target, connection: Any) -> None:
    """Somebody stands between: does what another connection says come through?"""
    token, echoed = secrets.token_hex(8), asyncio.Event()

    def hear(_connection: Any, _pid: int, _channel: str, said: object) -> None:
        if said == token:
            echoed.set()

    await connection.add_listener(_ECHO_CHANNEL, hear)
    other = await target.connect()
    try:
        await other.execute("SELECT pg_notify($1, $2)", _ECHO_CHANNEL, token)
        async with asyncio.timeout(_ECHO_SECONDS):
            await echoed.wait()
    except TimeoutError:
        raise LinkError(_POOLED) from None
    finally:
        other.terminate()
    await connection.remove_listener(_ECHO_CHANNEL, hear)


class PostgresLink:
    """One connection that listens and notifies; what it says itself it does not hear."""

    def __init__(self, connection: Any, channel: str, ears: Ears) -> None:
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = self._loop.create_future()
        self._connection = connection
        self._channel = channel
        self._ears = ears
        self._pid = connection.get_server_pid()
        #: A connection does one thing at a time.
        self._turn = asyncio.Lock()
        connection.add_termination_listener(lambda _: self.close("the connection ended"))

    def follow(self, recipients: Iterable[str]) -> None:
        """Everything is heard anyway, and what concerns nobody here is dropped."""

    def unfollow(self, recipients: Iterable[str]) -> None:
        """See `follow`."""

    def confirm(self) -> asyncio.Future[None]:
        """LISTEN has been answered before the link was there."""
        confirmed: asyncio.Future[None] = self._loop.create_future()
        confirmed.set_result(None)
        return confirmed

    async def probe(self) -> None:
        """Ask the server something; raises LinkError."""
        await self._run("SELECT 1")

    async def send(self, batch: Sequence[Said]) -> None:
        """One transaction, however much there is to say."""
        payloads = list(pack(batch, self._ears.dropped))
        if payloads:
            await self._run(_NOTIFY, self._channel, payloads)

    def close(self, reason: str = "closed") -> None:
        """End at once."""
        if not self.gone.done():
            self.gone.set_result(reason)
            self._connection.terminate()

    async def _run(self, sql: str, *parameters: Any) -> None:
        try:
            async with self._turn:
                await self._connection.execute(sql, *parameters)
        except _FAILURES as error:
            raise LinkError(str(error) or type(error).__name__) from error

    def hear(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        """A notification has come; asyncpg calls this on the loop."""
        del connection, channel
        if pid == self._pid:
            return
        said = unpack(str(payload))
        if said is None:
            self._ears.dropped("malformed")
            return
        for each in said:
            self._ears.heard(each)


class _Hints(msgspec.Struct, frozen=True, array_like=True, tag="h"):
    recipients: list[str]
    versions: list[Version]


class _Signal(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    recipients: list[str]
    name: str
    data: Any = None


class _HangUp(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    recipient: str
    session: str | None = None


_decode = msgspec.json.Decoder(_Hints | _Signal | _HangUp | Look).decode


def pack(batch: Sequence[Said], dropped: Callable[[BusDrop, int], None]) -> Iterator[str]:
    """The payloads of a batch: ASCII, whatever encoding the database has."""
    hints = [said for said in batch if isinstance(said, Hint)]
    packed = list(_pack_hints(hints))
    look = len(packed) > _MOST_PAYLOADS
    if look:
        dropped("too-many", len(hints))
    else:
        yield from packed
    signals = [said for said in batch if isinstance(said, SignalTo)]
    for payload in _pack_signals(signals):
        if len(payload) <= _MOST_BYTES:
            yield payload
        else:
            dropped("too-large", 1)
    for said in batch:
        if isinstance(said, HangUp):
            yield _ascii(_HangUp(said.recipient, said.session))
        look = look or isinstance(said, Look)
    if look:
        yield LOOK.decode()


def _pack_hints(hints: Sequence[Hint]) -> Iterator[str]:
    quoted = ((encode_basestring_ascii(hint.recipient), str(hint.version)) for hint in hints)
    room = _MOST_BYTES - len('["h",[],[]]')
    for part in _parts(quoted, room):
        names, versions = zip(*part, strict=True)
        yield f'["h",[{",".join(names)}],[{",".join(versions)}]]'


def _pack_signals(signals: Sequence[SignalTo]) -> Iterator[str]:
    """One signal to many recipients is written once for as many as fit; the order is kept."""
    for _, alike in groupby(signals, lambda signal: (signal.name, id(signal.data))):
        group = list(alike)
        empty = _ascii(_Signal([], group[0].name, group[0].data))
        quoted = ((encode_basestring_ascii(signal.recipient),) for signal in group)
        for part in _parts(quoted, _MOST_BYTES - len(empty)):
            names = ",".join(name for (name,) in part)
            yield '["s",[' + names + empty.removeprefix('["s",[')


def _parts(pieces: Iterable[tuple[str, ...]], room: int) -> Iterator[list[tuple[str, ...]]]:
    """Cut where the next piece, with its commas, would not fit."""
    part: list[tuple[str, ...]] = []
    used = 0
    for piece in pieces:
        size = sum(map(len, piece)) + len(piece)
        if part and used + size > room:
            yield part
            part, used = [], 0
        part.append(piece)
        used += size
    if part:
        yield part


def _ascii(told: msgspec.Struct) -> str:
    """JSON in ASCII: outside of strings there is nothing else, and inside it can be escaped."""
    text = msgspec.json.encode(told).decode()
    return text if text.isascii() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isascii() else encode_basestring_ascii(character)[1:-1]


def unpack(payload: str) -> list[Said] | None:
    """The other way; None for what is none of ours, or of a newer version."""
    try:
        told: _Hints | _Signal | _HangUp | Look = _decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if isinstance(told, _Hints):
        if len(told.recipients) != len(told.versions):
            return None
        return [Hint(*pair) for pair in zip(told.recipients, told.versions, strict=True)]
    if isinstance(told, _Signal):
        return [SignalTo(recipient, told.name, told.data) for recipient in told.recipients]
    if isinstance(told, _HangUp):
        return [HangUp(told.recipient, told.session)]
    return [told]
