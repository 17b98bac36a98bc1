"""The application under test: Alimi at /alimi, and a table of its own, in one database.

    POST /notify    {"name", "to", "text"?, "data"?, "fleeting"?}        an event by itself
    POST /deed      {"name", "to", "how", "rollback"?}   a row and its event in one transaction
    POST /withdraw  {"about"}                            retract
    POST /append    {"names", "to", "size"?}             several events, some bytes of data each
    POST /arm       {"point", "nth", "late"}             choose where this process dies
    GET  /page                                           a page that only knows EventSource
    GET  /sse                                            the stream again, on a route of its own

The event's name travels as the id of its object.  Whoever sends the cookie user=2 is user 2.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.asyncio import async_sessionmaker as sessions
from sqlalchemy.orm import Session

from alimi import Alimi, Settings
from alimi.contrib.sqlalchemy import prepare
from alimi.model import now_ms
from alimi.testing import faults
from alimi.testing.unreliable import UnreliableBus
from alimi.web.request import Request

TEXT = {
    "en": "You are now the assignee of {object.id}.",
    "ko": "{object.id} 카드를 맡으셨어요 🔔",
}
DEEDS = Table("deed", MetaData(), Column("name", String, primary_key=True))
PAGE = b"""<!doctype html><meta charset="utf-8"><title>A page</title><ol id="heard"></ol><script>
const heard = document.getElementById("heard");
new EventSource("/sse").onmessage = (event) => {
  heard.append(Object.assign(document.createElement("li"),
    { textContent: JSON.parse(event.data).message }));
};
</script>"""
Json = dict[str, Any]


class RolledBack(Exception):
    """The application changed its mind."""


def who(request: Request) -> str | None:
    """The cookie is the login."""
    return request.cookies.get("user") or None


def engines(database: str) -> tuple[AsyncEngine, Engine]:
    """The application's own two, one for each colour of code."""
    if "://" in database:
        at = database.partition("://")[2]
        return (
            create_async_engine(f"postgresql+asyncpg://{at}"),
            create_engine(f"postgresql+psycopg://{at}"),
        )
    return (
        prepare(create_async_engine(f"sqlite+aiosqlite:///{database}")),
        prepare(create_engine(f"sqlite:///{database}")),
    )


class App:
    """An ASGI application, made anew in each process; `database` is a file or PostgreSQL's URL."""

    def __init__(
        self,
        database: str,
        settings: Json,
        *,
        bus: str | None = None,
        unreliable: int | None = None,
    ) -> None:
        self.engine, self.sync_engine = engines(database)
        self.sessions = sessions(self.engine)
        self.alimi = Alimi(self.engine, bus=bus, settings=msgspec.convert(settings, Settings))
        if unreliable is not None:
            make = self.alimi._bus
            self.alimi._bus = lambda metrics: UnreliableBus(make(metrics), seed=unreliable)
        self.faults: faults.Faults | None = None
        self.kind = self.alimi.kind("card.assigned", category="cards", text=TEXT)
        self.web = self.alimi.asgi(who, metrics=True)
        self.does: dict[str, Callable[[Json], Awaitable[Any]]] = {
            "/notify": self.notify,
            "/deed": self.deed,
            "/withdraw": self.withdraw,
            "/append": self.append,
            "/arm": self.arm,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"].startswith("/alimi/"):
            inner = {**scope, "root_path": "/alimi", "path": scope["path"]}
            await self.web(inner, receive, send)
        elif scope["path"] == "/sse":
            # Without the server's offer of its socket: this route goes the plain ASGI way.
            plain = {**scope, "extensions": {}}

            async def ask() -> str:
                return who(Request(scope)) or ""

            response = self.alimi.stream(plain, await ask(), ask_again=ask)
            await response(plain, receive, send)
        elif scope["path"] == "/page":
            await _answer(send, PAGE, b"text/html")
        else:
            body = await self.does[scope["path"]](json.loads(await _body(receive)))
            await _answer(send, json.dumps(body).encode(), b"application/json")

    async def notify(self, asked: Json) -> Json:
        """An event by itself; `fleeting` gives the milliseconds of its life."""
        expires = now_ms() + asked["fleeting"] if "fleeting" in asked else None
        receipt = await self.kind.notify(
            to=asked["to"],
            object=asked["name"],
            data=asked.get("data"),
            about=asked.get("about"),
            expires_at=expires,
        )
        return {"id": receipt.id}

    async def deed(self, asked: Json) -> Json:
        """A row of the application and its event, together or not at all."""
        try:
            if asked["how"] == "sync":
                await asyncio.to_thread(self._deed_sync, asked)
            else:
                await self._deed_async(asked)
        except RolledBack:
            return {"committed": False}
        return {"committed": True}

    async def _deed_async(self, asked: Json) -> None:
        async with self.sessions.begin() as session:
            await session.execute(DEEDS.insert().values(name=asked["name"]))
            await self.kind.notify(to=asked["to"], object=asked["name"], within=session)
            await self.alimi.signal(asked["to"], "deed", asked["name"], within=session)
            if asked.get("rollback"):
                raise RolledBack

    def _deed_sync(self, asked: Json) -> None:
        with Session(self.sync_engine) as session, session.begin():
            self.kind.record(to=asked["to"], object=asked["name"], within=session)
            session.execute(DEEDS.insert().values(name=asked["name"]))
            self.alimi.record_signal(asked["to"], "deed", asked["name"], within=session)
            if asked.get("rollback"):
                raise RolledBack

    async def withdraw(self, asked: Json) -> Json:
        """Take back what is unread about a matter."""
        await self.alimi.retract(asked["about"])
        return {}

    async def append(self, asked: Json) -> Json:
        """Many events in one call."""
        data = {"filling": "x" * asked.get("size", 0)}
        event = self.kind.kind.event
        await self.alimi.append(
            [event(to=asked["to"], object=name, data=data) for name in asked["names"]]
        )
        return {}

    async def arm(self, asked: Json) -> Json:
        """From now on this process dies at that point."""
        if self.faults is not None:
            loop = asyncio.get_running_loop()
            action = faults.kill_after_turns(loop) if asked["late"] else faults.kill
            self.faults.arm(asked["point"], asked["nth"], action)
        return {}

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        async with self._started():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[None]:
        await self.alimi.start()
        if self.engine.dialect.name == "sqlite":  # else it is there: several would make it at once
            async with self.engine.begin() as connection:
                await _make_table(connection)
        try:
            yield
        finally:
            await self.alimi.close()
            self.sync_engine.dispose()
            await self.engine.dispose()


async def _make_table(connection: AsyncConnection) -> None:
    await connection.run_sync(DEEDS.metadata.create_all)


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    with contextlib.suppress(OSError):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
