"""The server under test: a plain ASGI application with Alimi mounted, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvicorn

from alimi import Alimi, Settings

STREAMS = Settings(max_streams_per_recipient=25_000, max_streams=25_000, max_stream_seconds=3_600)


def application(database: str) -> Any:
    """`/stream?u=2` is that user's stream; `/burst?u=2&n=10` records and relays n events."""
    alimi = Alimi(database, settings=STREAMS)
    kind = alimi.kind("bench", category="bench", text={"en": "Hello {object.id}"})
    paced: set[asyncio.Task[None]] = set()

    async def pace(user: str, count: int, per_second: float) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / per_second - loop.time()))
            await kind.notify(to=user, object=number, data={"at": loop.time()})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await alimi.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await alimi.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        query = dict(part.split("=") for part in scope["query_string"].decode().split("&") if part)
        if scope["path"] == "/stream":
            await alimi.stream(scope, query["u"])(scope, receive, send)
            return
        count = int(query.get("n", 0))
        if scope["path"] == "/burst":
            await alimi.append(
                [kind.kind.event(to=query["u"], object=number) for number in range(count)]
            )
        elif scope["path"] == "/singles":
            await asyncio.gather(
                *(kind.notify(to=query["u"], object=number) for number in range(count))
            )
            await alimi.flush()
        elif scope["path"] == "/pace":
            task = asyncio.create_task(pace(query["u"], count, float(query["rate"])))
            paced.add(task)
            task.add_done_callback(paced.discard)
        body = json.dumps({"ok": True}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1]), port=int(sys.argv[2]), log_level="error", access_log=False,
        http=sys.argv[3], loop=sys.argv[4], timeout_graceful_shutdown=1,
    )  # fmt: skip
