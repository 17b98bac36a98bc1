"""A small in-memory stand-in for the library, for tests of the browser's side alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT = Path(__file__).parents[3] / "src" / "alimi" / "client"

CSP = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "worker-src 'self'; require-trusted-types-for 'script'; trusted-types alimi"
)

Json = dict[str, Any]


def stamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with milliseconds."""
    text = (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass
class Inbox:
    """One recipient's rows with their version counter."""

    tag: str
    rows: dict[str, Json] = field(default_factory=dict)
    version: int = 0

    @property
    def cursor(self) -> str:
        return f"{self.tag}.{self.version}"

    def counts(self) -> Json:
        live = [row for row in self.rows.values() if not row["archived_at"]]
        return {
            "unread": sum(not row["read_at"] for row in live),
            "unseen": sum(not row["seen_at"] for row in live),
        }

    def add(self, message: str, ago: timedelta = timedelta(), **more: Any) -> Json:
        self.version += 1
        row: Json = {
            "id": f"n{self.tag}{self.version}",
            "version": self.version,
            "kind": "card.assigned",
            "category": "cards",
            "message": message,
            "url": None,
            "actor": None,
            "object": None,
            "target": None,
            "data": None,
            "created_at": stamp(datetime.now(UTC) - ago),
            "seen_at": None,
            "read_at": None,
            "archived_at": None,
        }
        row.update(more)
        self.rows[row["id"]] = row
        return row

    def page(self, query: dict[str, str]) -> Json:
        archived = query.get("archived") == "true"
        rows = [row for row in self.rows.values() if bool(row["archived_at"]) == archived]
        if query.get("unread") == "true":
            rows = [row for row in rows if not row["read_at"]]
        if "category" in query:
            rows = [row for row in rows if row["category"] == query["category"]]
        rows.sort(key=lambda row: row["created_at"], reverse=True)
        start, limit = int(query.get("after", 0)), int(query.get("limit", 50))
        after = str(start + limit) if len(rows) > start + limit else None
        items = rows[start : start + limit]
        return {"items": items, "next": after, "cursor": self.cursor, **self.counts()}

    def mark(self, body: Json) -> tuple[Json, list[Json]]:
        """The answer and the frames of one mark."""
        action = body["action"]
        changed = [row for row in self._targets(body) if _differs(row, action)]
        if action == "seen":
            changed = [row for row in changed if not row["seen_at"]]
        if changed:
            self.version += 1
        for row in changed:
            _apply(row, action)
            row["version"] = row["version"] if action == "seen" else self.version
        frames = self._frames(changed, body)
        answer = {
            "changed": [] if action == "seen" else [row["id"] for row in changed][:100],
            "count": len(changed),
            "version": self.version,
            "cursor": self.cursor,
            **self.counts(),
        }
        return answer, frames

    def _targets(self, body: Json) -> list[Json]:
        if "ids" in body:
            return [self.rows[key] for key in body["ids"] if key in self.rows]
        key, value = next((k, body[k]) for k in ("upto", "at") if k in body)
        tag, _, version = str(value).rpartition(".")
        if tag and tag != self.tag:
            return []
        if key == "at":
            return [row for row in self.rows.values() if row["version"] == int(version)]
        return [row for row in self.rows.values() if row["version"] <= int(version)]

    def _frames(self, changed: list[Json], body: Json) -> list[Json]:
        if not changed:
            return []
        same: Json = {"version": self.version, **self.counts()}
        if body["action"] == "seen":
            upto = int(str(body["upto"]).rpartition(".")[2])
            return [{"seen_upto": upto, **same}]
        groups: dict[tuple[Any, ...], list[str]] = {}
        for row in changed:
            flags = (row["seen_at"], row["read_at"], row["archived_at"])
            groups.setdefault(flags, []).append(row["id"])
        names = ("seen_at", "read_at", "archived_at")
        return [
            {"ids": ids, **dict(zip(names, f, strict=True)), **same} for f, ids in groups.items()
        ]


def _differs(row: Json, action: str) -> bool:
    flag = "archived_at" if "archive" in action else "seen_at" if action == "seen" else "read_at"
    return bool(row[flag]) == action.startswith("un")


def _apply(row: Json, action: str) -> None:
    flag = "archived_at" if "archive" in action else "seen_at" if action == "seen" else "read_at"
    row[flag] = None if action.startswith("un") else stamp()
    if action == "read":
        row["seen_at"] = row["seen_at"] or row["read_at"]


@dataclass(eq=False)
class Stream:
    """One open stream: whose, and where its bytes go."""

    user: str
    writer: asyncio.StreamWriter

    def frame(self, data: Json, event: str = "", cursor: str = "") -> None:
        lines = [f"id: {cursor}"] if cursor else []
        lines += [f"event: {event}"] if event else []
        lines.append("data: " + json.dumps(data, ensure_ascii=False))
        self.writer.write(("\n".join(lines) + "\n\n").encode())


class FakeAlimi:
    """The server: `await start()`, then act on inboxes and look at what was asked."""

    def __init__(self) -> None:
        self.inboxes: dict[str, Inbox] = {}
        self.streams: set[Stream] = set()
        self.requests: list[tuple[str, str, Json | None]] = []
        self.headers: list[dict[str, str]] = []
        self.pages: dict[str, str] = {}
        self.csp = CSP
        self.bearer: dict[str, str] = {}
        self.refuse: int | None = None
        self.retry = 200
        self.port = 0
        self.changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def inbox(self, user: str) -> Inbox:
        return self.inboxes.setdefault(user, Inbox(f"tag{user}"))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a killed process: every connection is cut."""
        assert self._server
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self.streams.clear()
        await self._server.wait_closed()

    async def until(self, true: Callable[[], bool], seconds: float = 8) -> None:
        """Waits for the server to have seen what makes this true."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(true)

    def of(self, user: str) -> list[Stream]:
        return [stream for stream in self.streams if stream.user == user]

    def asked(self, path: str) -> list[Json | None]:
        return [body for _, at, body in self.requests if urlsplit(at).path == path]

    def notify(self, user: str, message: str, **more: Any) -> Json:
        inbox = self.inbox(user)
        row = inbox.add(message, **more)
        for stream in self.of(user):
            stream.frame({**row, **inbox.counts()}, cursor=inbox.cursor)
        return row

    def retract(self, user: str, row: Json) -> None:
        inbox = self.inbox(user)
        del inbox.rows[row["id"]]
        inbox.version += 1
        frame = {"ids": [row["id"]], "version": inbox.version, "deleted": True, **inbox.counts()}
        for stream in self.of(user):
            stream.frame(frame, "change", inbox.cursor)

    def signal(self, user: str, name: str, data: Any) -> None:
        for stream in self.of(user):
            stream.frame({"name": name, "data": data}, "signal")

    def hang_up(self, user: str) -> None:
        for stream in self.of(user):
            stream.frame({"reason": "hangup"}, "bye")
            stream.writer.close()
            self.streams.discard(stream)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        lines = (line.partition(": ") for line in head[1:] if line)
        headers = {name.lower(): value for name, _, value in lines}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(raw) if raw else None
        self.requests.append((method, target, body))
        self.headers.append(headers)
        await self._tell()
        path = urlsplit(target).path
        if path.startswith("/alimi/v1/"):
            return await self._api(reader, writer, target, headers, body)
        return self._file(writer, path)

    def _file(self, writer: asyncio.StreamWriter, path: str) -> bool:
        name = path.removeprefix("/alimi/")
        if path in self.pages:
            content, kind = self.pages[path].encode(), "text/html"
        elif path.startswith("/alimi/") and name.endswith(".js") and (CLIENT / name).is_file():
            content, kind = (CLIENT / name).read_bytes(), "text/javascript"
        else:
            return self._answer(writer, 404, b"", "text/plain")
        kind = {"js": "text/javascript", "css": "text/css"}.get(path.rpartition(".")[2], kind)
        return self._answer(writer, 200, content, kind + "; charset=utf-8")

    def _answer(self, writer: asyncio.StreamWriter, status: int, content: bytes, kind: str) -> bool:
        head = (
            f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
            f"Cache-Control: no-store\r\nContent-Security-Policy: {self.csp}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        return True

    def _json(self, writer: asyncio.StreamWriter, status: int, data: Json) -> bool:
        kind = "application/json" if status < 400 else "application/problem+json"
        return self._answer(writer, status, json.dumps(data).encode(), kind)

    def _who(self, headers: dict[str, str]) -> str | None:
        if token := headers.get("authorization", "").removeprefix("Bearer "):
            return self.bearer.get(token)
        cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in cookies}.get("user") or None

    async def _api(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: str,
        headers: dict[str, str],
        body: Json | None,
    ) -> bool:
        url = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        user = self._who(headers)
        if user is None or self.refuse:
            status = self.refuse or 401
            return self._json(writer, status, {"title": "Refused", "status": status})
        inbox = self.inbox(user)
        if url.path.endswith("/counts"):
            return self._json(writer, 200, {"cursor": inbox.cursor, **inbox.counts()})
        if url.path.endswith("/stream"):
            await self._stream(reader, writer, user, headers.get("last-event-id", ""))
            return False
        if url.path.endswith("/mark") and body:
            answer, frames = inbox.mark(body)
            for at, frame in enumerate(frames):
                for stream in self.of(user):
                    stream.frame(frame, "change", inbox.cursor if at + 1 == len(frames) else "")
            return self._json(writer, 200, answer)
        return self._json(writer, 200, inbox.page(query))

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, cursor: str
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n")
        writer.write(
            f"Cache-Control: no-cache, no-transform\r\n\r\nretry: {self.retry}\n\n".encode()
        )
        inbox, stream = self.inbox(user), Stream(user, writer)
        tag, _, version = cursor.rpartition(".")
        head = {"cursor": inbox.cursor, "version": inbox.version, **inbox.counts()}
        if cursor and tag != inbox.tag:
            stream.frame({**head, "reason": "recipient"}, "reset", inbox.cursor)
            cursor = ""
        stream.frame(head, "hello", cursor or inbox.cursor)
        for row in sorted(inbox.rows.values(), key=lambda row: row["version"]):
            if cursor and row["version"] > int(version):
                stream.frame({**row, **inbox.counts()}, cursor=f"{inbox.tag}.{row['version']}")
        self.streams.add(stream)
        await self._tell()
        try:
            await reader.read()
        finally:
            self.streams.discard(stream)
