"""One open stream of an Alimi in the test's own loop, and the kind that most tests tell of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from alimi import Alimi, BoundKind
from tests.support.reader import Reader

TEXT = {"ko": "카드의 담당자가 사용자님으로 변경되었습니다.", "en": "You are now the assignee."}


def assigned(alimi: Alimi) -> BoundKind:
    """The kind `card.assigned`, registered once however often it is asked for."""
    return alimi.kind("card.assigned", category="cards", url="/cards/{object.id}", text=TEXT)


class OpenStream:
    """The ASGI side of one stream."""

    def __init__(
        self,
        alimi: Alimi,
        identity: object,
        ask_again: Callable[[], Awaitable[object]] | None = None,
        **headers: str,
    ) -> None:
        self.reader = Reader()
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self._changed = asyncio.Condition()
        self._leave = asyncio.Event()
        scope = {
            "type": "http",
            "method": headers.pop("method", "GET"),
            "query_string": headers.pop("query", "").encode(),
            "headers": [(key.replace("_", "-").encode(), v.encode()) for key, v in headers.items()],
        }

        async def still_the_same() -> object:
            return identity

        ask_again = ask_again or still_the_same
        self.task = asyncio.create_task(
            alimi.stream(scope, identity, ask_again=ask_again)(scope, self._receive, self._send)
        )

    async def _receive(self) -> dict[str, Any]:
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._changed:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = dict(message["headers"])
            else:
                self.reader.feed(message["body"])
            self._changed.notify_all()

    async def until(self, condition: Any) -> Reader:
        """Wait until `condition(reader)` holds."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: condition(self.reader))
        return self.reader

    async def leave(self) -> None:
        """The reader goes."""
        self._leave.set()
        await asyncio.wait_for(self.task, 10)
