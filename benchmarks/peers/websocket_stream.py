"""A WebSocket server with `websockets`: `broadcast` to a recipient's connections."""

from __future__ import annotations

import sys
import urllib.parse
from collections import defaultdict
from typing import Any

import uvloop
from websockets.asyncio.server import (  # type: ignore[import-not-found]
    broadcast,
    serve,
)

from benchmarks.peers.firing import fire

connections: defaultdict[str, set[Any]] = defaultdict(set)


def publish(user: str, data: str) -> None:
    broadcast(connections[user], data)


async def answer(connection: Any, request: Any) -> Any:
    """Answer /fire as plain HTTP; everything else goes on to be a WebSocket."""
    if not request.path.startswith("/fire"):
        return None
    await fire(dict(urllib.parse.parse_qsl(request.path.partition("?")[2])), publish)
    return connection.respond(200, "ok")


async def stream(connection: Any) -> None:
    mine = connections[connection.request.path.rpartition("/")[2]]
    mine.add(connection)
    try:
        await connection.send("hello")
        await connection.wait_closed()
    finally:
        mine.discard(connection)


async def main() -> None:
    async with serve(
        stream, "127.0.0.1", int(sys.argv[1]), process_request=answer, backlog=2_048
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
