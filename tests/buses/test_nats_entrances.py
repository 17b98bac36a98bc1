"""How servers let the NATS bus in, and how they throw it out: rights, limits, TLS, a cluster."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from alimi.buses.nats import make
from alimi.carrier import Carrier
from alimi.metrics import Metrics
from alimi.model import Hint
from tests.buses.conftest import Opened
from tests.buses.harness import QUICK, connected, cut_off_for_slowness, refused
from tests.docs import pages
from tests.fast.site import CERTIFICATE
from tests.support.nats import NatsServer
from tests.support.processes import free_port
from tests.support.servers import wait_until
from tests.support.tcp_proxy import TcpProxy

#: As docs/bus.md gives it.
RIGHTS = pages.checks(pages.DOCS / "bus.md")["nats rights"]
NKEY = '"UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"'
ALL = '"alimi.>"'
TLS = f'tls {{ cert_file: "{CERTIFICATE}", key_file: "{CERTIFICATE}" }}\n'


def bus(server: NatsServer, user: str = "", *, port: int | None = None) -> Carrier:
    """A bus of the one application."""
    url = f"nats://{user and user + '@'}127.0.0.1:{port or server.port}"
    return make(url, "one", Metrics(), QUICK)


async def test_the_rights_that_the_page_names_are_enough(opened: Opened) -> None:
    """A user who may do nothing else hears and is heard."""
    with NatsServer(config=RIGHTS) as server:
        one, two = [await opened(bus(server, "alimi:the-password")) for _ in range(2)]
        await two.bus.follow(["anna"])
        await two.until_it_hears(one, "anna")


@pytest.mark.parametrize(("verb", "what"), [("publish", "Publish"), ("subscribe", "Subscription")])
async def test_a_right_that_is_missing_leaves_nobody_deaf_or_dumb(
    opened: Opened, verb: str, what: str
) -> None:
    """G9: who may not listen, or not speak, is away and says which, and is back with the right."""
    with NatsServer(config=RIGHTS) as server:
        one, two = [await opened(bus(server, "alimi:the-password")) for _ in range(2)]
        await two.bus.follow(["anna"])
        less = RIGHTS.replace(f"{verb}: {ALL}", f'{verb}: "alimi.no.>"')
        assert less != RIGHTS
        server.reload(less)
        if verb == "publish":
            await one.bus.publish([Hint("anna", 1)])
        await refused(one, f"Permissions Violation for {what}")
        assert one.lost > 0
        # Also who has nothing to say yet.
        three = await opened(bus(server, "alimi:the-password"))
        await refused(three, f"Permissions Violation for {what}")
        server.reload(RIGHTS)
        await two.until_it_hears(one, "anna")


async def test_a_slow_hearer_that_is_cut_off_comes_back(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """G8, G9: `max_pending` and `write_deadline` end the connection: that is an interruption."""
    small = 'max_payload: 8192, max_pending: 65536, write_deadline: "100ms"'
    with NatsServer(config=small) as server, TcpProxy(server.port) as proxy:
        one, two = await opened(bus(server)), await opened(bus(server, port=proxy.port))
        await cut_off_for_slowness(one, two, server, proxy, "Slow Consumer")
    assert "the nats bus is away (the" in caplog.text
    assert one.lost == 0


@pytest.mark.parametrize(
    ("config", "because"),
    [
        ("max_connections: 1", "maximum connections exceeded"),
        (f"authorization {{ users: [{{ nkey: {NKEY} }}] }}", "Authorization Violation"),
        (TLS.replace("tls {", "tls { handshake_first: true, "), "the server answers nothing"),
    ],
    ids=["connections", "nkeys", "handshake-first"],
)
async def test_what_does_not_work_is_said(opened: Opened, config: str, because: str) -> None:
    """Limits, and what this bus does not know: it is away, tries again, and the log says why."""
    with NatsServer() as server:
        server.reload(config)
        nodes = [await opened(bus(server)) for _ in range(2)]
        await refused(nodes[1], because)
        server.reload("")
        await connected(nodes[1])


async def test_a_server_that_allows_few_subscriptions_says_so(opened: Opened) -> None:
    """With too many streams a node is away, not deaf for some of them; with fewer it is back."""
    with NatsServer(config="max_subscriptions: 10") as server:
        node = await opened(bus(server))
        names = [f"user {number}" for number in range(20)]
        await node.bus.follow(names)
        await refused(node, "maximum subscriptions exceeded")
        node.bus.unfollow(names)
        await connected(node)


class Two:
    """A cluster of two, of which the second is told by its number alone."""

    def __init__(self, stack: ExitStack, settings: str = "") -> None:
        routes = free_port(), free_port()
        self.servers = [NatsServer(config=settings) for _ in routes]
        self.servers[1].address = "127.0.0.2"
        for at, each in enumerate(self.servers):
            own, other = routes[at], routes[1 - at]
            each.arguments = (
                "--cluster", f"nats://127.0.0.1:{own}", "--cluster_name", "two",
                "--routes", f"nats://127.0.0.1:{other}",
            )  # fmt: skip
            stack.callback(each.close)

    def join(self) -> None:
        """The second one begins, and the first has told of it when this returns."""
        first, second = self.servers
        second.start()
        wait_until(lambda: f"127.0.0.2:{second.port}" in first.greeting(), "the cluster")


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
async def test_a_server_that_joins_later_is_known_when_the_first_dies(
    opened: Opened, encrypted: bool
) -> None:
    """G9: the only named server dies; who was told of another in the middle goes there.

    It was told by its number, where the certificate has the name of the first.
    """
    with ExitStack() as stack:
        cluster = Two(stack, TLS if encrypted else "")
        first = cluster.servers[0].start()
        url = f"localhost:{first.port}"
        url = f"tls://{url}?ca={CERTIFICATE}" if encrypted else f"nats://{url}"
        one, two = [await opened(make(url, "one", Metrics(), QUICK)) for _ in range(2)]
        await two.bus.follow(["anna"])
        await asyncio.to_thread(cluster.join)
        await two.until_it_hears(one, "anna")
        await asyncio.to_thread(first.kill)
        two.heard.clear()
        await two.until_it_hears(one, "anna")
        assert not first.alive
