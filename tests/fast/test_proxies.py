"""Behind nginx and Caddy, configured as docs/deployment.md says: at once, resumable, restartable.

Debian's packages `nginx` and `caddy`.  Where one is not installed its tests are left out, and a
line says so; with CI set they fail instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs import pages
from tests.fast.site import CERTIFICATE, SOON
from tests.support.processes import PATIENCE, AppProcess, an_app, free_port
from tests.support.reader import Reader

STREAM = "/alimi/v1/inbox/stream"
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
{block}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
    storage file_system {folder}
}}
{block}
"""


def replaced(text: str, changes: dict[str, str]) -> str:
    """The text with other places; each must be there, or the page has changed."""
    for old, new in changes.items():
        assert old in text, f"the page no longer says {old!r}"
        text = text.replace(old, new)
    return text


def nginx(block: str, folder: Path, port: int, upstream: int) -> list[str]:
    """Write its configuration, and answer the arguments to start it with."""
    changes = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "/etc/ssl/app.crt": str(CERTIFICATE),
        "/etc/ssl/app.key": str(CERTIFICATE),
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    }
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, block=replaced(block, changes)))
    return ["-p", str(folder), "-e", "stderr", "-c", str(path)]


def caddy(block: str, folder: Path, port: int, upstream: int) -> list[str]:
    """Write its configuration, and answer the arguments to start it with."""
    changes = {
        "app.example.com {": f"https://localhost:{port} {{\n    tls {CERTIFICATE} {CERTIFICATE}",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    }
    path = folder / "Caddyfile"
    path.write_text(CADDY.format(folder=folder, block=replaced(block, changes)))
    return ["run", "--config", str(path), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[str, Path, int, int], list[str]]] = {"nginx": nginx, "caddy": caddy}


