"""A life of the bus over Valkey: one connection, or one for each shard of a cluster."""

from __future__ import annotations

import asyncio
import binascii
import secrets
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from alimi import telegrams
from alimi.addresses import digest
from alimi.buses.valkey.resp import Push, Refusal, Reply, RespWire
from alimi.carrier import Ears
from alimi.telegrams import LOOK, Look, Said
from alimi.wire import LinkError

#: Messages joined into one write.
_AT_ONCE = 256
_SLOTS = 16_384


class ValkeyLink:
    """Subscriptions are one dictionary; a channel belongs to the shard of its slot."""

    def __init__(self, ears: Ears, space: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = self._loop.create_future()
        self._ears = ears
        self._space = f"alimi:{space}:".encode()
        #: Before each payload, as the server sends us what we say ourselves too.
        self._sender = secrets.token_hex(4).encode()
        self._everybody = self._space + b"all"
        self._recipients: dict[bytes, str] = {self._everybody: ""}
        self._wires: list[RespWire] = []
        #: The first slot of each range, rising, and who owns it.
        self._starts: list[int] = [0]
        self._owners: list[RespWire] = []

    def own(self, shards: Sequence[tuple[int, RespWire]]) -> None:
        """The ranges' first slots and their connections; all slots are somebody's."""
        self._starts = [start for start, _ in shards]
        self._owners = [wire for _, wire in shards]
        self._wires = list(dict.fromkeys(self._owners))
        for wire in self._wires:
            wire.gone.add_done_callback(lambda gone: self.close(gone.result()))
        self._say(self._everybody, b"SSUBSCRIBE", self._everybody)
        # Whether all is allowed that we shall need is known at once too: nobody follows this one.
        nobody = self._space + b"nobody"
        self._say(nobody, b"SPUBLISH", nobody, b"")
        self._say(nobody, b"SUNSUBSCRIBE", nobody, reply=self._unsubscribed)

    # -- what the carrier asks ----------------------------------------------------------------

    def follow(self, recipients: Iterable[str]) -> None:
        """SSUBSCRIBE, one command for each: in a cluster they belong to different shards."""
        for recipient in recipients:
            channel = self._channel(recipient)
            if channel not in self._recipients:
                self._recipients[channel] = recipient
                self._say(channel, b"SSUBSCRIBE", channel)

    def unfollow(self, recipients: Iterable[str]) -> None:
        """SUNSUBSCRIBE."""
        for recipient in recipients:
            channel = self._channel(recipient)
            if self._recipients.pop(channel, None) is not None:
                self._say(channel, b"SUNSUBSCRIBE", channel, reply=self._unsubscribed)

    def confirm(self) -> asyncio.Future[None]:
        """Every shard has answered."""
        if len(self._wires) == 1:
            return self._wires[0].confirm()
        return asyncio.ensure_future(self._answered())

    async def probe(self) -> None:
        """Ask every server, also whether it is still a primary; raises LinkError.

        One that was replaced may keep its connections: it hears the others, who do not hear it.
        """
        for wire in self._wires:
            wire.say(self._greeted, b"HELLO")
        await self._answered()

    async def _answered(self) -> None:
        answers = await asyncio.gather(
            *(wire.probe() for wire in self._wires), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def send(self, batch: Sequence[Said]) -> None:
        """SPUBLISH, many in one write."""
        for start in range(0, len(batch), _AT_ONCE):
            for said in batch[start : start + _AT_ONCE]:
                channel, body = self._told(said)
                self._say(channel, b"SPUBLISH", channel, self._sender + body)
            for wire in self._wires:
                await wire.drain()
            if self.gone.done():
                raise LinkError(self.gone.result())

    def close(self, reason: str = "closed") -> None:
        """End at once, everywhere."""
        if not self.gone.done():
            self.gone.set_result(reason)
        for wire in self._wires:
            wire.close(reason)

    def _told(self, said: Said) -> tuple[bytes, bytes]:
        if isinstance(said, Look):
            return self._everybody, LOOK
        return self._channel(said.recipient), telegrams.encode(said)

    def _channel(self, recipient: str) -> bytes:
        """Names may hold anything, also the braces that choose a slot."""
        return self._space + digest("to", recipient).encode()

    def _say(self, channel: bytes, *words: bytes, reply: Reply | None = None) -> None:
        wire = self._owners[bisect_right(self._starts, slot_of(channel)) - 1]
        wire.say(reply or self._replied, *words)

    # -- what the server says -----------------------------------------------------------------

    def _replied(self, value: Any) -> None:
        """A reply; those of subscriptions are pushes, unless they failed."""
        if isinstance(value, Refusal):
            # MOVED, CLUSTERDOWN, LOADING …: find out anew who owns what.  And NOPERM: we would be
            # deaf or dumb, and nobody would know.
            raise value.told()

    def _greeted(self, value: Any) -> None:
        self._replied(value)
        check_primary(value)

    def _unsubscribed(self, value: Any) -> None:
        """Known by its name: a push of this kind that we did not ask for is another's doing."""
        self._replied(value)

    def pushed(self, wire: RespWire, push: Push) -> None:
        """News, or the reply to a subscription, which is a push in this protocol."""
        match push:
            case [b"smessage", bytes(channel), bytes(payload)]:
                self._hear(channel, payload)
            case [b"ssubscribe", *_] if wire.replies:
                wire.replies.popleft()
            case [b"sunsubscribe", *_]:
                if not wire.replies or wire.replies[0] != self._unsubscribed:
                    raise LinkError("the cluster has moved a slot")
                wire.replies.popleft()
            case _:
                pass

    def _hear(self, channel: bytes, payload: bytes) -> None:
        recipient = self._recipients.get(channel)
        if recipient is None or payload.startswith(self._sender):
            return
        said = telegrams.decode(recipient, payload[len(self._sender) :])
        if said is None or isinstance(said, Look) == bool(recipient):
            self._ears.dropped("malformed")
        else:
            self._ears.heard(said)


def check_primary(hello: Any) -> None:
    """Raises LinkError for the greeting of a server on which nobody hears us."""
    if isinstance(hello, dict) and hello.get(b"role") in {b"replica", b"slave"}:
        raise LinkError(
            "the server is a replica, and nobody hears what is said there: its primary is needed"
        )


def slot_of(channel: bytes) -> int:
    """As a cluster computes it, for a name without braces."""
    return binascii.crc_hqx(channel, 0) % _SLOTS
