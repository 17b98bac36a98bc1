"""An application of the documentation, served as its page says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from alimi.sse import Decoder, ServerEvent

STARTED = re.compile(r"running on (http://\S+)")


@contextmanager
def uvicorn(
    folder: Path, app: str = "app:app", *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`uvicorn app:app` on any free port: the process, and the address that it names."""
    command = [sys.executable, "-m", "uvicorn", app, "--port", "0", "--no-access-log", *options]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        yield process, _address(process)
    finally:
        process.kill()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    told: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        told.append(line)
        if found := STARTED.search(line):
            return found[1]
    raise AssertionError("".join(told))


@contextmanager
def stream_of(client: httpx.Client) -> Iterator[Iterator[ServerEvent]]:
    """The events of the person's stream, as they come."""
    decoder = Decoder()
    with client.stream("GET", "/alimi/v1/inbox/stream") as answer:
        yield (event for chunk in answer.iter_bytes() for event in decoder.feed(chunk))
