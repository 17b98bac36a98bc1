"""Stands in for Mercure and Centrifugo: the requests that their documentation tells, no more.

`standin.py NAME WORD … --config FILE`.  It shows that what we ask for fits the configuration that
we write (addresses, keys, tokens, names of recipients); how the real programs fare it cannot show.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt

Query = dict[str, list[str]]


class StandIn:
    """Streams by recipient, and who may open one or publish."""

    def __init__(self, name: str, config: str) -> None:
        self.mercure = name == "mercure"
        ports, keys = (
            (r"http://:(\d+)", r"publisher_jwt (\S+)") if self.mercure
            else (r'"port": (\d+)', r'"hmac_secret_key": "([^"]+)"')
        )  # fmt: skip
        self.port, self.key = int(_found(ports, config)), _found(keys, config)
        self._streams: defaultdict[str, list[asyncio.StreamWriter]] = defaultdict(list)

    async def serve(self) -> None:
        """Until it is killed."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            method, target, _ = line.decode().split()
            headers = {}
            while header := (await reader.readline()).decode().strip():
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            url = urlsplit(target)
            if method == "GET":
                self._open(url.path, parse_qs(url.query), writer)
                continue
            answer = self._publish(url.path, headers, body.decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    def _open(self, path: str, query: Query, writer: asyncio.StreamWriter) -> None:
        if self.mercure:
            assert path == "/.well-known/mercure"
            recipient, said = query["topic"][0], ":\n"
        else:
            assert path == "/connection/uni_sse"
            token = json.loads(query["cf_connect"][0])["token"]
            (recipient,) = jwt.decode(token, self.key, ["HS256"])["channels"]
            said = f'data: {{"connect":{{"subs":{{"{recipient}":{{}}}}}}}}\n\n'
        self._streams[recipient].append(writer)
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        writer.write((head + said).encode())

    def _publish(self, path: str, headers: dict[str, str], body: str) -> bytes:
        if self.mercure:
            assert path == "/.well-known/mercure"
            assert headers["content-type"] == "application/x-www-form-urlencoded"
            token = headers["authorization"].removeprefix("Bearer ")
            assert jwt.decode(token, self.key, ["HS256"]) == {"mercure": {"publish": ["*"]}}
            form = parse_qs(body, strict_parsing=True)
            recipient, data, answer = form["topic"][0], form["data"][0], b"urn:uuid:0"
        else:
            assert (path, headers["x-api-key"]) == ("/api/publish", self.key)
            asked = json.loads(body)
            recipient, answer = asked["channel"], b'{"result":{}}'
            data = json.dumps({"channel": recipient, "pub": {"data": asked["data"]}})
        for stream in self._streams[recipient]:
            stream.write(f"data: {data}\n\n".encode())
        return answer


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None
    return found[1]


def main() -> None:
    """Serve, or only read the configuration when asked to check it."""
    name, *words = sys.argv[1:]
    stand_in = StandIn(name, Path(words[words.index("--config") + 1]).read_text("utf-8"))
    if not {"validate", "checkconfig"} & set(words):
        asyncio.run(stand_in.serve())


if __name__ == "__main__":
    main()
