"""The Python of docs/embedding.md; its Django section is in test_django.py."""

from __future__ import annotations

import ast
import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from alimi import Alimi, Identity
from tests.docs import pages

CHECKS = pages.checks(pages.DOCS / "embedding.md")


async def user_of(session: str | None) -> Any:
    """The application's own log-in: the cookie says who, and in which language."""
    if session is None:
        return None
    ends = int(time.time() * 1000) + 3_600_000
    return SimpleNamespace(id=2, language=session, login_id="a", login_ends_ms=ends)


@pytest.fixture
async def names(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """An Alimi, `who` as the page has it, and one notification for user 2."""
    alimi = Alimi(tmp_path / "app.db")
    text = {"en": "A card for you.", "ko": "카드가 있습니다."}
    kind = alimi.kind("card.assigned", category="cards", text=text)
    await kind.notify(to=2)
    await alimi.flush()
    names = {
        "Identity": Identity, "user_of": user_of, "alimi": alimi, "kind": kind, "partial": partial,
        "Starlette": Starlette, "Mount": Mount, "Litestar": Litestar, "asgi": asgi,
        "Request": Request, "Response": Response, "HTTPException": HTTPException,
    }  # fmt: skip
    exec(CHECKS["who"], names)
    yield names
    await alimi.close()


async def run(code: str, names: dict[str, Any]) -> None:
    """Run a block that may say `await` at its top."""
    waiting = eval(compile(code, "embedding.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if waiting is not None:
        await waiting


@pytest.mark.parametrize("framework", ["starlette", "litestar"])
async def test_a_framework_mounts_it_and_who_says_whose_language(
    names: dict[str, Any], framework: str
) -> None:
    """With the page's `who` a reader has an inbox in the login's language; others have none."""
    exec(CHECKS[framework], names)
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as browser:
        assert (await browser.get("/alimi/v1/inbox")).status_code == 401
        browser.cookies.set("session", "ko")
        inbox = (await browser.get("/alimi/v1/inbox")).json()
    assert [item["message"] for item in inbox["items"]] == ["카드가 있습니다."]


async def test_a_stream_in_a_route_ends_at_the_log_out(names: dict[str, Any]) -> None:
    """Another's is refused; one's own begins, and is gone when the login is ended."""
    names["app"] = FastAPI()
    exec(CHECKS["stream route"], names)
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as browser:
        assert (await browser.get("/sse/2")).status_code == 403
        browser.cookies.set("session", "en")
        assert (await browser.get("/sse/3")).status_code == 403
    begun, told = asyncio.Event(), bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"} if not told else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        told.extend(message.get("body", b""))
        if b"event: hello" in told:
            begun.set()

    scope = {
        "type": "http", "method": "GET", "path": "/sse/2", "raw_path": b"/sse/2",
        "query_string": b"", "root_path": "", "headers": [(b"cookie", b"session=en")],
    }  # fmt: skip
    stream = asyncio.create_task(names["app"](scope, receive, send))
    await asyncio.wait_for(begun.wait(), 10)
    names["user"] = await user_of("en")
    await run(CHECKS["log-out"], names)
    await asyncio.wait_for(stream, 10)
    assert b"event: bye" in told


async def test_what_python_can_do(names: dict[str, Any], tmp_path: Path) -> None:
    """Each call is made as it is shown, those with `within=` in a transaction."""
    calls, _, on_the_inbox = CHECKS["from python"].partition("\n\n")
    session = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    names |= {
        "user": await user_of("en"), "login_id": "a", "old_assignee": 2, "session": session,
        "to": 2, "actor": 1, "object": {"id": 12, "name": "Ship it"}, "target": 3, "key": "once",
        "about": "card:12", "expires_at": int(time.time() * 1000) + 60_000, "within": session,
    }  # fmt: skip
    for line in re.sub(r"(\w+)=…", r"\1=\1", calls).replace("{…}", "{}").splitlines():
        if "within" in line:
            session.execute("BEGIN IMMEDIATE")
        await run(line, names)
        if "within" in line:
            session.execute("COMMIT")
    session.close()
    await run(on_the_inbox, names)
    rows = (await names["inbox"].page()).items
    assert names["marked"].count == 1
    # The first is withdrawn, the second has neither its key nor its matter; the mark is undone.
    assert [row.object for row in rows] == [None, None]
    assert {row.read_at for row in rows} == {None}
