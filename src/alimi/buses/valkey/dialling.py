"""Finds the servers of the bus: one, or the shards of a cluster."""

from __future__ import annotations

import asyncio
import random
import ssl
from typing import Any

from alimi.addresses import Address, namespace, parse
from alimi.buses.valkey.link import ValkeyLink
from alimi.buses.valkey.resp import RespWire
from alimi.carrier import Carrier, Ears, Patience
from alimi.errors import ConfigurationError
from alimi.metrics import Metrics
from alimi.wire import LinkError

_ENCRYPTED = frozenset({"valkeys", "rediss"})


def make(url: str, identity: str, metrics: Metrics, patience: Patience | None = None) -> Carrier:
    """The bus at `valkey://user:password@host:6379` or, encrypted, `valkeys://…`.

    Of a cluster any of its nodes will do; several may be named.
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
        self._hosts = list(address.hosts)
        random.shuffle(self._hosts)

    async def connect(self, ears: Ears) -> ValkeyLink:
        """Ask one server whether there are more."""
        host, port = self._hosts[0]
        self._hosts.append(self._hosts.pop(0))
        link = ValkeyLink(ears, self._space)
        wires: dict[tuple[str, int], RespWire] = {}
        try:
            first = wires[host, port] = RespWire(link.pushed)
            mode = await self._greet(first, host, port)
            if mode == b"cluster":
                link.own(await self._shards(link, await first.ask(b"CLUSTER", b"SLOTS"), wires))
            else:
                link.own([(0, first)])
        except BaseException:
            for wire in wires.values():
                wire.close()
            raise
        return link

    async def _greet(self, wire: RespWire, host: str, port: int) -> Any:
        await wire.dial(host, port, self._tls)
        words = [b"HELLO", b"3"]
        if self._address.user is not None:
            user, password = self._address.user or "default", self._address.password or ""
            words += [b"AUTH", user.encode(), password.encode()]
        hello = await wire.ask(*words, b"SETNAME", b"alimi")
        return hello.get(b"mode") if isinstance(hello, dict) else None

    async def _shards(
        self, link: ValkeyLink, slots: Any, wires: dict[tuple[str, int], RespWire]
    ) -> list[tuple[int, RespWire]]:
        """A connection to the primary of each range of slots."""
        (seed, _), first = next(iter(wires.items()))
        ranges = sorted(
            (start, ((node[0] or b"").decode() or seed, node[1])) for start, _, node, *_ in slots
        )
        if not ranges or ranges[0][0] != 0:
            raise LinkError("the cluster does not serve all slots")
        mine = await first.ask(b"CLUSTER", b"MYID")
        for start, _, node, *_ in slots:
            del start
            if node[2] == mine:  # by another name, perhaps
                wires[(node[0] or b"").decode() or seed, node[1]] = first
        new = {at for _, at in ranges} - set(wires)
        for at in new:
            wires[at] = RespWire(link.pushed)
        await asyncio.gather(*(self._greet(wires[at], *at) for at in new))
        return [(start, wires[at]) for start, at in ranges]
