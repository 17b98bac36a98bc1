"""What an operator reads: whether the fast path is on, why not, and how streams end."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from alimi import streams
from tests.fast.site import Server, site
from tests.fast.test_handover import compressing
from tests.support.processes import an_app

OFF = "the fast path is off"


@pytest.mark.parametrize(
    ("server", "warned"),
    [("uvicorn-fast", False), ("uvicorn-httptools", True), ("uvicorn-h11", True)],
)
def test_a_slow_start_is_said_loudly(tmp_path: Path, server: str, warned: bool) -> None:
    """uvicorn without our protocol: a warning at the start, with the flag that mends it."""
    with an_app(tmp_path, server=server) as app:
        log = app.log()
    assert (OFF in log) == warned
    assert ("--http alimi.uvicorn:Protocol" in log) == warned


def test_advice_that_would_not_work_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """uvicorn comes without httptools, and the fast path needs it."""
    server = SimpleNamespace(config=SimpleNamespace(http_protocol_class=H11Protocol))
    streams.warn_if_slow(server)
    assert "pip install" not in caplog.text
    monkeypatch.setitem(sys.modules, "httptools", None)
    streams.warn_if_slow(server)
    assert "pip install httptools, and start uvicorn with --http" in caplog.text


@pytest.mark.parametrize("missing", ["httptools", "uvicorn"])
def test_the_fast_path_says_what_it_needs(missing: str) -> None:
    """The last line of uvicorn's traceback, which is what a person reads."""
    code = f"import sys; sys.modules[{missing!r}] = None; import alimi.uvicorn"
    run = [sys.executable, "-c", code]
    told = subprocess.run(run, capture_output=True, text=True, check=False).stderr.splitlines()
    needs = f"alimi.uvicorn needs {missing}: pip install uvicorn httptools"
    assert told[-1] == f"ModuleNotFoundError: {needs}"
    assert sum(line.startswith("Traceback") for line in told) == 1


async def test_a_middleware_in_the_way_is_a_warning_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The application could have it otherwise, so it is told why; not with every stream."""
    streams._say_once.cache_clear()
    async with site(tmp_path, app=compressing) as here:
        await here.open()
        await here.open()
    said = [each for each in caplog.records if "plain ASGI" in each.message]
    assert [each.levelno for each in said] == [logging.WARNING]
    assert "the response is not a plain 200" in said[0].message


async def test_the_end_of_a_stream_is_logged(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose, how long and why: a server's own access log has only its beginning."""
    caplog.set_level(logging.INFO, "alimi.access")
    async with site(tmp_path, server=server) as here:
        first = await here.open("GET /?u=3 HTTP/1.1\r\nHost: x\r\n\r\n")
        here.later(300)
        await first.until(b'{"reason":"age"}')
        first.writer.close()
        client = await here.open()
        client.writer.close()
        await here.forgotten()
    said = [each.message for each in caplog.records if each.name == "alimi.access"]
    aged, left = said[:2]
    assert aged.startswith("stream of '3' ended after ")
    assert aged.endswith(" s: age")
    assert float(aged.split()[-3]) > 240
    assert left.startswith("stream of '2' ended after ")
    assert left.endswith(" s: gone")
