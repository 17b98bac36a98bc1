"""A board without a network: its application, its people, and what they were told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from board import passwords
from board.app import create_app
from board.board import Board
from board.settings import Settings

ADDRESS = "http://board.test"
EMMA, JIWOO, DOHYUN = 1, 2, 3
PROBLEM = "application/problem+json"

Json = dict[str, Any]


class Person:
    """Somebody who is logged in."""

    def __init__(self, client: AsyncClient, board: Board) -> None:
        self.client = client
        self._board = board

    async def get(self, path: str) -> Json:
        """What the server answers, which has to be 200."""
        return _json(await self.client.get(path), 200)

    async def assign(self, card: int, user: int | None, **headers: str) -> Response:
        """Hand a card over."""
        path = f"/api/cards/{card}/assignee"
        return await self.client.patch(path, json={"user_id": user}, headers=headers)

    async def comment(self, card: int, text: str) -> Json:
        """Say something about a card."""
        path = f"/api/cards/{card}/comments"
        return _json(await self.client.post(path, json={"text": text}), 201)

    async def edit(self, card: int, **fields: Any) -> Json:
        """Change a card."""
        return _json(await self.client.patch(f"/api/cards/{card}", json=fields), 200)

    async def watch(self, card: int, *, watching: bool) -> None:
        """Follow a card, or no longer."""
        path = f"/api/cards/{card}/watching"
        _json(await self.client.put(path, json={"watching": watching}), 200)

    async def inbox(self) -> list[Json]:
        """The notifications, newest first."""
        await self._board.alimi.flush()
        items: list[Json] = (await self.get("/alimi/v1/inbox"))["items"]
        return items

    async def heard(self) -> list[str]:
        """The kinds of the notifications, oldest first."""
        return [each["kind"] for each in reversed(await self.inbox())]

    async def read(self, notification: str) -> None:
        """Mark one as read."""
        path = f"/alimi/v1/inbox/{notification}"
        _json(await self.client.patch(path, json={"read": True}), 200)


class Bench:
    """One board and everybody who comes to it."""

    def __init__(self, app: FastAPI, opened: AsyncExitStack) -> None:
        self.app = app
        self.board: Board = app.state.board
        self._opened = opened

    async def stranger(self, **headers: str) -> AsyncClient:
        """A browser in which nobody is logged in."""
        transport = ASGITransport(app=self.app, raise_app_exceptions=False)
        client = AsyncClient(transport=transport, base_url=ADDRESS, headers=headers)
        return await self._opened.enter_async_context(client)

    async def person(self, user_id: int, password: str = "demo") -> Person:
        """A browser in which somebody has logged in."""
        client = await self.stranger()
        answer = await log_in(client, user_id, password)
        assert answer.status_code == 204, answer.text
        return Person(client, self.board)


def detail(answer: Response, status: int) -> str:
    """The sentence of a problem, which has to be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail"} <= problem.keys()
    return str(problem["detail"])


async def log_in(client: AsyncClient, user_id: int, password: str = "demo") -> Response:
    """Try to log in."""
    wanted = {"user_id": user_id, "password": password}
    return await client.post("/api/session", json=wanted)


@asynccontextmanager
async def open_bench(database: Path | str, *, demo: bool = True) -> AsyncIterator[Bench]:
    """Start a board on a file, or a server's database, and stop it again."""
    app = create_app(Settings(database, demo=demo))
    async with app.router.lifespan_context(app), AsyncExitStack() as opened:
        yield Bench(app, opened)


def hash_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing passwords is slow on purpose; where nobody attacks it would only be slow."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64))


def _json(answer: Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found
