"""examples/two-nodes, as it is: two nodes on a real PostgreSQL behind a real nginx."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.cli.harness import API_KEY, USER_SECRET, Server, Terminal, token_of, until
from tests.fast.test_proxies import installed
from tests.support.processes import free_port
from tests.support.reader import Reader

EXAMPLE = Path(__file__).parents[2] / "examples/two-nodes/nginx.conf"
PATIENCE = 30.0
HEADERS = {"Authorization": f"Bearer {token_of('2')}"}


class Site:
    """Two nodes and the proxy before them."""

    def __init__(self, folder: Path, database: str) -> None:
        secrets = {"ALIMI_API_KEYS": API_KEY, "ALIMI_USER_SECRETS": USER_SECRET}
        self.terminal = Terminal(folder, {**secrets, "ALIMI_DATABASE": database})
        self.ports = [free_port(), free_port()]
        self.port = free_port()
        self.nodes = [self._node(port) for port in self.ports]
        self._nginx = self._proxy(folder)

    def _node(self, port: int) -> Server:
        # Readers come back quickly, so that the test does too; no position check helps the bus.
        flags = ("--retry-ms", "50,150", "--position-check-seconds", "600", "--metrics")
        return self.terminal.serve("--port", str(port), *flags)

    def _proxy(self, folder: Path) -> subprocess.Popen[bytes]:
        text = EXAMPLE.read_text("utf-8")
        changes = {"127.0.0.1:8000": self.port, "127.0.0.1:8001": self.ports[0]}
        for old, port in {**changes, "127.0.0.1:8002": self.ports[1]}.items():
            assert old in text
            text = text.replace(old, f"127.0.0.1:{port}")
        (folder / "nginx.conf").write_text(text)
        binary = installed("nginx")
        assert binary, "nginx is not installed, and CI demands it: apt-get install nginx"
        command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        command += ["-g", f"daemon off; pid {folder}/nginx.pid;"]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def restart(self, which: int) -> None:
        """In order: it drains, ends, and serves again."""
        assert self.nodes[which].stop() == 0
        self.nodes[which] = self._node(self.ports[which])

    def kill(self, which: int) -> None:
        os.kill(self.nodes[which].background.process.pid, signal.SIGKILL)
        self.nodes[which].background.wait()

    def streams(self, which: int) -> int:
        """How many streams are open on one node."""
        text = self.nodes[which].get("/metrics")[1].decode()
        line = next(line for line in text.splitlines() if line.startswith("alimi_streams "))
        return int(float(line.split()[1]))

    def close(self) -> None:
        self._nginx.terminate()
        self._nginx.wait(PATIENCE)
        self.terminal.close()


@pytest.fixture
def site(tmp_path: Path, postgres_url: str) -> Iterator[Site]:
    """The example, running."""
    made = Site(tmp_path, postgres_url)
    yield made
    made.close()


class Follower:
    """A page behind the proxy that comes back for ever, with its cursor."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.reader = Reader()
        self.connections = 0
        self._heard = asyncio.Condition()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._connect()
            await asyncio.sleep(0.1)  # a page's own delay

    async def _connect(self) -> None:
        cursor = self.reader.cursor
        headers = {"Last-Event-ID": cursor} if cursor else {}
        self.reader.connect()
        async with self._client.stream("GET", "/v1/inbox/stream", headers=headers) as answer:
            assert answer.status_code == 200
            self.connections += 1
            async for chunk in answer.aiter_bytes():
                self.reader.feed(chunk)
                async with self._heard:
                    self._heard.notify_all()

    async def until(self, holds: Callable[[Reader], object]) -> None:
        """Wait for what the stream brings."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: holds(self.reader))

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        assert self.reader.complaints == []
        assert self.reader.resets == 0


@contextlib.asynccontextmanager
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is logged in, behind the proxy."""
    address = f"http://127.0.0.1:{site.port}"
    async with httpx.AsyncClient(base_url=address, headers=HEADERS, timeout=PATIENCE) as client:
        yield client


async def post(address: str, key: str) -> str:
    """An event that is sent until it is acknowledged; answers the notification's id."""
    event = {"kind": "note", "category": "general", "to": "2", "texts": {"en": key}, "key": key}
    deadline = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=address, timeout=5) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.post(
                    "/v1/events", json=event, headers={"Authorization": f"Bearer {API_KEY}"}
                )
                if answer.status_code == 202:
                    return str(answer.json()["id"])
                assert answer.status_code in {502, 503, 504}, answer.text
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)  # a sender's own delay


def has_shown(made: str, reader: Reader) -> bool:
    return made in reader.shown


async def on_node(site: Site, client: httpx.AsyncClient, which: int) -> list[Follower]:
    """Followers through the proxy until that node has one; the last is on it."""
    followers: list[Follower] = []
    while not await asyncio.to_thread(site.streams, which):
        followers.append(Follower(client))
        await followers[-1].until(lambda reader: reader.cursor)
    return followers


async def test_what_is_posted_to_one_node_rings_on_the_other(site: Site) -> None:
    """Both orders, through the bus alone: no position check runs within the test."""
    async with browser(site) as client:
        for here in (0, 1):
            followers = await on_node(site, client, 1 - here)
            made = await post(site.nodes[here].url, f"from {here}")
            for each in followers:
                await each.until(partial(has_shown, made))
                await each.close()
            await asyncio.to_thread(until, lambda: not site.streams(0) + site.streams(1))


async def test_g5_a_killed_node_costs_its_streams_a_reconnect(site: Site) -> None:
    """G5: its readers come back through the other with their cursor, and miss nothing."""
    async with browser(site) as client:
        followers = await on_node(site, client, 1)
        before = await post(site.nodes[0].url, "before")
        for each in followers:
            await each.until(lambda reader: reader.shown == [before])
        site.kill(1)
        address = f"http://127.0.0.1:{site.port}"
        after = [await post(address, f"after {number}") for number in range(5)]
        for each in followers:
            await each.until(lambda reader: reader.shown == [before, *after])
            await each.close()
        assert max(each.connections for each in followers) >= 2


async def test_g1_a_rolling_restart_loses_nothing(site: Site) -> None:
    """G1, G3, G4: what was acknowledged while both nodes restart arrives once and in order."""
    async with browser(site) as client:
        followers = await on_node(site, client, 1)
        address = f"http://127.0.0.1:{site.port}"
        done = asyncio.Event()

        async def send() -> list[str]:
            sent: list[str] = []
            while not done.is_set() or len(sent) < 20:
                sent.append(await post(address, f"{len(sent)}"))
            return sent

        sending = asyncio.create_task(send())
        for which in (0, 1):
            await asyncio.to_thread(site.restart, which)
        done.set()
        sent = await sending
        for each in followers:
            await each.until(lambda reader: reader.shown[-1:] == sent[-1:])
            await each.close()
            assert each.reader.shown == sent
