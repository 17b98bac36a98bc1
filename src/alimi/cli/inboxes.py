"""Follow one inbox for as long as one likes: over HTTP, or from the database's change feed.

Both ways give the same events, those of the wire, so that one printer serves both.  A reader that
resumes gets what it missed, or a `reset` (G5).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

import msgspec

from alimi.cli.remote import Refused, Remote, Unreachable
from alimi.errors import AlimiError, InvalidInput, StoreBusy, StoreError
from alimi.model import Changes, PageQuery
from alimi.position import Frames, Place, beginning
from alimi.sse import Decoder, ServerEvent
from alimi.store import Store
from alimi.views import view

#: First and longest wait after a failed connection, in seconds.
_PAUSES = (1.0, 30.0)
#: How often the database is asked for news, in seconds; one indexed read.
_LOOK = 0.25
#: Rows in one read, and about the bytes that are made of them at once.
_PAGE, _PIECE = 256, 1 << 20


class Inbox(Protocol):
    """What `tail` needs of one; a context, for what has to be let go."""

    def page(self, limit: int) -> tuple[list[dict[str, Any]], str]:
        """The newest notifications, oldest first, and where to go on from."""

    def events(self, cursor: str) -> Iterator[ServerEvent]:
        """Everything after the cursor, for ever."""


class _Retries:
    """Ever longer pauses between attempts that fail; `note` is told of them."""

    def __init__(self, note: Callable[[str], None], sleep: Callable[[float], None]) -> None:
        self._note = note
        self._sleep = sleep
        self._failures = 0

    def works(self) -> None:
        """The last attempt did not fail."""
        if self._failures:
            self._note("connected again")
        self._failures = 0

    def pause(self, error: AlimiError, asked: float | None = None) -> None:
        """Wait after a failure, and not less than `asked` seconds."""
        longest = min(_PAUSES[0] * 2**self._failures, _PAUSES[1])
        self._failures = min(self._failures + 1, 10)
        # Never less than asked, and never all clients at the same moment.
        wait = (asked or 0) + random.uniform(longest / 2, longest)
        self._note(f"{error}; again in {wait:.0f} s")
        self._sleep(wait)


class RemoteInbox(AbstractContextManager["RemoteInbox"]):
    """The inbox of a server; its stream is taken up again whenever it ends.

    `credentials` answers the headers that say who we are, afresh for each request.  `note` is told
    about the connection.
    """

    def __init__(
        self,
        remote: Remote,
        credentials: Callable[[], dict[str, str]],
        note: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._remote = remote
        self._credentials = credentials
        self._retries = _Retries(note, sleep)
        self._sleep = sleep
        self._retry = _PAUSES[0]
        self._cursor = ""
        self._shown: set[tuple[str, int]] = set()

    def __exit__(self, *exception: object) -> None:
        """Nothing is held between requests."""

    def page(self, limit: int) -> tuple[list[dict[str, Any]], str]:
        """The newest notifications.  Raises Unreachable or Refused."""
        path = f"/v1/inbox?limit={limit}" if limit else "/v1/inbox/counts"
        answer = self._remote.get(path, self._credentials())
        try:
            return list(reversed(answer.get("items", []))), str(answer["cursor"])
        except (AttributeError, KeyError, TypeError):
            raise Refused(200, "this is not Alimi's answer: is --url right?") from None

    def events(self, cursor: str) -> Iterator[ServerEvent]:
        """Events for ever.  Raises Refused when asking again would not help."""
        self._cursor = cursor
        while True:
            try:
                yield from self._once()
                self._sleep(self._retry)
            except Unreachable as error:
                self._retries.pause(error)
            except Refused as error:
                if not error.is_temporary:
                    raise
                self._retries.pause(error, error.retry_after)

    def _once(self) -> Iterator[ServerEvent]:
        headers = self._credentials()
        if self._cursor:
            headers["Last-Event-ID"] = self._cursor
        stream = self._remote.stream("/v1/inbox/stream", headers)
        decoder = Decoder()
        try:
            while chunk := stream.read():
                self._retries.works()
                for event in decoder.feed(chunk):
                    if not self._is_repeated(event):
                        yield event
                    self._arrived_at(event.id)
                if decoder.retry is not None:
                    self._retry = decoder.retry / 1000
        except InvalidInput as error:
            raise Unreachable(f"the stream is not one of Alimi's: {error}") from None
        finally:
            stream.close()

    def _arrived_at(self, cursor: str) -> None:
        if cursor and cursor != self._cursor:
            self._cursor = cursor
            self._shown.clear()

    def _is_repeated(self, event: ServerEvent) -> bool:
        """A version that a cut divided is told again as a whole (G4)."""
        if event.event != "message":
            return False
        row = msgspec.json.decode(event.data)
        seen = (row["id"], row["version"])
        if seen in self._shown:
            return True
        self._shown.add(seen)
        return False


class DatabaseInbox(AbstractContextManager["DatabaseInbox"]):
    """The inbox as the database has it; works beside a running server, and without one.

    `note` is told about the connection.
    """

    def __init__(
        self,
        store: Store,
        recipient: str,
        locales: Sequence[str],
        note: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._recipient = recipient
        self._locales = tuple(locales)
        self._retries = _Retries(note, sleep)
        self._sleep = sleep
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        """Open the database."""
        self._runner.run(self._store.open())
        return self

    def __exit__(self, *exception: object) -> None:
        """Let go of it."""
        with self._runner:
            self._runner.run(self._store.close())

    def page(self, limit: int) -> tuple[list[dict[str, Any]], str]:
        """The newest notifications."""
        page = self._runner.run(self._store.page(self._recipient, PageQuery(limit=limit)))
        rows = [msgspec.to_builtins(view(each, self._locales)) for each in page.items]
        return rows[::-1], str(page.cursor)

    def events(self, cursor: str) -> Iterator[ServerEvent]:
        """Everything after the cursor, for ever.  Raises StoreError when that cannot change."""
        decoder = Decoder()
        place: Place = beginning(cursor, self._locales)
        while True:
            changes = self._changes_after(place)
            step = Frames(changes, _PIECE).step(place)
            place = step.place
            yield from decoder.feed(step.body)
            if place.cursor >= changes.head:
                self._sleep(_LOOK)  # a file tells nobody that another process wrote to it

    def _changes_after(self, place: Place) -> Changes:
        while True:
            try:
                read = self._store.changes_after([(self._recipient, place.wanted)], _PAGE)
                changes = self._runner.run(read)[0]
            except StoreError as error:
                if type(error) not in {StoreError, StoreBusy}:
                    raise
                self._retries.pause(error)
            else:
                self._retries.works()
                return changes
