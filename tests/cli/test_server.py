"""The server around one Alimi, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alimi import Alimi
from alimi.cli import server
from tests.cli.harness import PATIENCE


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """What a server changes of the whole process is put back."""
    handler, interval = signal.getsignal(signal.SIGTERM), sys.getswitchinterval()
    yield
    signal.signal(signal.SIGTERM, handler)
    sys.setswitchinterval(interval)


def test_a_worker_that_drains_for_long_still_says_that_its_loop_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told to stop alone, with whatever delay: its parent must not take the drain for a hang."""
    monkeypatch.setattr(server, "_TURN_SECONDS", 0.001)
    alimi = Alimi(tmp_path / "alimi.db")
    turned = asyncio.Event()
    turns: list[int] = []

    async def drain(delay: float | None = None) -> None:
        with contextlib.suppress(TimeoutError):  # told below, once the server has ended
            async with asyncio.timeout(PATIENCE):
                for number in range(3):
                    turned.clear()
                    await turned.wait()
                    turns.append(number)

    monkeypatch.setattr(alimi, "drain", drain)
    server.serve(
        alimi.asgi(lambda request: None),
        alimi,
        server.listen("127.0.0.1", 0),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        turn=turned.set,
    )
    assert turns == [0, 1, 2]
