"""Finds the servers of the bus: one, or the shards of a cluster."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

from alimi.addresses import Address, Server, Servers, namespace, parse
from alimi.buses.valkey.link import ValkeyLink, check_primary
from alimi.buses.valkey.resp import RespWire
from alimi.carrier import Carrier, Ears, Patience
from alimi.errors import ConfigurationError
from alimi.metrics import Metrics
from alimi.wire import LinkError

_ENCRYPTED = frozenset({"valkeys", "rediss"})


def make(url: str, identity: str, metrics: Metrics, patience: Patience | None = None) -> Carrier:
    """The bus at `valkey://user:password@host:6379` or, encrypted, `valkeys://…`.

    Of a cluster any of its nodes will do; several may be named.  So may a primary and its
    replicas: the one is used that is the primary at the time.
    """
    dialler = Dialler(parse(url, port=6379), identity)
    return Carrier("valkey", dialler.connect, metrics, patience)


class Dialler:
    """Makes links; each attempt begins with another of the named servers."""

    def __init__(self, address: Address, identity: str) -> None:
        self._address = address
        self._tls: ssl.SSLContext | None = None
        if address.scheme in _ENCRYPTED:
            self._tls = address.tls()
        elif address.names_tls_files:
            raise ConfigurationError(
                "ca, cert and key are for an encrypted bus: write valkeys:// or rediss://"
            )
        self._space = namespace(address.options, identity)
        self.servers = Servers(address.hosts)

    async def connect(self, ears: Ears) -> ValkeyLink:
        """Ask the next server whether there are more; the carrier comes again."""
        at = self.servers.next()
        link = ValkeyLink(ears, self._space)
        first = RespWire(link.pushed)
        wires = {at: first}
        used: list[RespWire] = []
        try:
            hello = await self._greet(first, at)
            mode = hello.get(b"mode")
            if mode == b"sentinel":
                raise LinkError("this is a Sentinel: name the servers that it watches over")
            if mode == b"cluster":
                shards = await self._shards(link, at, wires)
            else:
                check_primary(hello)
                shards = [(0, first)]
            used = [wire for _, wire in shards]
            link.own(shards)
        finally:
            for wire in wires.values():
                if wire not in used:  # all of them when it failed, else a replica that was asked
                    wire.close()
        return link

    async def _greet(self, wire: RespWire, at: Server) -> dict[Any, Any]:
        await wire.dial(*at, self._tls, self.servers.certified(at[0]))
        words = [b"HELLO", b"3"]
        if self._address.user is not None:
            user, password = self._address.user or "default", self._address.password or ""
            words += [b"AUTH", user.encode(), password.encode()]
        hello = await wire.ask(*words, b"SETNAME", b"alimi")
        return hello if isinstance(hello, dict) else {}

    async def _shards(
        self, link: ValkeyLink, seed: Server, wires: dict[Server, RespWire]
    ) -> list[tuple[int, RespWire]]:
        """A connection to the primary of each range of slots."""
        first = wires[seed]
        slots = await first.ask(b"CLUSTER", b"SLOTS")
        nodes = list(_nodes(slots, seed[0]))
        ranges = sorted((start, at) for start, rank, at, _ in nodes if rank == 0)
        if not ranges or ranges[0][0] != 0:
            raise LinkError("the cluster does not serve all slots")
        mine = await first.ask(b"CLUSTER", b"MYID")
        # The one that was asked may be known by another name there; its own will do.
        others = (at for _, _, at, number in nodes if number != mine or at == seed)
        self.servers.learn(others, seed[0])
        wires |= {at: first for _, _, at, number in nodes if number == mine}
        new = {at for _, at in ranges} - set(wires)
        wires |= {at: RespWire(link.pushed) for at in new}
        for hello in await asyncio.gather(*(self._greet(wires[at], at) for at in new)):
            check_primary(hello)
        return [(start, wires[at]) for start, at in ranges]


def _nodes(slots: Any, seed: str) -> Iterator[tuple[int, int, Server, bytes]]:
    """Of each range its first slot, and its servers: the primary, and its replicas by rank.

    One that does not know its own name is found where it was asked.
    """
    for start, _, *servers in slots:
        for rank, (host, port, number, *_) in enumerate(servers):
            yield start, rank, ((host or b"").decode() or seed, port), number
