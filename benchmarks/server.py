"""Alimi under test, in a process of its own: `python -m benchmarks.server DATABASE PORT HTTP LOOP
[BUS CHECK]`; CHECK are the seconds between two position checks.

`/stream/K` is K's stream.  `/fire?n=N&of=M` records N events, the i-th for recipient i * 7919 % M,
each with a `notify()` of its own; with `burst=1` all in one call; with `rate=R` so many a second,
and then it answers when each call had returned.  `/api` is the whole interface.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import uvicorn

from alimi import Alimi, Settings

STREAMS = Settings(max_streams_per_recipient=25_000, max_streams=25_000, max_stream_seconds=3_600)
#: The key of `/api/v1/events` for the benchmark.
API_KEY = "benchmark-key-0123456789-0123456789"
#: As `alimi serve` does: the database waits less for the interpreter.
SWITCH_SECONDS = 0.0005

#: Events in one call of a bulk producer.
_BATCH = 1_000

Query = Mapping[str, str]


class Bench:
    """One Alimi and what the benchmark wants of it."""

    def __init__(self, database: str, bus: str | None, check: float) -> None:
        settings = msgspec.structs.replace(STREAMS, position_check_seconds=check)
        self.alimi = Alimi(database, bus=bus, settings=settings)
        self.kind = self.alimi.kind("bench", category="bench", text={"en": "Hello {object.id}"})
        self.api = self.alimi.asgi(lambda _request: None, api_keys=[API_KEY], metrics=True)

    def event(self, number: int, to: str) -> Any:
        """One event; `~` is in its data once, and nowhere else in a frame."""
        return self.kind.kind.event(to=to, object=number, data=_data(number))

    async def fire(self, query: Query) -> object:
        """Record events one after another, at a rate, or all at once."""
        count, of = int(query["n"]), int(query["of"])
        recipients = [str(number * 7919 % of) for number in range(count)]
        if "burst" in query:
            await self.alimi.append([self.event(*each) for each in enumerate(recipients)])
        elif "rate" in query:
            return await self._pace(recipients, float(query["rate"]))
        else:
            for number, to in enumerate(recipients):
                await self.kind.notify(to=to, object=number, data=_data(number))
        return "ok"

    async def _pace(self, recipients: list[str], rate: float) -> list[float]:
        """When each notification had been committed; calls may overlap, as those of users do."""
        loop, done = asyncio.get_running_loop(), [0.0] * len(recipients)

        async def one(number: int, to: str) -> None:
            await self.kind.notify(to=to, object=number, data=_data(number))
            done[number] = time.monotonic()

        started, calls = loop.time(), list[asyncio.Task[None]]()
        for number, to in enumerate(recipients):
            await asyncio.sleep(max(0.0, started + number / rate - loop.time()))
            calls.append(asyncio.create_task(one(number, to)))
        await asyncio.gather(*calls)
        return done

    async def bulk(self, query: Query) -> float:
        """Events in batches of several producers, until all are in the inboxes; the seconds."""
        producers = int(query["producers"])
        share = int(query["n"]) // producers
        started = time.monotonic()
        await asyncio.gather(*(self._produce(share, share * each) for each in range(producers)))
        await self.alimi.flush()
        return time.monotonic() - started

    async def _produce(self, share: int, begin: int) -> None:
        for first in range(begin, begin + share, _BATCH):
            batch = range(first, min(first + _BATCH, begin + share))
            await self.alimi.append([self.event(number, str(number)) for number in batch])

    async def crowd(self, query: Query) -> float:
        """Single events, each to a thousand recipients, until all are in; the seconds."""
        to = [str(number) for number in range(1_000)]
        started = time.monotonic()
        for number in range(int(query["n"]) // 1_000):
            await self.kind.notify(to=to, object=number, data=_data(number))
        await self.alimi.flush()
        return time.monotonic() - started

    async def singles(self, query: Query) -> tuple[float, float]:
        """notify() from many producers: the seconds until the last returned, and until it is in."""
        producers = int(query["producers"])
        share = int(query["n"]) // producers

        async def produce(producer: int) -> None:
            for number in range(share):
                await self.kind.notify(to=str(producer), object=number, data=_data(number))

        started = time.monotonic()
        await asyncio.gather(*(produce(producer) for producer in range(producers)))
        recorded = time.monotonic() - started
        await self.alimi.flush()
        return recorded, time.monotonic() - started

    async def missed(self, query: Query) -> str:
        """`each` notifications for every recipient out of `of`, in the inboxes when it answers."""
        each, of = int(query["each"]), int(query["of"])
        for number in range(each):
            for first in range(0, of, 1_000):
                last = min(first + 1_000, of)
                await self.alimi.append([self.event(number, str(to)) for to in range(first, last)])
        await self.alimi.flush()
        return "ok"

    async def flush(self, query: Query) -> str:
        """Answers when the outbox is empty."""
        await self.alimi.flush()
        return "ok"


def _data(number: int) -> dict[str, object]:
    return {"n": number, "at": time.monotonic(), "mark": "~"}


def application(
    database: str, bus: str | None = None, check: str = "10"
) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """A plain ASGI application, as an embedding one would be."""
    bench = Bench(database, bus, float(check))
    verbs: dict[str, Callable[[Query], Awaitable[object]]] = {
        f"/{verb.__name__}": verb
        for verb in (
            bench.fire, bench.bulk, bench.crowd, bench.singles, bench.missed, bench.flush,
        )
    }  # fmt: skip

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(bench.alimi, receive, send)
            return
        path = scope["path"]
        if path.startswith("/stream/"):

            async def who() -> str:
                return str(path[8:])

            response = bench.alimi.stream(scope, path[8:], ask_again=who)
            await response(scope, receive, send)
        elif path.startswith("/api/"):
            await bench.api({**scope, "root_path": "/api"}, receive, send)
        else:
            parts = scope["query_string"].decode().split("&")
            answer = await verbs[path](dict(part.split("=") for part in parts if part))
            body = msgspec.json.encode(answer)
            head = [(b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": body})

    return app


async def _live(alimi: Alimi, receive: Any, send: Any) -> None:
    await receive()
    await alimi.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await alimi.close()
    await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve; the process ends with SIGTERM."""
    database, port, http, loop, *rest = sys.argv[1:]
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(
        application(database, *rest), port=int(port), log_level="error",
        access_log=False, http=http, loop=loop, timeout_graceful_shutdown=1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
