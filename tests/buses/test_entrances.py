"""How a bus is named and entered: URLs, passwords, TLS, poolers, servers that refuse."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from alimi import Alimi, errors
from alimi.addresses import digest, namespace, parse
from alimi.backends import bus_factory
from alimi.buses.nats import make as make_nats
from alimi.buses.postgres import make as make_postgres
from alimi.carrier import Carrier, Patience
from alimi.metrics import Metrics
from alimi.stores.postgres.target import Target
from tests.buses.harness import connected, refused
from tests.support.nats import NatsServer

CERTIFICATE = Path(__file__).parent.parent / "fast" / "test_only_certificate.pem"
SQLITE = "sqlite:///app.db"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka://host", "is not one of"),
        ("nats://", "names no server"),
        ("nats://host:port", "names no server"),
        ("valkey://host?db=3", "has no option db"),
        ("valkey://host?ca=ca.pem", "write valkeys://"),
        ("nats://host?prefix=a.b", "1 to 32 letters"),
        ("valkey://host/shop", "no path"),
        ("valkey://user:12/3@host", "a slash in a password is written %2F"),
        ("nats://user:p?w@host", "%3F for a question mark"),
        ("nats://host?creds=user.creds", "has no option creds"),
        ("nats://host?ca=/nowhere.pem", "cannot be read"),
        ("postgres", "give a postgresql:// URL"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_at_once(url: str, said: str) -> None:
    """A mistake in the settings ends the start with a sentence, and no password is in it."""
    with pytest.raises(errors.ConfigurationError, match=said):
        Alimi(SQLITE, bus=url)


def test_the_database_chooses_the_bus() -> None:
    """PostgreSQL is its own bus; SQLite has one process."""
    on_postgres = bus_factory(None, "postgresql+asyncpg://u:p@db/app", Metrics())
    assert isinstance(on_postgres("one"), Carrier)
    assert not isinstance(bus_factory(None, SQLITE, Metrics())("one"), Carrier)
    assert not isinstance(bus_factory("local", "postgresql://db/app", Metrics())("one"), Carrier)


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asyncpg the extra is named."""
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "asyncpg":
            raise ModuleNotFoundError(name="asyncpg")
        return imported(name, *rest, **more)

    for name in ("alimi.buses.postgres", "alimi.stores.postgres.target"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(errors.ConfigurationError, match=r"alimi\[postgres\]"):
        Alimi(SQLITE, bus="postgresql://host/app")


def test_a_url_names_servers_users_and_files() -> None:
    """Several servers, each with or without the user; what is printed shows no password."""
    address = parse("nats://u%40:p%3A@a:1,nats://b,u:p@[::1]:3/?prefix=shop", port=4222)
    assert address.hosts == (("a", 1), ("b", 4222), ("::1", 3))
    assert (address.user, address.password) == ("u@", "p:")
    assert "p:" not in repr(address)
    assert parse("redis://:%2F%2C%3F%23%25@a:1/7,b:2/0", port=6379).password == "/,?#%"
    assert namespace(address.options, "identity") == "shop"
    assert namespace({}, "one") != namespace({}, "another")
    assert digest("to", "a") != digest("toa", "")


async def test_nats_asks_for_a_password(opened: Any) -> None:
    """With it all is well; without, it is said and nothing is raised."""
    with NatsServer("--user", "u@", "--pass", "p:w") as server:
        right = server.url.replace("//", "//u%40:p%3Aw@")
        one, two = (
            await opened(make_nats(right, "x", Metrics())),
            await opened(make_nats(right, "x", Metrics())),
        )
        await two.bus.follow(["2"])
        await two.until_it_hears(one, "2")
        wrong = await opened(make_nats(server.url, "x", Metrics()))
        await refused(wrong, "Authorization Violation")


async def test_nats_may_ask_for_a_token(opened: Any) -> None:
    """A user without a password is a token."""
    with NatsServer("--auth", "secret") as server:
        url = server.url.replace("//", "//secret@")
        await connected(await opened(make_nats(url, "x", Metrics())))


async def test_nats_encrypts(opened: Any) -> None:
    """The server's greeting is in the clear, everything after it is not; a stranger is refused."""
    tls = ("--tls", f"--tlscert={CERTIFICATE}", f"--tlskey={CERTIFICATE}")
    with NatsServer(*tls) as server:
        url = f"tls://localhost:{server.port}"
        one = await opened(make_nats(f"{url}?ca={CERTIFICATE}", "x", Metrics()))
        two = await opened(make_nats(f"{url}?ca={CERTIFICATE}", "x", Metrics()))
        await two.bus.follow(["2"])
        await two.until_it_hears(one, "2")
        for stranger in (url, server.url.replace("127.0.0.1", "localhost")):  # also unasked
            await refused(await opened(make_nats(stranger, "x", Metrics())), "verify failed")


async def test_nats_turns_to_another_server(opened: Any) -> None:
    """Of several servers one is enough; the next one is tried."""
    with NatsServer() as alive:
        urls = [f"nats://127.0.0.1:1,127.0.0.1:{alive.port}" for _ in range(4)]
        quick = Patience(pauses=(0.01, 0.05))
        for url in urls:
            node = await opened(make_nats(url, "x", Metrics(), quick))
            await connected(node)


async def test_a_pooler_that_was_announced_is_refused(postgres_url: str, opened: Any) -> None:
    """The operator reads what the bus needs; tests/pooled has those that nobody announced."""
    named = make_postgres(Target(postgres_url + "?pgbouncer=true"), "x", Metrics())
    assert "give bus= a postgresql:// URL" in (await opened(named)).bus.trouble
