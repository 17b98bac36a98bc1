"""The events API: an application's server tells Alimi what happened.  Needs an API key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from alimi.errors import InvalidInput
from alimi.kinds import event_from_parts
from alimi.model import Event, Receipt, nearest
from alimi.web.answer import Answer
from alimi.web.body import EVENTS_LIMIT, read_json
from alimi.web.problems import Problem
from alimi.web.router import Call
from alimi.web.schemas import (
    Accepted,
    EventReceipt,
    NewEvent,
    NewEvents,
    NewRetraction,
    NewSignal,
    Party,
)

if TYPE_CHECKING:
    from alimi.facade import Alimi


async def record(call: Call) -> Answer:
    """`POST /v1/events`: all are checked before one is recorded."""
    body: NewEvent | list[NewEvent] = await read_json(
        call.request, call.receive, NewEvents, EVENTS_LIMIT
    )
    if isinstance(body, NewEvent):
        receipt = (await _append(call.alimi, [_event(call.alimi, body, "")]))[0]
        if receipt.status == "conflict":
            raise Problem("key-conflict", _CONFLICT, field="key")
        return Answer.json(receipt, 202)
    events = [_event(call.alimi, each, f"[{number}]") for number, each in enumerate(body)]
    receipts = await _append(call.alimi, events)
    if any(each.status == "conflict" for each in receipts):
        raise Problem("key-conflict", f"{_CONFLICT} The others were recorded.", receipts=receipts)
    return Answer.json(receipts, 202)


async def retract(call: Call) -> Answer:
    """`POST /v1/retractions`."""
    body = await read_json(call.request, call.receive, NewRetraction, EVENTS_LIMIT)
    await call.alimi.retract(body.about, to=None if body.to is msgspec.UNSET else body.to)
    return Answer.json(Accepted(), 202)


async def signal(call: Call) -> Answer:
    """`POST /v1/signals`."""
    body = await read_json(call.request, call.receive, NewSignal, EVENTS_LIMIT)
    await call.alimi.signal(body.to, body.name, body.data)
    return Answer.json(Accepted(), 202)


_CONFLICT = "Use a new key for another event, or send the same body again."


async def _append(alimi: Alimi, events: Sequence[Event]) -> list[EventReceipt]:
    """Events that concern nobody are done already."""
    receipts = {at: Receipt(event.id) for at, event in enumerate(events) if not event.recipients}
    rest = [at for at in range(len(events)) if at not in receipts]
    if rest:
        receipts.update(zip(rest, await alimi.append([events[at] for at in rest]), strict=True))
    return [EventReceipt(receipts[at].id, receipts[at].status) for at in range(len(events))]


def _event(alimi: Alimi, body: NewEvent, where: str) -> Event:
    try:
        return (
            _with_texts(alimi, body) if body.texts is not msgspec.UNSET else _of_kind(alimi, body)
        )
    except InvalidInput as error:
        at = f"{where}: " if where else ""
        raise Problem("invalid-input", f"{at}{error}", field=where or None) from None


def _of_kind(alimi: Alimi, body: NewEvent) -> Event:
    kind = alimi.kinds.get(body.kind)
    if kind is None:
        raise InvalidInput(
            f"the kind {body.kind} is not registered here"
            f"{nearest(body.kind, alimi.kinds) or ': send texts and category with the event'}"
        )
    for name in ("category", "url"):
        if getattr(body, name) not in {None, msgspec.UNSET}:
            raise InvalidInput(
                f"the kind {body.kind} has its own {name}: send texts too, or leave it"
            )
    return kind.event(
        to=body.to,
        actor=_party(body.actor),
        object=_party(body.object),
        target=_party(body.target),
        data=body.data,
        key=body.key,
        about=body.about,
        expires_at=body.expires_at,
    )


def _with_texts(alimi: Alimi, body: NewEvent) -> Event:
    known = alimi.kinds.get(body.kind)
    category = body.category
    if category is msgspec.UNSET and known is not None:
        category = known.category
    if isinstance(category, msgspec.UnsetType) or isinstance(body.texts, msgspec.UnsetType):
        raise InvalidInput("an event with its own texts needs a category")
    return event_from_parts(
        kind=body.kind,
        category=category,
        texts=body.texts,
        url=body.url,
        to=body.to,
        actor=_party(body.actor),
        object=_party(body.object),
        target=_party(body.target),
        data=body.data,
        key=body.key,
        about=body.about,
        expires_at=body.expires_at,
        notify_actor=known is not None and known.notify_actor,
    )


def _party(value: Party | str | int | None) -> object:
    return msgspec.to_builtins(value) if isinstance(value, Party) else value
