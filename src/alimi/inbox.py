"""One recipient's inbox, from Python: read pages, mark rows; other tabs hear of it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

from alimi.errors import InvalidCursor, InvalidInput, NotFound
from alimi.model import (
    Action,
    BusMessage,
    Cursor,
    Hint,
    Mark,
    Marked,
    Notification,
    Page,
    PageQuery,
    nearest,
)
from alimi.store import Store

#: The largest page: what a browser can show without noticing.
MAX_PAGE = 200
#: Ids in one mark; more is what `upto` is for.
MAX_IDS = 100
_ACTIONS = get_args(Action)
_MAX_ID = 64
_MAX_VERSION = 2**62


class Inbox:
    """Made by `Alimi.inbox(recipient)`; holds nothing and may be kept or thrown away."""

    def __init__(
        self,
        recipient: str,
        store: Store,
        ready: Callable[[], Awaitable[None]],
        publish: Callable[[Sequence[BusMessage]], Awaitable[None]],
        guard: Callable[[], None],
    ) -> None:
        self.recipient = recipient
        self._store = store
        self._ready = ready
        self._publish = publish
        self._guard = guard

    async def page(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        unread: bool = False,
        archived: bool = False,
        category: str | None = None,
    ) -> Page:
        """Newest first.  `after` is the `next_cursor` of the page before.

        Raises InvalidInput for a limit outside 1 to 200, InvalidCursor for another inbox's cursor.
        """
        if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
            raise InvalidInput(f"limit is a number from 1 to {MAX_PAGE}")
        if after is not None and not isinstance(after, str):
            raise InvalidInput(f"after is the next_cursor of a page, not {type(after).__name__}")
        asked = Cursor.parse(after) if after is not None else None
        query = PageQuery(
            limit=limit,
            before=asked.version if asked else None,
            unread=unread,
            archived=archived,
            category=category,
        )
        page = await self._read(query)
        if asked is not None and asked.tag != page.tag:
            raise InvalidCursor
        return page

    async def get(self, notification_id: str) -> Notification:
        """Raises NotFound for an unknown or deleted notification, or another recipient's."""
        page = await self._read(PageQuery(limit=1, ids=(_checked_id(notification_id),)))
        if not page.items:
            raise NotFound
        return page.items[0]

    async def counts(self) -> Page:
        """Counts and cursor; `items` is empty."""
        return await self._read(PageQuery(limit=0))

    async def mark(
        self,
        action: Action,
        *,
        ids: Sequence[str] | None = None,
        upto: int | str | None = None,
        at: int | str | None = None,
    ) -> Marked:
        """Mark rows under one new version: some `ids`, everything `upto` a version, or `at` one.

        `upto` and `at` are versions or cursors of this inbox.  `at` undoes: it takes the rows whose
        last change is exactly that version.  `seen` takes only `upto`.
        Raises InvalidInput for more than 100 ids or another number of targets than one, and
        WithinMissing inside an open write transaction of the caller's own: commit that first.
        """
        self._guard()
        if action not in _ACTIONS:
            raise InvalidInput(
                f"an action is one of {', '.join(_ACTIONS)}, not {action!r}"
                f"{nearest(str(action).lower(), _ACTIONS)}"
            )
        if ids is not None and (isinstance(ids, str) or not isinstance(ids, Sequence)):
            raise InvalidInput(f"ids is a list of ids, not {type(ids).__name__}")
        if ids is not None and len(ids) > MAX_IDS:
            raise InvalidInput(f"ids is a list of at most {MAX_IDS}; upto takes everything")
        checked = None if ids is None else tuple(dict.fromkeys(map(_checked_id, ids)))
        mark = Mark(action, checked, await self._shown(upto), await self._changed(at))
        await self._ready()
        marked = await self._store.mark(self.recipient, mark)
        if marked.count:
            await self._publish([Hint(self.recipient, marked.version)])
        return marked

    async def _shown(self, place: int | str | None) -> int | None:
        # In the middle of a replay a cursor tells two places: what was born after the second may
        # not have been shown yet, and what nobody was shown is not marked.
        if not isinstance(place, str):
            return _in_range(place)
        cursor = await self._own(place)
        return _in_range(cursor.version if cursor.base is None else cursor.base)

    async def _changed(self, place: int | str | None) -> int | None:
        return _in_range((await self._own(place)).version if isinstance(place, str) else place)

    async def _own(self, place: str) -> Cursor:
        cursor = Cursor.parse(place)
        if (await self.counts()).tag != cursor.tag:
            raise InvalidCursor
        return cursor

    async def _read(self, query: PageQuery) -> Page:
        await self._ready()
        return await self._store.page(self.recipient, query)


def _checked_id(value: str) -> str:
    if not isinstance(value, str):
        given = type(value).__name__
        raise InvalidInput(f"a notification's id is a str, not {given}; pass its id as text")
    if not 0 < len(value) <= _MAX_ID or not value.isascii():
        raise InvalidInput("a notification's id is a short string")
    return value


def _in_range(version: int | None) -> int | None:
    if version is None:
        return None
    if type(version) is not int or not 0 <= version < _MAX_VERSION:
        given = "" if type(version) is int else f", not {type(version).__name__}"
        raise InvalidInput(f"a version is a number from 0 upwards, or a cursor as text{given}")
    return version