def installed(name: str) -> str | None:
    """Where it is; Debian keeps nginx where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def proxy(name: str, folder: Path, upstream: int) -> Iterator[int]:
    """The proxy as a process of its own; answers its port."""
    binary = installed(name)
    assert binary, f"{name} is not installed, and CI demands it: apt-get install {name}"
    block = pages.checks(pages.DOCS / "deployment.md")[name]
    port = free_port()
    command = [binary, *PROXIES[name](block, folder, port, upstream)]
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "HOME": str(folder)},
        )
    try:
        wait_until_it_answers(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Knock until it does: neither proxy tells anybody that it listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(f"https://localhost:{port}/alimi/healthz", verify=trusting())
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)  # between two knocks; the answer decides
        else:
            return


def trusting() -> ssl.SSLContext:
    """It knows the certificate of the tests, and no other."""
    return ssl.create_default_context(cafile=CERTIFICATE)


class Behind:
    """The application, a proxy before it, and a browser before that."""

    def __init__(
        self, app: AppProcess, connect: Callable[[], httpx.AsyncClient], user: str
    ) -> None:
        self.app = app
        self.client = connect()
        self._connect = connect
        self.user = user

    async def notify(self, name: str) -> None:
        """Tell the user, past the proxy."""
        await asyncio.to_thread(self.app.post, "/notify", name=name, to=[self.user])

    @asynccontextmanager
    async def stream(self, reader: Reader) -> AsyncIterator[Open]:
        """Open a stream where this reader stands."""
        headers = {"Accept-Encoding": "gzip, br, zstd"}
        if reader.cursor is not None:
            headers["Last-Event-ID"] = reader.cursor
        reader.connect()
        # A connection of its own: over HTTP/2 this client gives no word of a single stream's end.
        async with (
            self._connect() as client,
            client.stream("GET", STREAM, headers=headers) as answer,
        ):
            yield Open(answer, reader)


class Open:
    """One stream through the proxy."""

    def __init__(self, answer: httpx.Response, reader: Reader) -> None:
        self.answer = answer
        self.reader = reader
        self._chunks = answer.aiter_bytes()

    async def until(self, holds: Callable[[Reader], Any]) -> None:
        """Read until it holds."""
        while not holds(self.reader):
            self.reader.feed(await anext(self._chunks))
        assert not self.reader.complaints

    async def news(self, count: int) -> None:
        """Read until so many notifications have been shown."""
        await self.until(lambda reader: len(reader.shown) == count)

    async def end(self) -> None:
        """Read to the proper end; a cut raises."""
        async for chunk in self._chunks:
            self.reader.feed(chunk)


@pytest.fixture(scope="module")
def served(
    proxy_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AppProcess, int]]:
    """The application, and the port of a proxy before it."""
    folder = tmp_path_factory.mktemp(proxy_name)
    with an_app(folder, server="uvicorn-fast") as app, proxy(proxy_name, folder, app.port) as port:
        yield app, port


@pytest.fixture(params=[1, 2], ids=["http1", "http2"])
async def behind(
    request: pytest.FixtureRequest, served: tuple[AppProcess, int]
) -> AsyncIterator[Behind]:
    """Everything up, whatever the test before has done to it, and a user of its own."""
    app, port = served
    if not app.alive:
        app.start()
        app.wait_ready()
    user = request.node.name
    there = Behind(app, lambda: browser(port, user, http2=request.param == 2), user)
    yield there
    await there.client.aclose()


def browser(port: int, user: str, *, http2: bool) -> httpx.AsyncClient:
    """One that is logged in."""
    return httpx.AsyncClient(
        base_url=f"https://localhost:{port}",
        cookies={"user": user},
        verify=trusting(),
        http2=http2,
        timeout=SOON,
    )


async def test_nothing_is_buffered_and_the_end_is_passed_on(behind: Behind) -> None:
    """The first byte comes at once, news by itself, uncompressed; who leaves is forgotten."""
    async with behind.stream(Reader()) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        assert stream.answer.headers["cache-control"] == "no-cache, no-transform"
        assert "content-encoding" not in stream.answer.headers
        await stream.until(lambda reader: reader.cursor)
        for count in (1, 2, 3):
            await behind.notify(str(count))
            await stream.news(count)
    await asyncio.to_thread(behind.app.wait_metric, "alimi_streams", 0)


async def test_what_was_missed_comes_through(behind: Behind) -> None:
    """G5: the cursor passes the proxy, and so does a mark of a page of this origin."""
    reader = Reader()
    async with behind.stream(reader) as stream:
        await stream.until(lambda reader: reader.cursor)
    await behind.notify("12")
    await behind.notify("13")
    async with behind.stream(reader) as stream:
        assert "content-encoding" not in stream.answer.headers
        await stream.news(2)
        marked = await behind.client.post(
            "/alimi/v1/inbox/mark",
            json={"action": "read", "ids": reader.shown},
            headers={"Origin": str(behind.client.base_url).rstrip("/")},
        )
        assert marked.status_code == 200, marked.text
        await stream.until(lambda reader: reader.unread == 0)


async def test_a_restart_is_as_the_page_says(behind: Behind) -> None:
    """`bye` and a proper end, then 200 with `bye` while nobody is there, then what was missed."""
    reader = Reader()
    async with behind.stream(reader) as stream:
        await stream.until(lambda reader: reader.cursor)
        await behind.notify("12")
        await stream.news(1)
        await asyncio.to_thread(behind.app.terminate)
        await stream.end()
        assert reader.said_bye == "drain"

    async with behind.stream(Reader()) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        await stream.end()
        assert stream.reader.said_bye == "unavailable"
        assert stream.reader._decoder.retry == 3_000
    assert (await behind.client.get("/alimi/v1/inbox")).status_code == 502

    behind.app.start()
    await asyncio.to_thread(behind.app.wait_ready)
    await behind.notify("13")
    async with behind.stream(reader) as stream:
        await stream.news(2)
    assert reader.resets == 0


async def test_a_crash_loses_nothing(behind: Behind) -> None:
    """G5: nginx passes a cut on as a cut, Caddy 2.6 as an end; without `bye` in either case."""
    reader = Reader()
    async with behind.stream(reader) as stream:
        await stream.until(lambda reader: reader.cursor)
        await asyncio.to_thread(behind.app.kill)
        with contextlib.suppress(httpx.RemoteProtocolError):
            await stream.end()
        assert reader.said_bye is None
    behind.app.start()
    await asyncio.to_thread(behind.app.wait_ready)
    await behind.notify("12")
    async with behind.stream(reader) as stream:
        await stream.news(1)
    assert reader.resets == 0
