"""FastAPI with sse-starlette: one queue for each stream."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request
from sse_starlette.sse import EventSourceResponse  # type: ignore[import-not-found]

from benchmarks.peers.firing import fire

app = FastAPI()
queues: defaultdict[str, set[asyncio.Queue[str]]] = defaultdict(set)


@app.get("/stream/{user}")
async def stream(user: str) -> EventSourceResponse:
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def events() -> AsyncIterator[dict[str, str]]:
        queues[user].add(queue)
        try:
            yield {"event": "hello", "data": ""}
            while True:
                yield {"data": await queue.get()}
        finally:
            queues[user].discard(queue)

    return EventSourceResponse(events())


def publish(user: str, data: str) -> None:
    for queue in queues[user]:
        queue.put_nowait(data)


@app.get("/fire")
async def fire_events(request: Request) -> str:
    await fire(request.query_params, publish)
    return "ok"


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, loop="uvloop")
