"""How servers let the Valkey bus in, and how they throw it out: rights, passwords, limits, TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from alimi.buses.valkey import make
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from tests.buses.conftest import Opened
from tests.buses.harness import QUICK, connected, cut_off_for_slowness, refused
from tests.docs import pages
from tests.fast.site import CERTIFICATE
from tests.support.processes import free_port
from tests.support.servers import wait_until
from tests.support.tcp_proxy import TcpProxy
from tests.support.valkey import SentinelServer, ValkeyServer

#: As docs/bus.md gives it.
RIGHTS = pages.checks(pages.DOCS / "bus.md")["valkey rights"].strip()
#: What each server says of a right that is missing.
NEEDED = {"+ping", "+spublish", "+ssubscribe", "+sunsubscribe"}
NEEDED_IN_CLUSTERS = {"+cluster|slots", "+cluster|myid"}
#: Whatever in a URL means something else.
PASSWORD = "p@s:s/w?o#r,d%25+[é]"

Kind = Callable[..., ValkeyServer]


def bus(server: ValkeyServer, user: str = "", *, port: int | None = None) -> Carrier:
    """A bus of the one application."""
    url = f"redis://{user and user + '@'}127.0.0.1:{port or server.port}/1"
    return make(url, "one", Metrics(), QUICK)


@pytest.mark.parametrize("cluster", [False, True], ids=["server", "cluster"])
async def test_the_rights_that_the_page_names_are_enough_and_each_is_needed(
    kind: Kind, opened: Opened, cluster: bool
) -> None:
    """Without one the bus is away and says which; with it again it is back, by itself."""
    with kind(cluster=cluster) as server:
        assert server.ask(RIGHTS) == "+OK"
        one, two = [await opened(bus(server, "alimi:the-password")) for _ in range(2)]
        await two.bus.follow(["anna"])
        await two.until_it_hears(one, "anna")
        two.bus.unfollow(["anna"])
        rights = set(RIGHTS.split()) & {*NEEDED, *NEEDED_IN_CLUSTERS}
        assert rights == NEEDED | NEEDED_IN_CLUSTERS
        for right in NEEDED_IN_CLUSTERS if cluster else NEEDED:
            server.ask(f"ACL SETUSER alimi -{right[1:]}")
            server.ask("CLIENT KILL USER alimi")
            await refused(two, f"'{right[1:]}'")
            server.ask(f"ACL SETUSER alimi {right}")
            await connected(two)


async def test_a_right_that_is_taken_from_open_streams_leaves_nobody_deaf(
    kind: Kind, opened: Opened
) -> None:
    """G9: no channel is allowed unless it is named; who loses his is away, and back with it."""
    with kind() as server:
        server.ask(RIGHTS)
        one, two = [await opened(bus(server, "alimi:the-password")) for _ in range(2)]
        await two.bus.follow(["anna"])
        server.ask("ACL SETUSER alimi resetchannels")
        for each in (one, two):
            await refused(each, "NOPERM")
            assert each.lost > 0
        server.ask("ACL SETUSER alimi &alimi:*")
        await two.until_it_hears(one, "anna")


async def test_a_password_may_hold_anything(kind: Kind, opened: Opened) -> None:
    """In a URL it is written with %; a wrong one is told, and none is in the log."""
    with kind() as server:
        assert server.ask(f"CONFIG SET requirepass {PASSWORD}") == "+OK"
        await connected(await opened(bus(server, f":{quote(PASSWORD, safe='')}")))
        await refused(await opened(bus(server, ":wrong")), "WRONGPASS")
        await refused(await opened(bus(server)), "NOAUTH")


async def test_a_server_that_tells_the_password_is_not_repeated(
    kind: Kind, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """One that knows no HELLO answers with the words behind it, of which one is the password."""
    with kind("--rename-command", "HELLO", "") as server:
        await refused(await opened(bus(server, ":secret")), "the server has no HELLO: Valkey, or")
    assert "secret" not in caplog.text


async def test_a_server_that_is_full_says_so(kind: Kind, opened: Opened) -> None:
    """`maxclients`: it answers before it is asked; a place that falls free is taken."""
    with kind() as server, socket.create_connection(("127.0.0.1", server.port)) as other:
        other.sendall(b"CONFIG SET maxclients 1\r\n")
        assert other.recv(100) == b"+OK\r\n"
        node = await opened(bus(server))
        await refused(node, "max number of clients")
        other.sendall(b"CONFIG SET maxclients 100\r\n")
        await connected(node)


async def test_a_server_in_protected_mode_says_so(redis: Kind, opened: Opened) -> None:
    """It lets nobody in from elsewhere until it has a password; of its page the beginning is told.

    Valkey takes all of 127.0.0.0/8 for itself, and says the same to other machines.
    """
    with redis() as server, TcpProxy(server.port) as proxy:
        proxy.source = "127.0.0.2"
        node = await opened(bus(server, port=proxy.port))
        await refused(node, "DENIED Redis is running in protected mode")
        assert len(node.bus.trouble or "") < 250
        server.ask("CONFIG SET protected-mode no")
        await connected(node)


async def test_a_server_that_cannot_save_carries_hints(kind: Kind, opened: Opened) -> None:
    """It answers a PING with an error then, and pub/sub goes on."""
    with kind("--save", "3600 1") as server:
        (server.folder / "dump.rdb").mkdir()
        server.ask("BGSAVE")
        wait_until(lambda: server.ask("PING").startswith("-MISCONF"), "a save to fail")
        one, two = [await opened(bus(server)) for _ in range(2)]
        await two.bus.follow(["anna"])
        await two.until_it_hears(one, "anna")


async def test_a_slow_hearer_that_is_cut_off_comes_back(
    kind: Kind, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """G8, G9: `client-output-buffer-limit` ends the connection: that is an interruption."""
    with kind() as server, TcpProxy(server.port) as proxy:
        server.ask('CONFIG SET client-output-buffer-limit "pubsub 64kb 0 0"')
        one, two = await opened(bus(server)), await opened(bus(server, port=proxy.port))
        await cut_off_for_slowness(one, two, server, proxy, "output buffer")
    assert "the valkey bus is away (the" in caplog.text
    assert one.lost == 0


async def test_a_sentinel_is_no_server(kind: Kind, opened: Opened) -> None:
    """Who gives its address reads what to give instead."""
    with ExitStack() as servers:
        primary = servers.enter_context(kind())
        servers.enter_context(kind("--replicaof", f"127.0.0.1 {primary.port}"))
        sentinel = servers.enter_context(SentinelServer(primary))
        node = await opened(bus(primary, port=sentinel.port))
        await refused(node, "this is a Sentinel: name the servers")


class Encrypted:
    """A server with a port for TLS, which asks for certificates as it does unless told."""

    def __init__(self, redis: Kind, *arguments: str) -> None:
        self.port = free_port()
        names = ("cert-file", "key-file", "ca-cert-file")
        files = [word for name in names for word in (f"--tls-{name}", str(CERTIFICATE))]
        self.server = redis("--tls-port", str(self.port), *files, *arguments)

    def bus(self, scheme: str, **options: Path) -> Carrier:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return make(f"{scheme}://localhost:{self.port}?{query}", "one", Metrics(), QUICK)


async def test_an_encrypted_bus_works_with_certificates_both_ways(
    redis: Kind, opened: Opened
) -> None:
    """`rediss://`, with a certificate of ours where the server wants one."""
    site = Encrypted(redis)
    files = {"ca": CERTIFICATE, "cert": CERTIFICATE, "key": CERTIFICATE}
    with site.server as server:
        one, two = [await opened(site.bus("rediss", **files)) for _ in range(2)]
        await two.bus.follow(["anna"])
        await two.until_it_hears(one, "anna")
        await refused(await opened(site.bus("valkeys", ca=CERTIFICATE)), "CERTIFICATE_REQUIRED")
        await refused(await opened(site.bus("valkeys")), "CERTIFICATE_VERIFY_FAILED")
        await refused(await opened(site.bus("redis")), "connection")
        server.ask("CONFIG SET tls-auth-clients no")
        await connected(await opened(site.bus("valkeys", ca=CERTIFICATE)))
        site.port = server.port
        await refused(await opened(site.bus("rediss", **files)), "the server answers nothing")


async def test_the_nodes_of_an_encrypted_cluster_show_the_name_in_the_url(
    redis: Kind, opened: Opened
) -> None:
    """A cluster tells the numbers of its nodes, and its certificates hold names."""
    # 127.0.0.2 is not in the certificate; localhost is.
    settings = ("--cluster-enabled", "yes", "--tls-cluster", "yes",
                "--cluster-announce-ip", "127.0.0.2", "--bind", "127.0.0.1 127.0.0.2")  # fmt: skip
    low, high = Encrypted(redis, *settings), Encrypted(redis, *settings)
    with low.server as first, high.server as second:
        first.ask("CLUSTER ADDSLOTSRANGE 0 8191")
        second.ask("CLUSTER ADDSLOTSRANGE 8192 16383")
        second.ask("CLUSTER SET-CONFIG-EPOCH 2")
        first.ask(f"CLUSTER MEET 127.0.0.2 {high.port} {second.cluster_port}")
        await asyncio.to_thread(
            wait_until,
            lambda: all("cluster_state:ok" in each.ask("CLUSTER INFO") for each in (first, second)),
            "the cluster",
        )
        files = {"ca": CERTIFICATE, "cert": CERTIFICATE, "key": CERTIFICATE}
        one, two = [await opened(low.bus("rediss", **files)) for _ in range(2)]
        names = [f"user {number}" for number in range(20)]
        await two.bus.follow(names)
        for name in names:
            await two.until_it_hears(one, name)
        assert one.lost == two.lost == 0


async def test_entrances_end_with_the_test(kind: Kind, opened: Opened) -> None:
    """What was refused leaves no connection behind."""
    with kind() as server, TcpProxy(server.port) as proxy:
        server.ask("CONFIG SET requirepass secret")
        node = await opened(bus(server, ":wrong", port=proxy.port))
        await refused(node, "WRONGPASS")
        await node.bus.close()
        await asyncio.to_thread(wait_until, lambda: proxy.connections == 0, "all to be closed")
