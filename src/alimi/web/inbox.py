"""The inbox API: always the inbox of who is asking, so no path or field names a recipient (G7)."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from alimi.errors import NotFound
from alimi.inbox import Inbox
from alimi.model import Action, Notification
from alimi.streams import locales_of
from alimi.views import NotificationView, view
from alimi.web.answer import Answer
from alimi.web.body import INBOX_LIMIT, read_json, read_query
from alimi.web.problems import Problem
from alimi.web.router import Call
from alimi.web.schemas import (
    InboxCounts,
    InboxMark,
    InboxMarked,
    InboxPage,
    InboxQuery,
    NotificationChange,
)
from alimi.web.types import ASGIApp

T = TypeVar("T")
_MAX_ID = 64


async def page(call: Call) -> Answer:
    """`GET /v1/inbox`."""
    asked = read_query(call.request, InboxQuery)
    found = await _inbox(call).page(
        limit=asked.limit,
        after=_given(asked.after),
        unread=asked.unread,
        archived=asked.archived,
        category=_given(asked.category),
    )
    return Answer.json(
        InboxPage(
            items=[_shown(call, each) for each in found.items],
            next=found.next_cursor,
            unread=found.counts.unread,
            unseen=found.counts.unseen,
            cursor=str(found.cursor),
        )
    )


async def counts(call: Call) -> Answer:
    """`GET /v1/inbox/counts`."""
    found = await _inbox(call).counts()
    return Answer.json(InboxCounts(found.counts.unread, found.counts.unseen, str(found.cursor)))


async def one(call: Call) -> Answer:
    """`GET /v1/inbox/{id}`."""
    return Answer.json(_shown(call, await _inbox(call).get(_id(call))))


async def change(call: Call) -> Answer:
    """`PATCH /v1/inbox/{id}`: another recipient's id is as unknown as any other."""
    asked = await read_json(call.request, call.receive, NotificationChange, INBOX_LIMIT)
    actions: list[Action] = []
    if asked.read is not msgspec.UNSET:
        actions.append("read" if asked.read else "unread")
    if asked.archived is not msgspec.UNSET:
        actions.append("archive" if asked.archived else "unarchive")
    if not actions:
        raise Problem("invalid-input", "Give read, archived, or both.")
    inbox, wanted = _inbox(call), _id(call)
    for action in actions:
        await inbox.mark(action, ids=[wanted])
    return Answer.json(_shown(call, await inbox.get(wanted)))


async def delete(call: Call) -> Answer:
    """`DELETE /v1/inbox/{id}`."""
    marked = await _inbox(call).mark("delete", ids=[_id(call)])
    if not marked.count:
        raise NotFound
    return Answer(204)


async def mark(call: Call) -> Answer:
    """`POST /v1/inbox/mark`."""
    asked = await read_json(call.request, call.receive, InboxMark, INBOX_LIMIT)
    upto = None if isinstance(asked.upto, msgspec.UnsetType) else asked.upto
    at = None if isinstance(asked.at, msgspec.UnsetType) else asked.at
    marked = await _inbox(call).mark(asked.action, ids=_given(asked.ids), upto=upto, at=at)
    return Answer.json(
        InboxMarked(
            changed=list(marked.ids),
            count=marked.count,
            version=marked.version,
            unread=marked.counts.unread,
            unseen=marked.counts.unseen,
            cursor=str(marked.cursor),
        )
    )


async def stream(call: Call) -> ASGIApp:
    """`GET /v1/inbox/stream`."""
    app: ASGIApp = call.alimi.stream(
        call.request.scope, call.identity, ask_again=call.again.ask, asked_at=call.again.asked_at
    )
    return app


def _inbox(call: Call) -> Inbox:
    return call.alimi.inbox(call.identity.recipient)


def _shown(call: Call, notification: Notification) -> NotificationView:
    return view(notification, locales_of(call.request.scope, call.identity))


def _id(call: Call) -> str:
    """What cannot be an id is one that does not exist."""
    wanted = call.parameters["id"]
    if len(wanted) > _MAX_ID or not wanted.isascii():
        raise NotFound
    return wanted


def _given(value: T | msgspec.UnsetType) -> T | None:
    return None if isinstance(value, msgspec.UnsetType) else value
