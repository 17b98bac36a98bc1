"""What a newcomer gets wrong in Python: the error names it, and what to write instead."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from alimi import Alimi, AlimiError, Cursor
from alimi.errors import WithinMissing

OBJECT = {"id": 1, "name": "Login page"}
SOMEBODY = uuid.UUID(int=2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"text": "hello"}, "{'en': 'hello'}, one for each language, not str"),
        ({"text": lambda event: "hello"}, "one for each language, not function"),
        ({"text": {}}, 'texts like {"ko": "…", "en": "…"}'),
        ({"expires_in": timedelta(days=1)}, "pass its total_seconds()"),
        ({"expires_in": "1h"}, "expires_in is a number of seconds above 0, not str"),
        ({"expires_in": True}, "not bool"),
        ({"expires_in": float("nan")}, "expires_in is a number of seconds above 0"),
        ({"notify_actor": "no"}, "notify_actor is True or False, not str"),
    ],
)
async def test_a_kind_that_cannot_be(alimi: Alimi, wrong: dict[str, Any], told: str) -> None:
    """Told where it is registered, and nothing is registered."""
    with pytest.raises(AlimiError) as caught:
        alimi.kind("card.moved", **{"category": "cards", "text": {"en": "x"}, **wrong})
    assert told in str(caught.value)
    assert "card.moved" not in alimi.kinds


@pytest.mark.parametrize(
    ("action", "target", "told"),
    [
        ("raed", {"upto": 1}, "not 'raed'; did you mean 'read'?"),
        ("Read", {"upto": 1}, "did you mean 'read'?"),
        ("read", {"ids": 3}, "ids is a list of ids, not int"),
        ("read", {"ids": "0198"}, "ids is a list of ids, not str"),
        ("read", {"ids": [SOMEBODY]}, "an id is a str, not UUID"),
        ("read", {"ids": ["x"] * 101}, "upto takes everything"),
        ("read", {"upto": 1.5}, "or a cursor as text, not float"),
        ("read", {"at": Cursor("7fQ2abcd", 3)}, "or a cursor as text, not Cursor"),
    ],
)
async def test_a_mark_that_cannot_be(
    alimi: Alimi, action: Any, target: dict[str, Any], told: str
) -> None:
    """Told by name, before anything is marked."""
    with pytest.raises(AlimiError) as caught:
        await alimi.inbox(2).mark(action, **target)
    assert told.replace("an id", "a notification's id") in str(caught.value)


MISTAKES: dict[str, Callable[[Any], Any]] = {
    "limit is a number from 1 to 200": lambda alimi: alimi.inbox(2).page(limit=1.5),
    "after is the next_cursor of a page, not int": lambda alimi: alimi.inbox(2).page(after=5),
    "a list of events, of Kind.event(…), not dict": lambda alimi: alimi.append([{"kind": "x"}]),
    "a list of events, of Kind.event(…), not str": lambda alimi: alimi.append("x"),
    "session is the str of an Identity, not int": lambda alimi: alimi.end_streams(2, session=5),
    "without line breaks, not int": lambda alimi: alimi.retract(5),
    "int or a str, not UUID; pass str(value)": lambda alimi: alimi.end_streams(SOMEBODY),
}


@pytest.mark.parametrize("told", MISTAKES)
async def test_a_call_that_cannot_be(alimi: Alimi, told: str) -> None:
    """One of Alimi's own errors, never one from deep inside or, worse, none."""
    with pytest.raises(AlimiError) as caught:
        await MISTAKES[told](alimi)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"to": SOMEBODY}, "to= takes a recipient or several, not UUID; pass str(value)"),
        ({"to": [SOMEBODY]}, "an int or a str, not UUID; pass str(value)"),
        ({"expires_at": 1_785_000_000}, "expires_at is in milliseconds since 1970, not seconds"),
        ({"within": "session"}, "within= takes a session of SQLAlchemy"),
    ],
    ids=lambda each: each if isinstance(each, str) else "-",
)
async def test_an_event_that_cannot_be(alimi: Alimi, wrong: dict[str, Any], told: str) -> None:
    """Nothing is recorded."""
    kind = alimi.kind("card.moved", category="cards", text={"en": "{object.name} was moved."})
    parts: dict[str, Any] = {"to": 2, "object": OBJECT, **wrong}
    with pytest.raises(AlimiError) as caught:
        await kind.notify(**parts)
    assert told in str(caught.value)
    assert (await alimi.inbox(2).counts()).counts.unread == 0


@pytest.mark.parametrize("to", [2, None])
async def test_to_record_without_a_transaction_says_what_to_write(alimi: Alimi, to: Any) -> None:
    """`within` left away: as where `notify` misses it, and nothing is recorded."""
    kind = alimi.kind("card.moved", category="cards", text={"en": "x"})
    calls: tuple[Callable[[], Any], ...] = (
        lambda: kind.record(to=to, object=OBJECT),  # type: ignore[call-arg]
        lambda: alimi.record_signal(to, "x"),  # type: ignore[call-arg]
        lambda: alimi.record_retract("x", to=to),  # type: ignore[call-arg]
    )
    for each in calls:
        with pytest.raises(WithinMissing, match=r"pass it as within=.*await notify\(\)"):
            each()
    assert (await alimi.inbox(2).counts()).counts.unread == 0


def test_a_bus_that_cannot_be(alimi: Alimi) -> None:
    """Another type, as one of another scheme."""
    bus: Any = 3
    with pytest.raises(AlimiError, match="bus= takes a URL such as nats://…, not int"):
        Alimi("app.db", bus=bus)
